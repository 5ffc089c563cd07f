/** What an asserter shows of its statement beside the chain: the requests of docs/spec/protocol.md, Messages. */
import type { GameView } from '#contracts/abi/types.generated.ts'
import type { List } from '#pinpoint/types.ts'
import type { Hash } from '#proto/ids.ts'
import type { StatementRequest } from '#proto/messages.ts'
import type { NodeName, Path } from '#runtime/compute/dispute.ts'

/** The request for a node of the statement about an entry. */
export function requestFor(entry: Hash, { list, height, index }: NodeName): StatementRequest {
  const place = { item: 0, value: 0, element: 0, ...list }
  const { item, value, element } = place
  return { entry, list: nameOf(list), item, value, element, height, index }
}

function nameOf(list: List): StatementRequest['list'] {
  if (list.level !== 'results') return list.level
  return list.of === 'sum' ? 'sums' : list.of === 'metric' ? 'metrics' : 'exports'
}

/** The node that a request is for. */
export function nodeIn({ list, item, value, element, height, index }: StatementRequest): NodeName {
  const lists: Readonly<Record<StatementRequest['list'], List>> = {
    items: { level: 'items' },
    values: { level: 'values', item },
    words: { level: 'words', item, value },
    trace: { level: 'trace', item, value, element },
    sums: { level: 'results', of: 'sum' },
    metrics: { level: 'results', of: 'metric' },
    exports: { level: 'results', of: 'export', item },
  }
  return { list: lists[list], height, index }
}

/** How many of item, value and element a game has chosen at a level; at the last two, which of them its end has. */
const CHOSEN = { Items: 0, Values: 1, Words: 2, Trace: 3, Results: undefined, End: undefined } as const
const CHOSEN_AT: Readonly<Record<GameView['end'], number>> = {
  ...{ None: 0, RootAfter: 0, RootBefore: 0, Sum: 0, Inbound: 0, Metric: 0 },
  ...{ Export: 1, Input: 2, Word: 3, Stored: 3, Block: 3 },
}

/** How far a game has come. */
export function pathOf({ level, end, item, value, element }: GameView): Path {
  const chosen = CHOSEN[level] ?? CHOSEN_AT[end]
  return { ...(chosen > 0 && { item }), ...(chosen > 1 && { value }), ...(chosen > 2 && { element }) }
}
