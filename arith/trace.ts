/** Runs one output element and records the result of every building block behind it. */
import { fail } from '#proto/errors.ts'
import { CHAIN, LANE_BLOCK, LANES } from './interpret.ts'
import type { Level } from './layout.ts'
import { checkElement, layout } from './layout.ts'
import { Machine } from './machine.ts'
import { microStep, runMicroStep } from './microstep.ts'
import { isQuantised } from './quantised.ts'
import type { ElementProgram, Word } from './types.ts'

/** Longest trace that is kept in memory, in words. */
export const MAX_TRACE = 1 << 28

type Fold = (acc: Word, item: number) => Word
type Join = (acc: Word, other: Word) => Word

/**
 * @param operands words of each operand, dense and row-major
 * @param element row-major index of the output element
 * @returns `traceLength(p)` words in the order of `Layout`; the last one is the stored element
 * @throws `bad-program` or `over-limit` if the program is not valid for these operands or its trace is longer than
 *   `MAX_TRACE`, `bad-input` for an element that does not exist
 */
export function trace(p: ElementProgram, operands: readonly Uint32Array[], element: number): Uint32Array {
  checkElement(p, element)
  const machine = new Machine(p, operands)
  const { levels, finish, length } = layout(p)
  if (length > MAX_TRACE) fail('over-limit', `a trace of ${length} words, at most ${MAX_TRACE}`)
  const words = new Uint32Array(length)
  let at = 0
  const recorder = { push: (word: Word) => (words[at++] = word) }
  const join: Join = (acc, other) => machine.join(acc, other, recorder)

  machine.seek(element)
  let values: Uint32Array = Uint32Array.of(p.init)
  if (isQuantised(p.order) && finish > 0) {
    for (let t = 0; t < finish; t++) words[t] = runMicroStep(microStep(p, element, t), words, operands)
    values = words.subarray(finish - 1, finish)
  }
  for (const [depth, level] of levels.entries()) {
    const items = values
    const fold: Fold = depth === 0 ? (acc) => machine.step(acc, recorder) : (acc, i) => join(acc, items[i]!)
    at = level.folds
    values = p.order === 'chain512' ? chains(level, p.init, fold, join) : lanes(level, p.init, fold, join)
  }
  at = finish
  machine.finish(values[0]!, recorder)
  return words
}

function chains({ count, blocks }: Level, init: Word, fold: Fold, join: Join): Uint32Array {
  const totals = new Uint32Array(blocks).fill(init)
  for (let i = 0; i < count; i++) {
    const block = Math.floor(i / CHAIN)
    totals[block] = fold(totals[block]!, i)
  }
  return Uint32Array.of(totals.subarray(1).reduce(join, totals[0]!))
}

function lanes({ count, blocks }: Level, init: Word, fold: Fold, join: Join): Uint32Array {
  const lane = new Uint32Array(blocks * LANES).fill(init)
  for (let i = 0; i < count; i++) {
    const at = Math.floor(i / LANE_BLOCK) * LANES + (i % LANES)
    lane[at] = fold(lane[at]!, i)
  }
  for (let first = 0; first < lane.length; first += LANES) {
    for (let half = LANES / 2; half >= 1; half /= 2) {
      for (let i = first; i < first + half; i++) lane[i] = join(lane[i]!, lane[i + half]!)
    }
  }
  return lane.filter((_, i) => i % LANES === 0)
}
