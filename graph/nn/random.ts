/**
 * Random bits as graph: Threefry-2x32 with 20 rounds (Salmon et al., SC 2011), one counter an element
 * (docs/spec/graph.md, Randomness).
 */
import { Asm, bits } from '#arith/assembler.ts'
import type { Arg } from '#arith/types.ts'
import type { Builder, Value } from '../builder.ts'
import { broadcastShapes, stridesOf } from '../shape.ts'

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const
const PARITY = bits(0x1bd11bda)

/** Two u32 tensors (usually [1]) that broadcast to what is drawn. */
export interface RandomKey {
  readonly k0: Value
  readonly k1: Value
}

/**
 * The key of one place in a program.
 * @param seed u32[2]
 * @param step u32[], or null outside of training steps
 * @param site number of the place, unique among those that share a seed
 */
export function randomKey(b: Builder, seed: Value, step: Value | null, site: number): RandomKey {
  const word = (i: number) => b.slice(seed, [i], [1])
  // Sites differ by a multiple of 2^32 / golden ratio, so that neighbouring seeds share no key.
  const k0 = b.xor(word(0), Math.imul(site + 1, 0x9e3779b9) >>> 0)
  return { k0, k1: step ? b.xor(word(1), step) : word(1) }
}

/** Rounds `from`..`to` (exclusive, counted from 0) on the pair x; the key is injected after every fourth round. */
function rounds(asm: Asm, x: readonly [Arg, Arg], key: readonly [Arg, Arg], from: number, to: number): [Arg, Arg] {
  const parity = asm.emit('xor', asm.emit('xor', key[0], key[1]), PARITY)
  const schedule = [...key, parity]
  let [x0, x1] = x
  for (let round = from; round < to; round++) {
    const by = ROTATIONS[round % 8] as number
    x0 = asm.emit('iadd', x0, x1)
    const rotated = asm.emit('or', asm.emit('shl', x1, bits(by)), asm.emit('shr', x1, bits(32 - by)))
    x1 = asm.emit('xor', rotated, x0)
    if (round % 4 === 3) {
      const injection = (round + 1) / 4
      x0 = asm.emit('iadd', x0, schedule[injection % 3] as Arg)
      x1 = asm.emit('iadd', x1, asm.emit('iadd', schedule[(injection + 1) % 3] as Arg, bits(injection)))
    }
  }
  return [x0, x1]
}

const load = (n: number): Arg => ({ from: 'load', n })

/**
 * The two words of Threefry-2x32-20 at counter (c0, c1), each u32 of the shape that key and counter broadcast to.
 * Ten rounds fit one map, so each word takes three.
 */
export function threefry(b: Builder, { k0, k1 }: RandomKey, c0: Value, c1: Value): [Value, Value] {
  const operands = [k0, k1, c0, c1]
  const shape = operands.reduce<number[]>((all, x) => broadcastShapes(all, x.type.shape), [])
  const stage = (ins: Value[], half: number, word: 0 | 1): Value => {
    const asm = new Asm()
    let x: [Arg, Arg] = [load(2), load(3)]
    if (half === 0) x = [asm.emit('iadd', x[0], load(0)), asm.emit('iadd', x[1], load(1))]
    const result = rounds(asm, x, [load(0), load(1)], 10 * half, 10 * half + 10)[word]
    asm.emit('or', result, bits(0))
    return b.apply('map', { program: asm.code(), dtype: 'u32', shape }, ins)
  }
  const middle = [stage(operands, 0, 0), stage(operands, 0, 1)]
  return [stage([k0, k1, ...middle], 1, 0), stage([k0, k1, ...middle], 1, 1)]
}

/** i32[shape] of uniform integers in 0 .. 2^24 - 1: the upper bits of the first word at counter (c0, index). */
export function random24(b: Builder, key: RandomKey, c0: Value, index: Value): Value {
  const [word] = threefry(b, key, c0, index)
  const asm = new Asm()
  asm.emit('shr', load(0), bits(8))
  return b.apply('map', { program: asm.code(), dtype: 'i32', shape: word.type.shape }, [word])
}

/** u32[shape]: the row-major index of each element. */
export function elementIndex(b: Builder, shape: readonly number[]): Value {
  const strides = stridesOf(shape)
  return shape.reduce<Value>(
    (sum, _, axis) => b.add(sum, b.mul(b.iota(shape, axis, 'u32'), strides[axis] as number)),
    b.constant(0, 'u32'),
  )
}

/** f32[shape] uniform in [-bound, bound): fma(r, bound 2^-23, -bound) of `random24` r at counter (0, element). */
export function uniform(b: Builder, key: RandomKey, shape: readonly number[], bound: number): Value {
  const r = random24(b, key, b.constant(0, 'u32'), elementIndex(b, shape))
  return b.fma(b.toFloat(b.broadcastTo(r, shape)), Math.fround(bound) * 2 ** -23, -Math.fround(bound))
}

/**
 * x with each element zeroed at probability `rate`, the others scaled by 1 / (1 - rate): kept iff random24 <
 * round((1 - rate) 2^24).
 * @param c0 u32 that broadcasts to x: the global record position
 * @param index u32 that broadcasts to x: the element within the record
 */
export function dropout(b: Builder, x: Value, rate: number, key: RandomKey, c0: Value, index: Value): Value {
  const kept = b.less(random24(b, key, c0, index), Math.round((1 - rate) * 2 ** 24))
  return b.select(kept, b.mul(x, 1 / (1 - rate)), 0)
}
