import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ARITY, BLOCK_CODE, BLOCKS } from './blocks.ts'
import { MAX_GUARDS, MAX_INT, MAX_LOADS, MAX_RANK } from './program.ts'
import { MAX_STRAIGHT } from './types.ts'

const spec = readFileSync(new URL('../docs/spec/arithmetic.md', import.meta.url), 'utf8')

/** Cells of the table rows under a heading, without its head. */
function table(heading: string): string[][] {
  const section = spec.split(/^## /m).find((part) => part.startsWith(heading))!
  const rows = section.split('\n').filter((line) => line.startsWith('|'))
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

test('the table of blocks is the code', () => {
  const rows = table('Blocks').map(([name, code, args]) => [name, Number(code), Number(args)])
  expect(rows).toEqual(BLOCKS.map((block) => [`\`${block}\``, BLOCK_CODE[block], ARITY[block]]))
})

test('the table of limits is the code', () => {
  const values = table('Validity').map(([, value]) => (value === '2^31 - 1' ? 2 ** 31 - 1 : Number(value)))
  expect(values).toEqual([MAX_INT, MAX_RANK, MAX_LOADS, MAX_GUARDS, MAX_STRAIGHT])
})
