/** Compiles proto/wire/*.proto to static code: `node proto/wire/build.mjs [folder]`, by default to proto/wire/generated. */
import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import pbjs from 'protobufjs-cli/pbjs.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const folder = process.argv[2] ?? join(here, 'generated')
const sources = readdirSync(here)
  .filter((file) => file.endsWith('.proto'))
  .sort()
  .map((file) => relative(process.cwd(), join(here, file)))

// Encoding and decoding alone: messages are checked and converted in proto/messages.ts.
const leaveOut = ['create', 'verify', 'delimited', 'service', 'convert', 'typeurl']
const flags = ['-t', 'static-module', '-w', 'esm', '-d', '--force-number', ...leaveOut.map((name) => `--no-${name}`)]

pbjs.main([...flags, '-o', join(folder, 'wire.js'), ...sources], (error) => {
  if (error) throw error
})
