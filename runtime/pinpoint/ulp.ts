/** The lie behind an entry whose gradient sum is off by the smallest amount there is. */
import { traceLength } from '#arith/layout.ts'
import { microStep } from '#arith/microstep.ts'
import { typeOf } from '#graph/part.ts'
import { elementOf } from '#graph/primitives/index.ts'
import type { Node } from '#graph/types.ts'
import { graphOf, itemAt, ownSumItem } from '#pinpoint/schedule.ts'
import type { Lie } from './lie.ts'
import { type EntrySource, Results } from './results.ts'
import type { PhaseRunner } from './runner.ts'

/** Index of the first normal number of `words`, which stays canonical when its last bit flips; -1 if there is none. */
export function firstNormal(words: Uint32Array): number {
  return words.findIndex((word) => ((word >>> 23) & 0xff) > 0 && ((word >>> 23) & 0xff) < 0xff)
}

/**
 * The false bit of a replica that changes the first normal number of its own sum by one ulp, in the first step of the entry: the
 * statement that follows from it is the one that this replica has signed. Undefined where no number is normal.
 * @throws bad-input, bad-data as `Results`
 */
export function ulpLie(source: EntrySource, runner: PhaseRunner): Lie | undefined {
  const { schedule, program, sum, item } = firstSum(source, runner)
  const graph = program[graphOf(itemAt(schedule, item)) ?? 'micro']
  for (const [port, words] of sum.entries()) {
    const element = firstNormal(words)
    const value = graph.outputs[port]?.value
    if (element < 0 || value === undefined) continue
    const node = graph.nodes[value - graph.inputs.length]
    return {
      item,
      value,
      element,
      ...(node && { micro: lastComputed(node, element, (id) => typeOf(graph, id)) }),
      bit: 0,
    }
  }
  return undefined
}

function firstSum(source: EntrySource, runner: PhaseRunner) {
  const results = new Results(source, runner, 0)
  const { schedule, program } = results
  const item = ownSumItem(schedule, 0)
  return { schedule, program, item, sum: results.result(item) }
}

/** The last word of a trace that is not merely the canonical form of another: of a normal number they are the same. */
function lastComputed(node: Node, element: number, type: (id: number) => ReturnType<typeof typeOf>): number {
  const program = elementOf(node, node.inputs.map(type))
  const last = traceLength(program) - 1
  const [source] = microStep(program, element, last).args
  return source?.at === 'trace' ? source.index : last
}
