/** Any single building block of a trace, with its operands named: what a dispute ends in. */
import { fail } from '#proto/errors.ts'
import { evaluate } from './blocks.ts'
import { CHAIN, LANE_BLOCK, LANES } from './interpret.ts'
import type { Level } from './layout.ts'
import { checkElement, layout, positionsOf, TREE } from './layout.ts'
import { evaluateQuantised, isQuantised, isQuantisedBlock } from './quantised.ts'
import { quantisedStep } from './quantised-trace.ts'
import type { Affine, Arg, ElementProgram, MicroStep, Source, Straight, Word } from './types.ts'

/**
 * The building block whose result is word `t` of the trace of `element`. Nothing is replayed: the work is constant but
 * for the number of levels (at most three) and the depth of gathers behind an argument.
 * @param p a program that `checkProgram` accepts
 * @throws `bad-input` for an element or index that does not exist
 */
export function microStep(p: ElementProgram, element: number, t: number): MicroStep {
  checkElement(p, element)
  const { levels, finish, length } = layout(p)
  if (!Number.isInteger(t) || t < 0 || t >= length) fail('bad-input', `micro-step ${t} of a trace of ${length}`)

  const { order } = p
  if (isQuantised(order) && t < finish) {
    const bring = (n: 0 | 1, position: number): Source => loaded(p, n, coordinates(p, element, position))
    return quantisedStep(order, positionsOf(p), t, bring)
  }
  const total = totalOf(p, levels, finish)
  if (t === finish + p.finish.length) {
    return { block: 'canon', args: [p.finish.length === 0 ? total : word(t - 1)] }
  }
  if (t >= finish) return instruction(p, p.finish, finish, t, { coordinates: coordinates(p, element), acc: total })

  const depth = levels.findLastIndex((level) => t >= level.folds)
  const level = levels[depth]!
  if (t >= level.joins) return joinStep(p, level, t)
  const item = Math.floor((t - level.folds) / level.foldLength)
  const start = level.folds + item * level.foldLength
  const acc = beforeItem(p, level, item)
  if (depth === 0) return instruction(p, p.step, start, t, { coordinates: coordinates(p, element, item), acc })
  return instruction(p, p.join, start, t, { coordinates: [], acc, other: blockValue(p, levels[depth - 1]!, item) })
}

/** Words by index; those that nobody asks for may be missing. */
export type Words = { readonly [index: number]: Word }

/**
 * Executes a micro-step.
 * @param traced words of the trace before it
 * @param operands words of each operand of the program
 * @throws `bad-input` for a word that is missing
 */
export function runMicroStep(step: MicroStep, traced: Words, operands: readonly Words[]): Word {
  const args = step.args.map((source) => wordAt(source, traced, operands))
  return isQuantisedBlock(step.block) ? evaluateQuantised(step.block, args) : evaluate(step.block, args)
}

function wordAt(source: Source, traced: Words, operands: readonly Words[]): Word {
  if (source.at === 'const') return source.bits
  const { via } = source.at === 'operand' ? source : {}
  const index = via === undefined ? 0 : wordAt(via.index, traced, operands)
  if (via !== undefined && index >= via.limit) return via.fill
  const found =
    source.at === 'trace'
      ? traced[source.index]
      : operands[source.operand]?.[source.element + (via === undefined ? 0 : via.stride * index)]
  return found ?? fail('bad-input', 'a micro-step names a word that is not there')
}

interface Context {
  readonly coordinates: readonly number[]
  readonly acc: Source
  readonly other?: Source
}

const constant = (bits: Word): Source => ({ at: 'const', bits })
const word = (index: number): Source => ({ at: 'trace', index })

/** Instruction `t - start` of a straight program whose results lie from `start`. */
function instruction(p: ElementProgram, straight: Straight, start: number, t: number, context: Context): MicroStep {
  const { block, args } = straight[t - start]!
  return { block, args: args.map((arg) => sourceOf(p, arg, start, context)) }
}

function sourceOf(p: ElementProgram, arg: Arg, start: number, { coordinates, acc, other }: Context): Source {
  switch (arg.from) {
    case 'const':
      return constant(arg.bits)
    case 'instr':
      return word(start + arg.n)
    case 'acc':
      return acc
    case 'other':
      return other ?? fail('bad-program', 'only join has a second operand')
    case 'axis':
      return constant(coordinates[arg.n]!)
    case 'load':
      return loaded(p, arg.n, coordinates)
  }
}

