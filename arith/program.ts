/** Which element programs are valid, how long their loops are, and which loads each part reads. */
import { fail } from '#proto/errors.ts'
import { checkAddress } from './address.ts'
import { ARITY, BLOCK_CODE } from './blocks.ts'
import { isQuantised } from './quantised.ts'
import type { Affine, Arg, ElementProgram, Load, Straight, Word } from './types.ts'
import { MAX_STRAIGHT } from './types.ts'

/** Limits of a program (docs/spec/arithmetic.md, Limits): they bound every encoding, loop and allocation. */
export const MAX_RANK = 8
export const MAX_LOADS = 32
export const MAX_GUARDS = 8
/** Also the largest number of elements of a tensor and of positions of a loop. */
export const MAX_INT = 0x7fffffff

/** The number of elements of a shape; 1 for a scalar. */
export function elements(shape: readonly number[]): number {
  let count = 1
  for (const dim of shape) count *= dim
  return count
}

/** The loads that a straight program reads, each before the loads that go through it, in ascending order. */
export function loadsOf(p: ElementProgram, straight: Straight): number[] {
  return closed(
    p,
    straight.flatMap(({ args }) => args.flatMap((arg) => (arg.from === 'load' ? [arg.n] : []))),
  )
}

/** The loads that happen at every loop position, in ascending order. */
export function loopLoads(p: ElementProgram): number[] {
  if (p.loop.includes(0)) return []
  return isQuantised(p.order) ? closed(p, [0, 1]) : loadsOf(p, p.step)
}

/** These loads and those that they go through, in ascending order. */
function closed(p: ElementProgram, loads: readonly number[]): number[] {
  const used = new Set<number>()
  const add = (n: number): void => {
    used.add(n)
    const via = p.loads[n]!.via
    if (via !== undefined) add(via.load)
  }
  for (const n of loads) add(n)
  return [...used].sort((a, b) => a - b)
}

/** True if load `n` may bring different words at different loop positions. */
export function dependsOnLoop(p: ElementProgram, n: number): boolean {
  const load = p.loads[n]!
  const moves = (a: Affine): boolean => a.strides.slice(p.out.shape.length).some((stride) => stride !== 0)
  return moves(load.at) || (load.guard ?? []).some(moves) || (load.via !== undefined && dependsOnLoop(p, load.via.load))
}

/**
 * Throws `bad-program` or `over-limit` unless `p` is valid for operands of these sizes (docs/spec/arithmetic.md, Validity): then
 * every argument refers to something that exists, and no load that passes its guards can leave its operand.
 * @param sizes number of words of each operand
 */
export function checkProgram(p: ElementProgram, sizes: readonly number[]): void {
  checkShape(p.out.shape, 'out')
  checkShape(p.loop, 'loop')
  checkWord(p.init, 'init')
  if (p.loads.length > MAX_LOADS) fail('over-limit', `${p.loads.length} loads, at most ${MAX_LOADS}`)
  for (const [n, load] of p.loads.entries()) checkLoad(p, load, n, sizes)
  checkOrder(p)
  checkStraight(p, p.step, 'step')
  checkStraight(p, p.join, 'join')
  checkStraight(p, p.finish, 'finish')
  // Without loop positions only the loads of finish happen.
  const happens = p.loop.includes(0) ? new Set(loadsOf(p, p.finish)) : p.loads.keys()
  for (const n of happens) checkAddress(p, p.loads[n]!, n, sizes[p.loads[n]!.operand]!)
}

function checkOrder(p: ElementProgram): void {
  const loops = p.loop.length > 0
  if (isQuantised(p.order)) {
    if (!loops || p.loads.length < 2 || p.init !== 0 || p.step.length > 0 || p.join.length > 0) {
      fail('bad-program', `${p.order} takes a loop, two loads, init +0 and neither step nor join`)
    }
  } else if (loops !== p.step.length > 0 || loops !== p.join.length > 0) {
    fail('bad-program', 'step and join must be present with a loop and absent without one')
  }
}

