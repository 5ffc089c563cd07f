/** Mutations of byte strings that need no knowledge of their format beyond word size and tokens. */
import { concatBytes } from '#proto/bytes.ts'
import type { SeededRandom, Target } from '#test/fuzz/target.ts'

/** Longest input that mutations grow to; what is larger is a bomb of its target. */
const MAX_INPUT = 16_384
const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff]
const NUMBERS = [
  '0',
  '-0',
  '-1',
  '1e999',
  '1e-999',
  '0.1',
  '4294967296',
  '9007199254740993',
  '1'.repeat(40),
  'NaN',
  '0x10',
]

type Mutation = (input: Uint8Array, random: SeededRandom, target: Pick<Target, 'tokens' | 'unit'>) => Uint8Array

function change(input: Uint8Array, edit: (bytes: Uint8Array) => void): Uint8Array {
  const out = input.slice()
  if (out.length > 0) edit(out)
  return out
}

const range = (input: Uint8Array, random: SeededRandom, most = 64): [from: number, to: number] => {
  const from = random.below(input.length + 1)
  return [from, Math.min(input.length, from + 1 + random.below(most))]
}

const insertAt = (input: Uint8Array, at: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  concatBytes(input.subarray(0, at), ...parts, input.subarray(at))

/** A number that a length or a count could be confused by: extremes, and what is near the input's own size. */
function interesting(random: SeededRandom, size: number): number {
  if (random.bool(0.5)) return random.pick(EXTREMES)
  return Math.max(0, random.below(size + 2) + random.below(3) - 1)
}

const flipBit: Mutation = (input, random) =>
  change(input, (out) => {
    const at = random.below(out.length)
    out[at] = (out[at] as number) ^ (1 << random.below(8))
  })

const setByte: Mutation = (input, random) =>
  change(input, (out) => {
    out[random.below(out.length)] = random.bool(0.5) ? random.pick(EXTREMES) : random.below(256)
  })

/** Overwrites, or shifts by a little, an integer of 2, 4 or 8 bytes of either byte order: length and count fields. */
const setInteger: Mutation = (input, random) =>
  change(input, (out) => {
    const view = new DataView(out.buffer)
    const size = random.pick([2, 4, 4, 4, 8])
    if (out.length < size) return
    const at = random.below(out.length - size + 1)
    const little = random.bool(0.7)
    const delta = random.below(9) - 4
    const value = interesting(random, out.length - at)
    const shift = random.bool(0.4)
    if (size === 2) view.setUint16(at, shift ? view.getUint16(at, little) + delta : value, little)
    else if (size === 4) view.setUint32(at, shift ? view.getUint32(at, little) + delta : value, little)
    else if (shift) view.setBigUint64(at, view.getBigUint64(at, little) + BigInt(delta), little)
    else view.setBigUint64(at, BigInt(value) << BigInt(random.pick([0, 0, 21, 32])), little)
  })

const truncate: Mutation = (input, random) => input.slice(0, random.below(input.length + 1))
const extend: Mutation = (input, random) => concatBytes(input, random.bytes(1 + random.below(16)))
const insert: Mutation = (input, random) =>
  insertAt(input, random.below(input.length + 1), random.bytes(1 + random.below(8)))

const remove: Mutation = (input, random) => {
  const [from, to] = range(input, random)
  return concatBytes(input.subarray(0, from), input.subarray(to))
}

const repeat: Mutation = (input, random) => {
  const [from, to] = range(input, random)
  const part = input.subarray(from, to)
  return insertAt(input, to, ...Array.from({ length: 1 + random.below(random.bool(0.9) ? 3 : 64) }, () => part))
}

const move: Mutation = (input, random) => {
  const [from, to] = range(input, random)
  const rest = concatBytes(input.subarray(0, from), input.subarray(to))
  return insertAt(rest, random.below(rest.length + 1), input.subarray(from, to))
}

const token: Mutation = (input, random, { tokens = [] }) => {
  if (tokens.length === 0) return setInteger(input, random, {})
  const [from, to] = range(input, random, 8)
  const one = random.pick(tokens)
  return random.bool(0.5) ? insertAt(input, from, one) : concatBytes(input.subarray(0, from), one, input.subarray(to))
}

/** Whole words of the format: repeated, dropped, swapped, or set to a number of interest (big-endian). */
const word: Mutation = (input, random, { unit = 4 }) => {
  const count = Math.floor(input.length / unit)
  if (count === 0) return input
  const [a, b] = [random.below(count) * unit, random.below(count) * unit]
  const one = input.subarray(a, a + unit)
  switch (random.below(4)) {
    case 0:
      return insertAt(input, b, one)
    case 1:
      return concatBytes(input.subarray(0, a), input.subarray(a + unit))
    case 2:
      return change(input, (out) => out.set(one, b))
    default:
      return change(input, (out) => {
        out.fill(random.bool(0.9) ? 0 : 0xff, a, a + unit)
        const view = new DataView(out.buffer)
        if (unit >= 4) view.setUint32(a + unit - 4, interesting(random, input.length))
      })
  }
}

/** A run of digits becomes another number: sizes, offsets and values of text formats. */
const number: Mutation = (input, random) => {
  const isDigit = (at: number): boolean => (input[at] ?? 0) >= 0x30 && (input[at] ?? 0) <= 0x39
  let from = random.below(input.length + 1)
  while (from < input.length && !isDigit(from)) from++
  let to = from
  while (isDigit(to)) to++
  const text = random.bool(0.5) ? random.pick(NUMBERS) : String(interesting(random, input.length))
  return concatBytes(input.subarray(0, from), Buffer.from(text), input.subarray(to))
}

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  flipBit,
  setByte,
  setByte,
  setInteger,
  setInteger,
  setInteger,
  truncate,
  extend,
  insert,
  remove,
  repeat,
  move,
  token,
  word,
  number,
]

/** One to five mutations of `input`; now and then its head is joined to the tail of another input first. */
export function mutate(
  input: Uint8Array,
  other: Uint8Array,
  random: SeededRandom,
  target: Pick<Target, 'tokens' | 'unit' | 'mutate'>,
): Uint8Array {
  let out = input
  if (random.bool(0.05))
    out = concatBytes(out.subarray(0, random.below(out.length + 1)), other.subarray(random.below(other.length + 1)))
  const rounds = 1 + (random.bool(0.5) ? 0 : random.below(5))
  for (let i = 0; i < rounds; i++) {
    const aware = target.mutate !== undefined && random.bool(0.7)
    out = aware
      ? (target.mutate as NonNullable<Target['mutate']>)(out, random)
      : random.pick(MUTATIONS)(out, random, target)
    if (out.length > MAX_INPUT) out = out.slice(0, MAX_INPUT)
  }
  return out
}