function loaded(p: ElementProgram, n: number, coordinates: readonly number[]): Source {
  const { operand, at, fill, via, guard = [] } = p.loads[n]!
  for (const g of guard) {
    const value = affine(g, coordinates)
    if (value < 0 || value >= g.below) return constant(fill)
  }
  const element = affine(at, coordinates)
  if (via === undefined) return { at: 'operand', operand, element }
  const index = loaded(p, via.load, coordinates)
  return { at: 'operand', operand, element, via: { index, stride: via.stride, limit: via.limit, fill } }
}

function affine({ base, strides }: Affine, coordinates: readonly number[]): number {
  return strides.reduce((sum, stride, axis) => sum + stride * coordinates[axis]!, base)
}

/** Output coordinates of `element`, then loop coordinates of `position`, both row-major; zeros outside the loop. */
function coordinates(p: ElementProgram, element: number, position?: number): number[] {
  return [
    ...unflatten(p.out.shape, element),
    ...(position === undefined ? p.loop.map(() => 0) : unflatten(p.loop, position)),
  ]
}

function unflatten(shape: readonly number[], index: number): number[] {
  const found = new Array<number>(shape.length)
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    found[axis] = index % shape[axis]!
    index = Math.floor(index / shape[axis]!)
  }
  return found
}

/** The value of an accumulator right after it took `item`. */
const afterItem = (level: Level, item: number): Source => word(level.folds + (item + 1) * level.foldLength - 1)

/** The accumulator that `item` is folded into. */
function beforeItem(p: ElementProgram, level: Level, item: number): Source {
  const [size, back] = p.order === 'chain512' ? [CHAIN, 1] : [LANE_BLOCK, LANES]
  return item % size < back ? constant(p.init) : afterItem(level, item - back)
}

/** Result of join number `n` of a level. */
const joined = (p: ElementProgram, level: Level, n: number): Source => word(level.joins + (n + 1) * p.join.length - 1)

function joinStep(p: ElementProgram, level: Level, t: number): MicroStep {
  const n = Math.floor((t - level.joins) / p.join.length)
  const start = level.joins + n * p.join.length
  if (p.order === 'chain512') {
    const acc = n === 0 ? blockValue(p, level, 0) : joined(p, level, n - 1)
    return instruction(p, p.join, start, t, { coordinates: [], acc, other: blockValue(p, level, n + 1) })
  }
  const block = Math.floor(n / TREE)
  let lane = n % TREE
  let half = LANES / 2
  for (; lane >= half; half /= 2) lane -= half
  const acc = laneValue(p, level, block, lane, half * 2)
  const other = laneValue(p, level, block, lane + half, half * 2)
  return instruction(p, p.join, start, t, { coordinates: [], acc, other })
}

/** Lane `lane` of a block when `left` lanes are left: after its last item if all are, else after a join. */
function laneValue(p: ElementProgram, level: Level, block: number, lane: number, left: number): Source {
  // The joins into 16, 8, ..., `left` lanes: 32 - 2 left come before those that leave `left`.
  if (left < LANES) return joined(p, level, block * TREE + LANES - 2 * left + lane)
  const first = block * LANE_BLOCK
  const items = Math.min(level.count - first, LANE_BLOCK)
  if (lane >= items) return constant(p.init)
  return afterItem(level, first + lane + LANES * Math.floor((items - 1 - lane) / LANES))
}

function blockValue(p: ElementProgram, level: Level, block: number): Source {
  if (p.order === 'lanes32') return laneValue(p, level, block, 0, 1)
  return afterItem(level, Math.min((block + 1) * CHAIN, level.count) - 1)
}

/** What `finish` starts from. */
function totalOf(p: ElementProgram, levels: readonly Level[], finish: number): Source {
  if (isQuantised(p.order) && finish > 0) return word(finish - 1)
  const last = levels.at(-1)
  return last === undefined ? constant(p.init) : levelTotal(p, last)
}

function levelTotal(p: ElementProgram, level: Level): Source {
  if (p.order === 'lanes32' || level.blocks === 1) return blockValue(p, level, 0)
  return joined(p, level, level.blocks - 2)
}
