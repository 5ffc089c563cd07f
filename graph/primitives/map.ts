/** `map`: a straight-line program of building blocks applied elementwise to operands that broadcast together. */
import { readStraight, writeStraight } from '#arith/encode.ts'
import type { Arg, Block, DType, Straight, TensorType } from '#arith/types.ts'
import { MAX_STRAIGHT } from '#arith/types.ts'
import { Reader, Writer } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { DTYPE_CODE } from '#proto/merkle.ts'
import type { PrimitiveDef } from '../primitive.ts'
import { broadcastStrides, checkShape, MAX_RANK } from '../shape.ts'

export interface MapAttrs {
  /** At least one block; load n is the element of operand n, axis n a coordinate of the result. */
  readonly program: Straight
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** Most operands of one map: as many as an element program has loads. */
export const MAX_OPERANDS = 32

const DTYPES = ['f32', 'i32', 'u32', 'bool'] as const

function encode({ program, dtype, shape }: MapAttrs): Uint8Array {
  const w = new Writer().u8(DTYPE_CODE[dtype])
  w.array(shape, MAX_RANK, (_, size) => w.u32(size))
  writeStraight(w, program)
  return w.finish()
}

function decode(bytes: Uint8Array): MapAttrs {
  const r = new Reader(bytes)
  const dtype = DTYPES[r.u8()]
  const shape = r.array(MAX_RANK, () => r.u32())
  const program = readStraight(r)
  r.end()
  if (dtype === undefined) fail('bad-encoding', 'unknown dtype')
  return { program, dtype, shape }
}

const COMPARE: readonly Block[] = ['flt', 'fle', 'feq', 'ilt', 'ieq']

/** Whether the program's value is always 0 or 1. */
function isBoolean(program: Straight, ins: readonly TensorType[]): boolean {
  const known: boolean[] = []
  const truth = (arg: Arg | undefined) =>
    (arg?.from === 'load' && ins[arg.n]?.dtype === 'bool') ||
    (arg?.from === 'instr' && known[arg.n] === true) ||
    (arg?.from === 'const' && arg.bits <= 1)
  for (const { block, args } of program) {
    const logic = block === 'and' || block === 'or' || block === 'xor'
    known.push(
      COMPARE.includes(block) ||
        (logic && truth(args[0]) && truth(args[1])) ||
        (block === 'select' && truth(args[1]) && truth(args[2])),
    )
  }
  return known[known.length - 1] === true
}

/** (T1[..], T2[..], ..) -> dtype[shape]; every operand broadcasts to `shape`; none is needed (constants, coordinates). */
export const map: PrimitiveDef<MapAttrs> = {
  name: 'map',
  code: 1,
  attrs: { encode, decode },
  infer({ program, dtype, shape }, ins) {
    checkShape(shape)
    if (ins.length > MAX_OPERANDS) fail('bad-shape', `map takes at most ${MAX_OPERANDS} operands, got ${ins.length}`)
    if (program.length < 1 || program.length > MAX_STRAIGHT) {
      fail('bad-program', `a map has 1 to ${MAX_STRAIGHT} building blocks, got ${program.length}`)
    }
    for (const { args } of program) {
      if (args.some(({ from }) => from === 'acc' || from === 'other')) fail('bad-program', 'a map has no accumulator')
    }
    for (const x of ins) broadcastStrides(x.shape, shape)
    if (dtype === 'bool' && !isBoolean(program, ins))
      fail('bad-program', 'a bool map must end in a comparison or logic')
    return { dtype, shape: [...shape] }
  },
  element(attrs, ins) {
    const out = map.infer(attrs, ins)
    const loads = ins.map((x, operand) => ({
      operand,
      at: { base: 0, strides: broadcastStrides(x.shape, out.shape) },
      fill: 0,
    }))
    return { out, loop: [], order: 'lanes32', loads, init: 0, step: [], join: [], finish: attrs.program }
  },
}