function checkShape(shape: readonly number[], what: string): void {
  if (shape.length > MAX_RANK) fail('over-limit', `${what} has rank ${shape.length}, at most ${MAX_RANK}`)
  for (const dim of shape) {
    if (!Number.isInteger(dim) || dim < 0 || dim > MAX_INT) fail('over-limit', `${what} has the dimension ${dim}`)
  }
  // Zero dimensions must not hide an overflow of the others: strides are computed from them.
  const count = elements(shape.map((dim) => Math.max(dim, 1)))
  if (count > MAX_INT) fail('over-limit', `${what} has ${count} elements, at most ${MAX_INT}`)
}

function checkLoad(p: ElementProgram, load: Load, n: number, sizes: readonly number[]): void {
  const what = `load ${n}`
  if (!Number.isInteger(load.operand) || load.operand < 0 || load.operand >= sizes.length) {
    fail('bad-program', `${what} reads operand ${load.operand} of ${sizes.length}`)
  }
  checkWord(load.fill, what)
  checkAffine(p, load.at, what)
  const guards = load.guard ?? []
  if (guards.length > MAX_GUARDS) fail('over-limit', `${what} has ${guards.length} guards, at most ${MAX_GUARDS}`)
  for (const guard of guards) {
    checkAffine(p, guard, `${what} guard`)
    checkInt(guard.below, `${what} guard`, 0)
  }
  if (load.via !== undefined) {
    const { load: index, stride, limit } = load.via
    if (!Number.isInteger(index) || index < 0 || index >= n) fail('bad-program', `${what} goes through load ${index}`)
    checkInt(stride, `${what} via`, -MAX_INT)
    checkInt(limit, `${what} via`, 0)
  }
}

function checkAffine(p: ElementProgram, { base, strides }: Affine, what: string): void {
  const axes = p.out.shape.length + p.loop.length
  if (strides.length !== axes) fail('bad-program', `${what} has ${strides.length} strides for ${axes} axes`)
  checkInt(base, what, -MAX_INT)
  for (const stride of strides) checkInt(stride, what, -MAX_INT)
}

function checkStraight(p: ElementProgram, straight: Straight, part: 'step' | 'join' | 'finish'): void {
  if (straight.length > MAX_STRAIGHT)
    fail('over-limit', `${part} has ${straight.length} blocks, at most ${MAX_STRAIGHT}`)
  for (const [i, { block, args }] of straight.entries()) {
    if (!Object.hasOwn(BLOCK_CODE, block)) fail('bad-program', `${part} ${i}: there is no block '${block}'`)
    if (args.length !== ARITY[block]) fail('bad-program', `${part} ${i}: ${block} takes ${ARITY[block]} arguments`)
    for (const arg of args) checkArg(p, arg, part, i)
  }
}

function checkArg(p: ElementProgram, arg: Arg, part: 'step' | 'join' | 'finish', i: number): void {
  const what = `${part} ${i}`
  const below = (n: number, limit: number): void => {
    if (!Number.isInteger(n) || n < 0 || n >= limit) fail('bad-program', `${what}: ${arg.from} ${n} of ${limit}`)
  }
  switch (arg.from) {
    case 'const':
      checkWord(arg.bits, what)
      return
    case 'instr':
      below(arg.n, i)
      return
    case 'acc':
      return
    case 'other':
      if (part !== 'join') fail('bad-program', `${what}: only join has a second operand`)
      return
    case 'axis':
      if (part === 'join') fail('bad-program', `${what}: join sees its two operands and constants only`)
      below(arg.n, p.out.shape.length + (part === 'step' ? p.loop.length : 0))
      return
    case 'load':
      if (part === 'join') fail('bad-program', `${what}: join sees its two operands and constants only`)
      below(arg.n, p.loads.length)
      if (part === 'finish' && dependsOnLoop(p, arg.n)) {
        fail('bad-program', `${what}: load ${arg.n} follows the loop, which has ended`)
      }
      return
    default:
      fail('bad-program', `${what}: there is no argument from '${(arg as { from: string }).from}'`)
  }
}

function checkWord(word: Word, what: string): void {
  if (!Number.isInteger(word) || word < 0 || word > 0xffffffff)
    fail('bad-program', `${what}: ${word} is not a 32-bit word`)
}

function checkInt(value: number, what: string, from: number): void {
  if (!Number.isInteger(value) || value < from || value > MAX_INT)
    fail('over-limit', `${what}: ${value} is out of range`)
}
