import { expect, test } from 'vitest'
import type { GameView } from '#contracts/abi/types.generated.ts'
import type { List } from '#pinpoint/types.ts'
import { decodeStatementRequest, encodeStatementRequest } from '#proto/messages.ts'
import { nodeIn, pathOf, requestFor } from './statements.ts'

const LISTS: readonly List[] = [
  { level: 'items' },
  { level: 'values', item: 3 },
  { level: 'words', item: 3, value: 4 },
  { level: 'trace', item: 3, value: 4, element: 5 },
  { level: 'results', of: 'sum' },
  { level: 'results', of: 'metric' },
  { level: 'results', of: 'export', item: 3 },
]

test.each(LISTS)('a node of $level arrives as it was asked for', (list) => {
  const node = { list, height: 2, index: 7 }
  const request = requestFor(new Uint8Array(32).fill(9), node)
  expect(nodeIn(decodeStatementRequest(encodeStatementRequest(request)))).toEqual(node)
})

test('what a game has chosen so far is the way that it has come', () => {
  const at = (level: GameView['level'], end: GameView['end'] = 'None') =>
    Object.keys(pathOf({ level, end, item: 1, value: 2, element: 3 } as GameView)).length
  expect([at('Items'), at('Values'), at('Words'), at('Trace')]).toEqual([0, 1, 2, 3])
  expect([at('Results', 'Sum'), at('Results', 'Metric'), at('Results', 'Export')]).toEqual([0, 0, 1])
  expect([at('End', 'RootAfter'), at('End', 'Inbound'), at('End', 'Input')]).toEqual([0, 0, 2])
  expect([at('End', 'Word'), at('End', 'Stored'), at('End', 'Block')]).toEqual([3, 3, 3])
})
