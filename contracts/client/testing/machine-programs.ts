/**
 * The element programs that the machine of the contracts meets: every distinct node of a job's graphs, and the long
 * ones.
 */
import { encodeProgram } from '#arith/encode.ts'
import { bits, run } from '#arith/testing.ts'
import { at, convolution, gather, matmul, quantised, scatterAdd, sum } from '#arith/testing-programs.ts'
import type { ElementProgram, Guard, Load, Straight } from '#arith/types.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { buildProgram } from '#graph/program.ts'
import type { ProgramSpec } from '#graph/spec.ts'
import { typeOf } from '#graph/testing.ts'
import { PHASES } from '#graph/types.ts'
import { toHex } from '#proto/bytes.ts'

/** By name; each order at sizes where all its parts occur. */
export const LONG: Readonly<Record<string, ElementProgram>> = {
  'matmul, k = 1300': matmul(4, 5, 1300),
  'matmul, k = 512': matmul(3, 3, 512),
  'sum of 20,000': sum(2, 20_000),
  'sum of 16,384': sum(1, 16_384),
  'sum of 7': sum(3, 7),
  'sum of 16,384 x 16,385': {
    ...sum(1, 1),
    loop: [16_384, 16_385],
    loads: [{ operand: 0, at: at(0, 0, 16_385, 1), fill: 0 }],
  },
  gather: gather(50_257, 768, 1024),
  scatterAdd: scatterAdd(50_257, 768, 1024),
  convolution: convolution(32, 28, 28, 16, 32),
  'q16, k = 1300': quantised('q16', 4, 5, 1300),
  'q24, k = 4096': quantised('q24', 4096, 4096, 4096),
  'q16, k = 256': quantised('q16', 2, 2, 256),
  'q24, k = 1': quantised('q24', 2, 2, 1),
  'q16, k = 0': quantised('q16', 2, 2, 0),
  'matmul, k = 0': matmul(2, 2, 0),
}

const AXES = 16

/**
 * The dearest program that there is: every count at its limit, every guard holds, every load goes through all before
 * it.
 */
export function dearest(): ElementProgram {
  const ones = at(0, ...new Array<number>(AXES).fill(1))
  const loads = Array.from({ length: 32 }, (_, n): Load => {
    const guard = new Array<Guard>(8).fill({ ...ones, below: 17 })
    return { operand: n, at: ones, fill: 0, guard, ...(n > 0 && { via: { load: n - 1, stride: 1, limit: 4 } }) }
  })
  const last = { from: 'load', n: 31 } as const
  const step: Straight = new Array(64).fill(run('ffma', last, last, last))
  const constant = bits(1)
  const join: Straight = new Array(64).fill(run('ffma', constant, constant, constant))
  const shape = new Array<number>(8).fill(2)
  const out = { dtype: 'f32', shape } as const
  return { out, loop: shape, order: 'lanes32', loads, init: 0, step, join, finish: join }
}

/** Every distinct element program of a job, in order of appearance, by the node that has it first. */
export function programsOf(spec: ProgramSpec): Map<string, ElementProgram> {
  const program = buildProgram(spec)
  const found = new Map<string, ElementProgram>()
  const seen = new Set<string>()
  for (const phase of PHASES) {
    for (const [i, node] of program[phase].nodes.entries()) {
      const ins = node.inputs.map((id) => typeOf(program[phase], id))
      const element = elementOf(node, ins)
      const key = toHex(encodeProgram(element))
      if (!seen.has(key)) found.set(`${phase} ${i} ${node.op}`, element)
      seen.add(key)
    }
  }
  return found
}
