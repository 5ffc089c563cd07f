/** `node contracts/forge.ts ARGS`: forge in this folder, with this Node as the one that runs the compiler. */
import { spawn } from 'node:child_process'
import { delimiter, dirname } from 'node:path'
import { foundryTool } from '#contracts/foundry.ts'
import { isAssayError } from '#proto/errors.ts'

/** Runs forge. Resolves with its exit code. Throws `not-found` without a forge. */
export function forge(args: readonly string[], stdio: 'inherit' | 'ignore' = 'inherit'): Promise<number> {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}` }
  const child = spawn(foundryTool('forge'), args, { cwd: import.meta.dirname, env, stdio })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 130)))
  })
}

if (import.meta.main) {
  try {
    process.exitCode = await forge(process.argv.slice(2))
  } catch (error) {
    if (!isAssayError(error)) throw error
    console.error(`${error.message}. ${error.next ?? ''}`)
    process.exitCode = 1
  }
}
