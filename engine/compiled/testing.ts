/** What the tests of this folder share: random element programs and a way to run one on an engine. */
import { ARITY, BLOCKS } from '#arith/blocks.ts'
import { checkProgram, elements, loadsOf } from '#arith/program.ts'
import { nasty } from '#arith/testing.ts'
import type {
  Affine,
  Arg,
  Block,
  DType,
  ElementProgram,
  Guard,
  Instr,
  Load,
  Order,
  Straight,
  Word,
} from '#arith/types.ts'
import { isAssayError } from '#proto/errors.ts'
import type { Plan } from '../kernel/plan.ts'
import { nativeEngine } from '../native/engine.ts'
import type { Isa } from '../native/machine.ts'
import { wasmEngine } from '../wasm/engine.ts'
import type { CompiledEngine } from './engine.ts'

type Threads = readonly (readonly [isa: Isa, threads: number])[]

/**
 * Every way in which this machine can compute: the emulated fused multiply-add, and each set of native instructions.
 * @param more sets that differ in few operations, for tests of these
 */
export async function everyEngine(more: Threads = []): Promise<CompiledEngine[]> {
  const engines = [await wasmEngine({ threads: 2 }), await wasmEngine({ fma: 'emulated' })]
  const native: Threads = [['avx2', 1], ['avx512', 2], ...more]
  for (const [isa, threads] of native) {
    try {
      engines.push(await nativeEngine({ isa, threads }))
    } catch (error) {
      if (!isAssayError(error) || error.code !== 'no-engine') throw error
      process.stderr.write(`native code with ${isa} is not tested here: ${error.message}\n`)
    }
  }
  return engines
}

/** Runs one element program, every operand in a buffer of its own. */
export function compute(
  engine: CompiledEngine,
  program: ElementProgram,
  operands: readonly Uint32Array[],
): Uint32Array {
  const plan: Plan = {
    tasks: [
      {
        program,
        type: program.out,
        operands: operands.map((_, port) => ({ in: 'input', port })),
        out: { in: 'output', port: 0 },
        serial: false,
        barrier: false,
        pass: null,
      },
    ],
    arenaBytes: 0,
    inPlace: () => false,
  }
  const types = [...operands.map((words) => ({ dtype: 'u32' as const, shape: [words.length] })), program.out]
  const buffers = types.map((type) => engine.alloc(type))
  try {
    const { run } = engine.install(plan, operands.length, 1)
    operands.forEach((words, i) => {
      buffers[i]!.words().set(words)
    })
    buffers.at(-1)!.words().fill(0xdeadbeef)
    run(buffers.map((buffer, i) => engine.addressOf(buffer, types[i]!, 'buffer')))
    return buffers.at(-1)!.words().slice()
  } finally {
    for (const buffer of buffers) engine.free(buffer)
  }
}

/** Index of the first word in which two results differ, or -1. */
export const difference = (a: Uint32Array, b: Uint32Array): number =>
  a.length === b.length ? a.findIndex((word, i) => word !== b[i]) : 0

/** A random element program with operands, valid by `checkProgram`; the same for the same `next`. */
export function randomCase(next: () => Word): { program: ElementProgram; operands: Uint32Array[] } {
  for (;;) {
    const made = attempt(next)
    try {
      checkProgram(
        made.program,
        made.operands.map((words) => words.length),
      )
      return made
    } catch {
      // Not proven safe: try the next one.
    }
  }
}

const below = (next: () => Word, n: number): number => next() % n
const pick = <T>(next: () => Word, items: readonly T[]): T => items[below(next, items.length)]!

