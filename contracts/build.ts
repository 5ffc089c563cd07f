/**
 * `node contracts/build.ts [--check]`: compiles the contracts and writes what follows from them: what the client needs
 * into client/abi, so that the product runs without a compiler, and the ABI and storage snapshots. With --check nothing
 * is written: exit 1 if a committed file is out of date.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { forge } from './forge.ts'
import { abiSnapshot, readArtifacts, readEnums, readLayout, storageSnapshot, typesSource } from './generate.ts'

const here = import.meta.dirname

interface Output {
  /** From the repository's root. */
  readonly path: string
  readonly file: string
  readonly text: string
}

/** Every generated file as the compiler's last output makes it. */
function outputs(): Output[] {
  const out = join(here, 'out')
  const artifacts = readArtifacts(out)
  const sources = readdirSync(join(here, 'src')).sort()
  const enums = readEnums(sources.map((name) => readFileSync(join(here, 'src', name), 'utf8')))
  const files: [string, string][] = [
    ['client/abi/artifacts.generated.json', `${JSON.stringify(artifacts)}\n`],
    ['client/abi/types.generated.ts', typesSource(artifacts, enums)],
    ['snapshots/abi.txt', abiSnapshot(artifacts)],
    ['snapshots/storage.txt', storageSnapshot(readLayout(out, 'Assay'))],
  ]
  return files.map(([name, text]) => {
    const file = join(here, name)
    return { path: relative(dirname(here), file), file, text }
  })
}

/** The generated files that differ from the compiler's last output. */
export function staleOutputs(): Output[] {
  return outputs().filter(({ file, text }) => current(file) !== text)
}

function current(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const code = await forge(['build'], 'default')
  if (code !== 0) process.exit(code)
  const check = process.argv.includes('--check')
  const stale = staleOutputs()
  for (const { path, file, text } of stale) {
    if (check) console.error(`${path} is out of date: run node contracts/build.ts`)
    else {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
      console.log(`wrote ${path}`)
    }
  }
  if (check && stale.length > 0) process.exitCode = 1
}
