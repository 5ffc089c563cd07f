/** No decoder without a fuzzer: every exported function that decodes, parses or unpacks is the entry of a target, or says why not. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { keptTargets } from '#test/fuzz/corpus.ts'
import { TARGETS } from '#test/fuzz/targets/index.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FOLDERS = [
  'proto',
  'arith',
  'graph',
  'pinpoint',
  'engine',
  'net',
  'contracts/client',
  'runtime',
  'coordinator',
  'solver',
]
const ALL = [...FOLDERS, 'verifier', 'whistleblower', 'app']
const DECODER = /^export (?:async )?(?:function|const) ((?:decode|parse|unpack)\w*)/gm

/** Decoders that no target calls, each with its reason. */
const EXEMPT: Readonly<Record<string, string>> = {
  'contracts/client/keeper.ts#unpackState': 'a whole file that only this program writes, as large as the chain is',
  'engine/native/x86/form.ts#parseForm': 'reads tables of the source itself',
  'engine/native/x86/form.ts#parseForms': 'reads tables of the source itself',
}

function decoders(): string[] {
  return ALL.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((file) => file.endsWith('.ts') && !/\.(test|d)\.ts$|generated|testing|node_modules/.test(file))
      .flatMap((file) => {
        const source = readFileSync(join(ROOT, file), 'utf8')
        return [...source.matchAll(DECODER)].map(([, name]) => `${file}#${name}`)
      }),
  )
}

test('every decoder is fuzzed', () => {
  const covered = new Set(TARGETS.flatMap(({ covers }) => covers))
  const found = decoders()
  expect(found.length).toBeGreaterThan(15)
  expect(found.filter((name) => !covered.has(name) && EXEMPT[name] === undefined)).toEqual([])
  expect(Object.keys(EXEMPT).filter((name) => covered.has(name) || !found.includes(name))).toEqual([])
})

test('what targets say they cover exists', () => {
  for (const name of TARGETS.flatMap(({ covers }) => covers)) {
    const [file, symbol] = name.split('#') as [string, string]
    expect(readFileSync(join(ROOT, file), 'utf8'), name).toMatch(new RegExp(`export [a-z ]+ ${symbol}\\b`))
  }
})

test('targets have names of their own, and kept inputs belong to one', () => {
  const names = TARGETS.map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
  expect(keptTargets().filter((name) => !names.includes(name))).toEqual([])
})