function attempt(next: () => Word): { program: ElementProgram; operands: Uint32Array[] } {
  const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 16, 19, 33]
  const shape = Array.from({ length: below(next, 4) }, () => pick(next, sizes))
  const loops = below(next, 2) === 0
  const order = pick<Order>(next, ['chain512', 'lanes32'])
  const long = below(next, 8) === 0
  const loop = loops ? Array.from({ length: 1 + below(next, 2) }, () => (long ? 40 : pick(next, sizes))) : []
  const dims = [...shape, ...loop]
  if (elements(shape) > 4000) return attempt(next)

  const operands: Uint32Array[] = []
  const loads: Load[] = []
  const count = 1 + below(next, 3)
  for (let n = 0; n < count; n++) loads.push(randomLoad(next, dims, n, operands))
  const reads = Array.from({ length: dims.length }, (_, n): Arg => ({ from: 'axis', n }))
  const bring = loads.map((_, n): Arg => ({ from: 'load', n }))
  const acc: Arg = { from: 'acc' }
  const moves = (a: Affine): boolean => a.strides.slice(shape.length).some((stride) => stride !== 0)
  const still = bring.filter((_, n) => {
    const chain = loadsOf({ loads } as unknown as ElementProgram, [{ block: 'canon', args: [{ from: 'load', n }] }])
    return chain.every((m) => !moves(loads[m]!.at) && !(loads[m]!.guard ?? []).some(moves))
  })
  const step = loops ? straight(next, [...bring, ...bring, acc, acc, ...reads], 3) : []
  const join = loops ? straight(next, [acc, { from: 'other' }], 2) : []
  const finish =
    loops && below(next, 2) === 0 ? [] : straight(next, [...still, acc, ...reads.slice(0, shape.length)], 9)
  return {
    program: {
      out: { dtype: pick<DType>(next, ['f32', 'f32', 'f32', 'i32', 'u32']), shape },
      loop,
      order,
      loads,
      init: pick(next, [0, 0, 0xff800000, nasty(next)]),
      step,
      join,
      finish,
    },
    operands,
  }
}

/** A load whose address is a row-major place in a small operand, each of its coordinates guarded or in range. */
function randomLoad(next: () => Word, dims: readonly number[], n: number, operands: Uint32Array[]): Load {
  const rank = 1 + below(next, 2)
  const contiguous = below(next, 2) === 0
  const guarded = below(next, 3) === 0
  const strides = dims.map(() => 0)
  const guard: Guard[] = []
  let base = 0
  let size = 1
  for (let d = 0; d < rank; d++) {
    const inner = dims.map((_, axis) =>
      contiguous && d === 0 && axis === dims.length - 1 ? 1 : pick(next, [0, 0, 0, 1, 1, -1, 2]),
    )
    const reach = inner.map((stride, axis) => stride * (dims[axis]! - 1))
    const min = reach.reduce((sum, r) => sum + Math.min(0, r), 0)
    const max = reach.reduce((sum, r) => sum + Math.max(0, r), 0)
    const start = guarded ? -min - below(next, 3) : -min
    const limit = guarded ? Math.max(1, max - min - below(next, 4)) : max - min + 1
    if (guarded) guard.push({ base: start, strides: inner, below: limit })
    inner.forEach((stride, axis) => {
      strides[axis] = strides[axis]! + size * stride
    })
    base += size * start
    size *= limit
  }
  const via =
    n > 0 && below(next, 3) === 0 ? { load: below(next, n), stride: pick(next, [1, 3, 0]), limit: 5 } : undefined
  const fill = pick(next, [0, nasty(next)])
  const tame = below(next, 2) === 0
  const words = Uint32Array.from({ length: size + (via ? via.stride * 4 : 0) }, () => {
    if (below(next, 4) === 0) return below(next, 7)
    return tame ? ((next() & 0x807fffff) | ((120 + below(next, 12)) << 23)) >>> 0 : nasty(next)
  })
  const operand = operands.push(words) - 1
  return { operand, at: { base, strides }, fill, ...(via && { via }), ...(guarded && { guard }) }
}

function straight(next: () => Word, sources: readonly Arg[], most: number): Straight {
  const made: Instr[] = []
  const length = 1 + below(next, most)
  for (let i = 0; i < length; i++) {
    const block = below(next, 3) === 0 ? pick(next, BLOCKS) : pick<Block>(next, ['fadd', 'fmul', 'ffma', 'fmax', 'xor'])
    const arg = (): Arg => {
      const kind = below(next, 8)
      if (kind === 0 || (sources.length === 0 && i === 0)) return { from: 'const', bits: nasty(next) }
      if (i > 0 && (kind < 3 || sources.length === 0)) return { from: 'instr', n: i - 1 - below(next, Math.min(i, 2)) }
      return sources.length > 0 ? pick(next, sources) : { from: 'const', bits: nasty(next) }
    }
    made.push({ block, args: Array.from({ length: ARITY[block] }, arg) })
  }
  return made
}
