/** The instructions of WebAssembly that kernels use, as their bytes. */
import type { Op } from '../kernel/ir.ts'
import { u32 } from './module.ts'

export const simd = (code: number, ...immediates: number[]): number[] => [0xfd, ...u32(code), ...immediates]
export const memarg = (align: number, offset: number): number[] => [align, ...u32(offset)]
const fourBytes = (bits: number): number[] => [bits & 0xff, (bits >>> 8) & 0xff, (bits >>> 16) & 0xff, bits >>> 24]
export const v128const = (...words: readonly [number, number, number, number]): number[] =>
  simd(0x0c, ...words.flatMap(fourBytes))
/** The same power of two in both binary64 lanes. */
export const f64const = (value: number): number[] => {
  const high = (1023 + 31 - Math.clz32(value)) << 20
  return v128const(0, high, 0, high)
}
/** Chooses four words of the eight of two vectors. */
export const shuffle = (...lanes: readonly [number, number, number, number]): number[] =>
  simd(0x0d, ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)))

export const AND = simd(0x4e)
export const OR = simd(0x50)
export const BITSELECT = simd(0x52)
export const LANESELECT = simd(0x10b)
export const RELAXED_MADD = simd(0x105)
export const F32_EQ = simd(0x41)
export const F32_GE = simd(0x46)
export const I32_ADD = simd(0xae)
export const I32_DOT16 = simd(0xba)
export const F64_ADD = simd(0xf0)
export const F64_MUL = simd(0xf2)
/** Signed words 0 and 1. */
export const F64_CONVERT = simd(0xfe)
export const F64_DEMOTE = simd(0x5e)
export const I64_EXTEND_LOW = simd(0xc7)
export const I64_EXTEND_HIGH = simd(0xc8)
export const I64_SHL = simd(0xcb)
export const I64_ADD = simd(0xce)
export const LOAD = 0x00
export const LOAD_SPLAT = 0x09
export const LOAD_LANE = 0x56
export const EXTRACT = 0x1b
export const REPLACE = 0x1c
export const SELECT = [0x1b]

/** Operations that are one instruction after their arguments. */
export const PLAIN: Partial<Record<Op, readonly number[]>> = {
  'i32.add': [0x6a],
  'i32.sub': [0x6b],
  'i32.mul': [0x6c],
  'i32.divU': [0x6e],
  'i32.remU': [0x70],
  'i32.and': [0x71],
  'i32.shl': [0x74],
  'i32.shrS': [0x75],
  'i32.shrU': [0x76],
  'i32.eqz': [0x45],
  'i32.eq': [0x46],
  'i32.ltS': [0x48],
  'i32.ltU': [0x49],
  'vec.splat': simd(0x11),
  'vec.fadd': simd(0xe4),
  'vec.fsub': simd(0xe5),
  'vec.fmul': simd(0xe6),
  'vec.fdiv': simd(0xe7),
  'vec.fsqrt': simd(0xe3),
  'vec.fmax': simd(0xe9),
  'vec.f2i': simd(0xf8),
  'vec.i2f': simd(0xfa),
  'vec.u2f': simd(0xfb),
  'vec.iadd': simd(0xae),
  'vec.isub': simd(0xb1),
  'vec.imul': simd(0xb5),
  'vec.imax': simd(0xb8),
  'vec.and': AND,
  'vec.or': OR,
  'vec.xor': simd(0x51),
  'mask.feq': F32_EQ,
  'mask.flt': simd(0x43),
  'mask.fle': simd(0x45),
  'mask.ieq': simd(0x37),
  'mask.ilt': simd(0x39),
  'mask.iltU': simd(0x3a),
  'mask.and': AND,
  'mask.or': OR,
  'mask.xor': simd(0x51),
  'mask.not': simd(0x4d),
  'mask.any': simd(0x53),
}
