/**
 * `node contracts/build.ts [--check]`: compiles the contracts and writes what the client needs into client/abi, so that
 * the product runs without a compiler. With --check nothing is written: exit 1 if a committed file is out of date.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { forge } from './forge.ts'
import { readArtifacts, readEnums, typesSource } from './generate.ts'

const here = import.meta.dirname
const target = join(here, 'client', 'abi')

/** Every generated file, by path. */
export function outputs(): Map<string, string> {
  const artifacts = readArtifacts(join(here, 'out'))
  const sources = readdirSync(join(here, 'src')).map((name) => readFileSync(join(here, 'src', name), 'utf8'))
  return new Map([
    [join(target, 'artifacts.generated.json'), `${JSON.stringify(artifacts)}\n`],
    [join(target, 'types.generated.ts'), typesSource(artifacts, readEnums(sources))],
  ])
}

function current(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const code = await forge(['build', 'src'])
  if (code !== 0) process.exit(code)
  mkdirSync(target, { recursive: true })
  let stale = 0
  for (const [path, text] of outputs()) {
    if (current(path) === text) continue
    stale++
    const name = relative(process.cwd(), path)
    if (process.argv.includes('--check')) console.error(`${name} is out of date: run node contracts/build.ts`)
    else writeFileSync(path, text)
    if (!process.argv.includes('--check')) console.log(`wrote ${name}`)
  }
  if (process.argv.includes('--check') && stale > 0) process.exitCode = 1
}
