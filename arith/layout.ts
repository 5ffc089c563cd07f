/** Where the result of each building block lies in the trace of one output element. */
import { fail } from '#proto/errors.ts'
import { CHAIN, LANE_BLOCK, LANES } from './interpret.ts'
import { elements } from './program.ts'
import { isQuantised } from './quantised.ts'
import { quantisedLayout } from './quantised-trace.ts'
import type { ElementProgram } from './types.ts'

/** One pass of a reduction: `count` items are folded in `blocks` blocks, then joined. Indices are into the trace. */
export interface Level {
  /** Where the folds start, item by item: `step` over loop positions, or `join` over the block values one level below. */
  readonly folds: number
  /** Blocks in one fold. */
  readonly foldLength: number
  readonly count: number
  readonly blocks: number
  /** Where the joins start: of blocks 1, 2, ... (chain512), or of the lane tree of block 0, 1, ... (lanes32). */
  readonly joins: number
}

/**
 * Layout of a trace (docs/spec/arithmetic.md, Traces): for each level its folds, then its joins; then `finish`; then
 * `canon` if the output is f32. chain512 has one level; lanes32 has one more for each time that the block values need
 * another pass. Without loop positions there is no level. Words of a quantised contraction come before `finish` as
 * quantised-trace.ts places them; its total is the last of them.
 */
export interface Layout {
  readonly levels: readonly Level[]
  readonly finish: number
  readonly length: number
}

/** Joins of one lane tree. */
export const TREE = LANES - 1

export function layout(p: ElementProgram): Layout {
  const levels: Level[] = []
  let at = 0
  let count = positionsOf(p)
  if (isQuantised(p.order)) [at, count] = [quantisedLayout(count).length, 0]
  while (count > 0) {
    const foldLength = levels.length === 0 ? p.step.length : p.join.length
    const blocks = Math.ceil(count / (p.order === 'chain512' ? CHAIN : LANE_BLOCK))
    const joins = at + count * foldLength
    levels.push({ folds: at, foldLength, count, blocks, joins })
    at = joins + (p.order === 'chain512' ? blocks - 1 : blocks * TREE) * p.join.length
    count = p.order === 'chain512' || blocks === 1 ? 0 : blocks
  }
  return { levels, finish: at, length: at + p.finish.length + (p.out.dtype === 'f32' ? 1 : 0) }
}

/** Positions of the loop; 0 without one. */
export function positionsOf({ loop }: ElementProgram): number {
  return loop.length === 0 ? 0 : elements(loop)
}

/** Number of building blocks executed for one output element, the canonical store included; the same for all elements. */
export function traceLength(p: ElementProgram): number {
  return layout(p).length
}

/** Throws `bad-input` unless the output has this element. */
export function checkElement(p: ElementProgram, element: number): void {
  const count = elements(p.out.shape)
  if (!Number.isInteger(element) || element < 0 || element >= count) fail('bad-input', `element ${element} of ${count}`)
}
