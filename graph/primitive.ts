/** What a primitive of the step graph is: one value that types it, defines its elements, encodes it and differentiates it. */
import type { DType, ElementProgram, Straight, TensorType } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import type { Builder, Value } from './builder.ts'
import { showType } from './shape.ts'

/** Canonical bounded bytes of a primitive's attributes: `decode` accepts exactly what `encode` produces. */
export interface Codec<A> {
  encode(attrs: A): Uint8Array
  /** @throws bad-encoding on anything that `encode` does not produce */
  decode(bytes: Uint8Array): A
}

export interface PrimitiveDef<A> {
  readonly name: string
  /** The byte that names the primitive in canonical encodings; never reused. */
  readonly code: number
  readonly attrs: Codec<A>
  /** The result's type. @throws bad-shape if the operands do not fit */
  infer(attrs: A, ins: readonly TensorType[]): TensorType
  /** How one element of the result is computed; the operands have passed `infer`. */
  element(attrs: A, ins: readonly TensorType[]): ElementProgram
  /** Gradients of the operands given that of the result (null: none flows); absent where the builder's op knows it. */
  vjp?(b: Builder, attrs: A, ins: readonly Value[], out: Value, grad: Value): readonly (Value | null)[]
}

/** Most integers that attributes may hold. */
const MAX_INTEGERS = 64

/** Attributes that are a short list of 32-bit integers, encoded little-endian. `read` must take every integer it needs. */
export function integerCodec<A>(write: (attrs: A) => readonly number[], read: (next: () => number) => A): Codec<A> {
  const encode = (attrs: A) => {
    const integers = write(attrs)
    const bytes = new Uint8Array(4 * integers.length)
    const view = new DataView(bytes.buffer)
    for (const [i, value] of integers.entries()) {
      view.setInt32(4 * i, value, true)
    }
    return bytes
  }
  const decode = (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = 0
    const attrs = read(() => {
      if (at + 4 > Math.min(bytes.byteLength, 4 * MAX_INTEGERS)) fail('bad-encoding', 'attributes end too early')
      at += 4
      return view.getInt32(at - 4, true)
    })
    if (at !== bytes.byteLength) fail('bad-encoding', 'attributes have trailing bytes')
    const again = encode(attrs)
    if (again.some((byte, i) => byte !== bytes[i])) fail('bad-encoding', 'attributes are not in canonical form')
    return attrs
  }
  return { encode, decode }
}

/** Reads a count that must lie in 0..limit, then that many integers. */
export function readList(next: () => number, limit = 8): number[] {
  const length = next()
  if (length < 0 || length > limit) fail('bad-encoding', `a list of ${length} integers is over the limit of ${limit}`)
  return Array.from({ length }, next)
}

/** The operands as a tuple of exactly `N` types. @throws bad-shape otherwise */
export function operands<N extends 1 | 2>(
  op: string,
  ins: readonly TensorType[],
  count: N,
): N extends 1 ? [TensorType] : [TensorType, TensorType] {
  if (ins.length !== count) fail('bad-shape', `${op} takes ${count} operand(s), got ${ins.length}`)
  return [...ins] as N extends 1 ? [TensorType] : [TensorType, TensorType]
}

/** @throws bad-shape unless `type` has one of the dtypes */
export function requireDtype(op: string, type: TensorType, ...dtypes: DType[]): void {
  if (!dtypes.includes(type.dtype)) {
    fail('bad-shape', `${op} takes ${dtypes.join(' or ')} operands, got ${showType(type)}`)
  }
}

/** @throws bad-shape unless `axes` are integers that name axes of a tensor of that rank, ascending without repeats */
export function requireAxes(op: string, axes: readonly number[], rank: number): void {
  for (const [i, axis] of axes.entries()) {
    const low = i === 0 ? 0 : (axes[i - 1] as number) + 1
    if (!Number.isInteger(axis) || axis < low || axis >= rank) {
      fail('bad-shape', `${op}: axes [${axes.join(',')}] must ascend within rank ${rank}`)
    }
  }
}

/** The straight program that passes load `n` through unchanged (every stored f32 is canonical already). */
export function copyOf(dtype: DType, n = 0): Straight {
  const load = { from: 'load', n } as const
  return dtype === 'f32'
    ? [{ block: 'canon', args: [load] }]
    : [{ block: 'or', args: [load, { from: 'const', bits: 0 }] }]
}

/** An element program that only moves a word: no loop, one load that `at` places. */
export function movement(
  out: TensorType,
  base: number,
  strides: readonly number[],
  more: { fill?: number; guard?: readonly { base: number; strides: readonly number[]; below: number }[] } = {},
): ElementProgram {
  const load = { operand: 0, at: { base, strides }, fill: more.fill ?? 0, ...(more.guard ? { guard: more.guard } : {}) }
  return { out, loop: [], order: 'lanes32', loads: [load], init: 0, step: [], join: [], finish: copyOf(out.dtype) }
}

/** `length` zeros with `value` at `axis`: the strides of a single coordinate. */
export function unit(length: number, axis: number, value = 1): number[] {
  const strides = new Array<number>(length).fill(0)
  strides[axis] = value
  return strides
}
