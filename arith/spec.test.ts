import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ARITY, BLOCK_CODE, BLOCKS } from './blocks.ts'
import { MAX_GUARDS, MAX_INT, MAX_LOADS, MAX_RANK } from './program.ts'
import { QUANTISED_ARITY, QUANTISED_BOUND, QUANTISED_CODE } from './quantised.ts'
import { MAX_STRAIGHT } from './types.ts'

const spec = readFileSync(new URL('../docs/spec/arithmetic.md', import.meta.url), 'utf8')

/** Cells of the table rows under a heading, without the head of the first table. */
function table(heading: string): string[][] {
  const section = spec.split(/^#{2,3} /m).find((part) => part.startsWith(heading))!
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

test('the tables of quantised orders and their blocks are the code', () => {
  const rows = table('Quantised orders')
  expect(rows.slice(0, 2).map(([order, bound]) => [order, Number(bound)])).toEqual([
    ['`q16`', QUANTISED_BOUND.q16],
    ['`q24`', QUANTISED_BOUND.q24],
  ])
  // The second table's head and rule follow the first one's rows.
  expect(rows.slice(4).map(([name, code, args]) => [name, Number(code), Number(args)])).toEqual(
    Object.entries(QUANTISED_CODE).map(([block, code]) => [
      `\`${block}\``,
      code,
      QUANTISED_ARITY[block as keyof typeof QUANTISED_ARITY],
    ]),
  )
  expect(Math.max(...Object.values(BLOCK_CODE)) + 1).toBe(QUANTISED_CODE.qshift)
})

test('the table of limits is the code', () => {
  const values = table('Validity').map(([, value]) => (value === '2^31 - 1' ? 2 ** 31 - 1 : Number(value)))
  expect(values).toEqual([MAX_INT, MAX_RANK, MAX_LOADS, MAX_GUARDS, MAX_STRAIGHT])
})
