/** The reference interpreter: element programs run as they are defined (docs/spec/arithmetic.md, Orders). */
import { Machine } from './machine.ts'
import { elements } from './program.ts'
import { isQuantised, quantisedDot, wordOf } from './quantised.ts'
import type { ElementProgram, QuantisedOrder, Word } from './types.ts'

/** Loop positions that one chain folds before a new one begins. */
export const CHAIN = 512
/** Lanes of a reduction, and loop positions (or block results) that one set of lanes takes. */
export const LANES = 32
export const LANE_BLOCK = 16384

/**
 * Computes every output element.
 * @param operands words of each operand, dense and row-major
 * @returns the words of the output, row-major
 * @throws `bad-program` or `over-limit` if the program is not valid for these operands
 */
export function interpret(p: ElementProgram, operands: readonly Uint32Array[]): Uint32Array {
  const machine = new Machine(p, operands)
  const out = new Uint32Array(elements(p.out.shape))
  const positions = p.loop.length === 0 ? 0 : elements(p.loop)
  for (let element = 0; element < out.length; element++) {
    if (element === 0) machine.seek(0)
    else machine.nextElement()
    out[element] = machine.finish(fold(machine, p, positions))
  }
  return out
}

function fold(machine: Machine, { order, init }: ElementProgram, positions: number): Word {
  if (isQuantised(order)) return contraction(machine, order, positions)
  return order === 'chain512' ? chain(machine, init, positions) : lanes(machine, init, positions)
}

/** Blocks of 256 positions, each an exact sum of scaled integers; the block values add in ascending order. */
function contraction(machine: Machine, order: QuantisedOrder, positions: number): Word {
  const [a, b] = [new Uint32Array(positions), new Uint32Array(positions)]
  for (let i = 0; i < positions; i++) [a[i], b[i]] = machine.factors()
  const value = quantisedDot(order, new Float32Array(a.buffer), new Float32Array(b.buffer))
  return wordOf(value)
}

/** Chains of 512 positions; the chain values join in ascending order. */
function chain(machine: Machine, init: Word, positions: number): Word {
  let total = init
  for (let start = 0; start < positions; start += CHAIN) {
    let acc = init
    for (let i = start; i < Math.min(start + CHAIN, positions); i++) acc = machine.step(acc)
    total = start === 0 ? acc : machine.join(total, acc)
  }
  return total
}

/** 32 lanes over blocks of 16,384 positions; the block values are reduced again in the same way, joining. */
function lanes(machine: Machine, init: Word, positions: number): Word {
  if (positions === 0) return init
  let values = blocks(positions, init, (acc) => machine.step(acc), machine)
  while (values.length > 1) {
    const items = values
    values = blocks(items.length, init, (acc, i) => machine.join(acc, items[i]!), machine)
  }
  return values[0]!
}

function blocks(count: number, init: Word, fold: (acc: Word, item: number) => Word, machine: Machine): Uint32Array {
  const values = new Uint32Array(Math.ceil(count / LANE_BLOCK))
  const lane = new Uint32Array(LANES)
  for (let block = 0; block < values.length; block++) {
    lane.fill(init)
    const end = Math.min((block + 1) * LANE_BLOCK, count)
    for (let i = block * LANE_BLOCK; i < end; i++) lane[i % LANES] = fold(lane[i % LANES]!, i)
    for (let half = LANES / 2; half >= 1; half /= 2) {
      for (let i = 0; i < half; i++) lane[i] = machine.join(lane[i]!, lane[i + half]!)
    }
    values[block] = lane[0]!
  }
  return values
}
