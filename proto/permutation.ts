/**
 * The order of records: a permutation of 0..n-1 for each epoch, computable at one index (docs/spec/protocol.md,
 * "Record order"; repeated by the contract).
 *
 * A balanced Feistel network of eight rounds over 2h bits, 4^h the smallest power of four that is at least n. With
 * x = L * 2^h + R, round r maps (L, R) to (R, L xor F(r, R)), where F(r, R) is the first four bytes, as a big-endian
 * integer modulo 2^h, of SHA-256("assay/order/1" || seed (32 bytes) || epoch u32 || r u8 || R u32), integers big-endian.
 * A result of n or more goes through the network again (cycle walking).
 */
import { ascii } from '#proto/bytes.ts'
import { check } from '#proto/errors.ts'
import { HASH_BYTES, sha256Into } from '#proto/hash.ts'

export const PERMUTATION_ROUNDS = 8
/** Most records an epoch may have. */
export const MAX_RECORDS = 2 ** 32

const TAG = ascii('assay/order/1')
const EPOCH_AT = TAG.length + 32
const ROUND_AT = EPOCH_AT + 4
const HALF_AT = ROUND_AT + 1

type Round = (round: number, half: number) => number

/** Bits of half a block: the smallest h with 4^h >= n. */
function halfBits(n: number): number {
  check(Number.isInteger(n) && n >= 1 && n <= MAX_RECORDS, 'bad-input', `${n} is not a number of records`)
  let bits = 0
  while (4 ** bits < n) bits++
  return bits
}

function roundFunction(seed: Uint8Array, epoch: number, bits: number): Round {
  check(seed.length === 32, 'bad-input', 'the order seed has 32 bytes')
  check(Number.isInteger(epoch) && epoch >= 0 && epoch <= 0xffffffff, 'bad-input', `${epoch} is not an epoch`)
  const message = new Uint8Array(HALF_AT + 4)
  const view = new DataView(message.buffer)
  const digest = new Uint8Array(HASH_BYTES)
  const out = new DataView(digest.buffer)
  message.set(TAG)
  message.set(seed, TAG.length)
  view.setUint32(EPOCH_AT, epoch)
  return (round, half) => {
    message[ROUND_AT] = round
    view.setUint32(HALF_AT, half)
    sha256Into(message, digest, 0)
    return out.getUint32(0) % 2 ** bits
  }
}

function walk(index: number, n: number, bits: number, round: Round): number {
  check(Number.isInteger(index) && index >= 0 && index < n, 'bad-input', `index ${index} is outside 0..${n - 1}`)
  const size = 2 ** bits
  let value = index
  do {
    let left = Math.floor(value / size)
    let right = value % size
    for (let r = 0; r < PERMUTATION_ROUNDS; r++) {
      const next = (left ^ round(r, right)) >>> 0
      left = right
      right = next
    }
    value = left * size + right
  } while (value >= n)
  return value
}

/**
 * Image of `index` under the permutation of `0 .. n-1` of an epoch; about 8 to 32 hashes.
 *
 * @param seed 32 bytes: `derivedSeed(job seed, 'order')`
 */
export function permute(seed: Uint8Array, epoch: number, index: number, n: number): number {
  const bits = halfBits(n)
  return walk(index, n, bits, roundFunction(seed, epoch, bits))
}

/** The same permutation with its round function held in tables, filled as they are used: 8 * 2^h words, h <= 16. */
export function epochOrder(seed: Uint8Array, epoch: number, n: number): (index: number) => number {
  const bits = halfBits(n)
  const compute = roundFunction(seed, epoch, bits)
  const size = 2 ** bits
  const values = new Uint32Array(PERMUTATION_ROUNDS * size)
  const known = new Uint8Array(PERMUTATION_ROUNDS * size)
  const round: Round = (r, half) => {
    const at = r * size + half
    if (known[at] === 0) {
      values[at] = compute(r, half)
      known[at] = 1
    }
    return values[at] as number
  }
  return (index) => walk(index, n, bits, round)
}

/** Record at a global position: `permute(seed, floor(position / n), position mod n, n)`. */
export function recordIndex(seed: Uint8Array, position: number, n: number): number {
  check(Number.isSafeInteger(position) && position >= 0, 'bad-input', `${position} is not a position`)
  return permute(seed, Math.floor(position / n), position % n, n)
}
