/** Every hostile input of the table has its test, its error and its consequence, and the check can fail. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { ERROR_CODES } from '#proto/errors.ts'
import { faultyRows, hostileRows } from './hostile.ts'
import { filesBelow } from './source.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const TABLE = readFileSync(join(ROOT, 'docs/hostile-input.md'), 'utf8')

/** Codes of the protocol and errors of the contract. */
function errors(): Set<string> {
  const sources = filesBelow(join(ROOT, 'contracts/src')).map((file) =>
    readFileSync(join(ROOT, 'contracts/src', file), 'utf8'),
  )
  const names = sources.flatMap((text) => [...text.matchAll(/^ *error (\w+)\(/gm)].map(([, name]) => name as string))
  return new Set([...Object.keys(ERROR_CODES), ...names])
}

it('holds for every row', () => {
  const rows = hostileRows(TABLE)
  expect(rows.length).toBeGreaterThanOrEqual(100)
  // A row that the pattern does not know would go unchecked.
  expect(TABLE.match(/^\| \d+ \|/gm)).toHaveLength(rows.length)
  expect(faultyRows(ROOT, rows, errors())).toEqual([])
})

it('reports what is not there', () => {
  const row = (line: string): string[] => faultyRows(ROOT, hostileRows(line), errors())
  const file = 'test/arch/hostile.test.ts'
  expect(row(`| 1 | x | \`${file}\`: holds for every row | \`bad-job\` | exit 3 |`)).toEqual([])
  expect(row(`| 1 | x | \`${file}\`: holds for | \`bad-job\` | exit 3 |`)).toEqual([
    `1: ${file} has no test "holds for"`,
  ])
  expect(row('| 2 | x | `gone.test.ts`: y | `bad-luck` | shrug |')).toEqual([
    '2: the number should be 1',
    '2: there is no gone.test.ts',
    '2: gone.test.ts has no test "y"',
    '2: bad-luck is no error',
    '2: shrug is no consequence',
  ])
})
