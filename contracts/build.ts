/**
 * `node contracts/build.ts [--check]`: compiles the contracts and writes what follows from them: what the client needs
 * into client/abi, so that the product runs without a compiler, what tests deploy besides, and the ABI and storage
 * snapshots. With --check nothing is written: exit 1 if a committed file is out of date.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { forge } from './forge.ts'
import {
  abiSnapshot,
  CONTRACTS,
  PROBES,
  readArtifacts,
  readEnums,
  readLayout,
  storageSnapshot,
  typesSource,
} from './generate.ts'

const here = import.meta.dirname
const SEAL = 'client/abi/seal.generated.json'
const GENERATED = [
  'client/abi/artifacts.generated.json',
  'client/abi/types.generated.ts',
  'client/testing/probes.generated.json',
  'snapshots/abi.txt',
  'snapshots/storage.txt',
] as const

/** Paths of the sources in src, of every folder, with forward slashes. */
function sourceNames(): string[] {
  const files = readdirSync(join(here, 'src'), { recursive: true, encoding: 'utf8' })
  return files.flatMap((file) => (file.endsWith('.sol') ? [file.replaceAll('\\', '/')] : [])).sort()
}

/** The generated files as the compiler's last output makes them, by path in this folder. */
function outputs(): Map<string, string> {
  const out = join(here, 'out', 'main')
  const artifacts = readArtifacts(out, CONTRACTS)
  const enums = readEnums(sourceNames().map((name) => readFileSync(join(here, 'src', name), 'utf8')))
  const texts = [
    `${JSON.stringify(artifacts)}\n`,
    typesSource(artifacts, enums),
    `${JSON.stringify(readArtifacts(out, PROBES))}\n`,
    abiSnapshot(artifacts),
    ['Assay', 'PinpointArbiter'].map((name) => `${name} ${storageSnapshot(readLayout(out, name))}`).join('\n'),
  ]
  return new Map(GENERATED.map((name, i) => [name, texts[i] ?? '']))
}

/** Paths of generated files that differ from the compiler's last output. */
function stale(): string[] {
  return [...outputs()].flatMap(([name, text]) => (current(name) === text ? [] : [`contracts/${name}`]))
}

function current(name: string): string {
  try {
    return readFileSync(join(here, name), 'utf8')
  } catch {
    return ''
  }
}

/** SHA-256 over everything the generated files follow from, and over those files: a change of either breaks it. */
function seal(): string {
  const hash = createHash('sha256')
  const { version } = createRequire(import.meta.url)('solc/package.json') as { version: string }
  hash.update(`solc ${version}\n`)
  const sources = sourceNames().map((name) => `src/${name}`)
  for (const name of ['foundry.toml', ...sources, ...GENERATED]) {
    const text = current(name)
    hash.update(`${name} ${text.length}\n${text}`)
  }
  return `${JSON.stringify({ sha256: hash.digest('hex') })}\n`
}

/** Whether the generated files were made from these very sources: known without compiling. */
export function isSealed(): boolean {
  return current(SEAL) === seal()
}

function write(name: string, text: string): void {
  if (current(name) === text) return
  mkdirSync(dirname(join(here, name)), { recursive: true })
  writeFileSync(join(here, name), text)
  console.log(`wrote contracts/${name}`)
}

if (import.meta.main) {
  const code = await forge(['build'], 'default')
  if (code !== 0) process.exit(code)
  if (process.argv.includes('--check')) {
    const wrong = [...stale(), ...(isSealed() ? [] : [`contracts/${SEAL}`])]
    for (const path of wrong) console.error(`${path} is out of date: run node contracts/build.ts`)
    process.exitCode = wrong.length > 0 ? 1 : 0
  } else {
    for (const [name, text] of outputs()) write(name, text)
    write(SEAL, seal())
  }
}
