/** Draws from an audit seed: what is sampled, who verifies and solves, what a proof of replay must show. */
import { check } from '#proto/errors.ts'
import { sha256, taggedHash } from '#proto/hash.ts'
import type { Address, Hash } from '#proto/ids.ts'

/** A sample rate that takes every entry. */
export const ALWAYS = 2n ** 64n - 1n

export interface Candidate {
  readonly address: Address
  /** Stake in wei. */
  readonly stake: bigint
}

function uint(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value
}

/** Rate of a probability: round(p * 2^64) held below 2^64. */
export function sampleRate(probability: number): bigint {
  check(probability >= 0 && probability <= 1, 'bad-input', `${probability} is not a probability`)
  if (probability === 1) return ALWAYS
  return BigInt(Math.floor(probability * 2 ** 53)) << 11n
}

/**
 * Whether an entry is sampled: u64 of the first 8 bytes of H("assay/sample/1" || seed || entryHash) < rate; the rate
 * 2^64-1 takes all. The first entry of a solver in a job and plan epoch is sampled whatever this says (probation).
 */
export function isSampled(seed: Hash, entryHash: Hash, rate: bigint): boolean {
  check(rate >= 0n && rate <= ALWAYS, 'bad-input', `${rate} is not a sample rate`)
  if (rate === ALWAYS) return true
  return uint(taggedHash('assay/sample/1', (p) => p.b32(seed).b32(entryHash)).subarray(0, 8)) < rate
}

/** Index of the candidate under ticket `x` of the cumulative stakes, in list order. */
function holderOf(x: bigint, candidates: readonly Candidate[]): number {
  let sum = 0n
  for (const [i, candidate] of candidates.entries()) {
    sum += candidate.stake
    if (x < sum) return i
  }
  return candidates.length - 1
}

function totalStake(candidates: readonly Candidate[]): bigint {
  let total = 0n
  for (const { stake } of candidates) {
    check(stake >= 0n, 'bad-input', 'a stake is negative')
    total += stake
  }
  check(total > 0n, 'not-found', 'there is no stake to draw from', { next: 'Wait for a bonded candidate to join.' })
  return total
}

/**
 * Index of the drawn verifier, stake-weighted: x = uint256(H("assay/verifier/1" || seed || entryHash || round u8)) mod
 * total stake, then the first candidate, in list order, whose cumulative stake exceeds x. Throws `not-found` without stake.
 */
export function drawVerifier(seed: Hash, entryHash: Hash, round: number, candidates: readonly Candidate[]): number {
  const total = totalStake(candidates)
  return holderOf(uint(taggedHash('assay/verifier/1', (p) => p.b32(seed).b32(entryHash).u8(round))) % total, candidates)
}

/**
 * Indices of the drawn solvers, one per cell in order, without replacement: for cell c, x = uint256(H("assay/solver/1" ||
 * seed || c u16)) mod the stake not yet drawn, then the first candidate left, in list order, whose cumulative stake
 * exceeds x. Throws `not-found` with fewer staked candidates than cells.
 */
export function drawSolvers(seed: Hash, cells: number, candidates: readonly Candidate[]): number[] {
  const left = candidates.map(({ address, stake }) => ({ address, stake }))
  const drawn: number[] = []
  for (let cell = 0; cell < cells; cell++) {
    const total = totalStake(left)
    const index = holderOf(uint(taggedHash('assay/solver/1', (p) => p.b32(seed).u16(cell))) % total, left)
    drawn.push(index)
    left[index] = { ...(left[index] as Candidate), stake: 0n }
  }
  return drawn
}

/** The activation of the entry's last step that a proof of replay must show. */
export interface DrawnActivation {
  readonly microBatch: number
  /** Index of a node of the `micro` graph. */
  readonly node: number
}

/** d = H("assay/activation/1" || seed || entryHash); micro-batch = u64(d[0..8)) mod M, node = u64(d[8..16)) mod nodes. */
export function drawActivation(seed: Hash, entryHash: Hash, microBatches: number, nodes: number): DrawnActivation {
  check(microBatches >= 1 && nodes >= 1, 'bad-input', 'nothing to draw an activation from')
  const digest = taggedHash('assay/activation/1', (p) => p.b32(seed).b32(entryHash))
  return {
    microBatch: Number(uint(digest.subarray(0, 8)) % BigInt(microBatches)),
    node: Number(uint(digest.subarray(8, 16)) % BigInt(nodes)),
  }
}

/** Proof of replay: H("assay/replay/1" || verifier || seed || H(activation bytes)). */
export function replayDigest(verifier: Address, seed: Hash, activation: Uint8Array): Hash {
  return taggedHash('assay/replay/1', (p) => p.address(verifier).b32(seed).b32(sha256(activation)))
}

/** What a verifier commits to before it reveals. */
export interface Verdict {
  readonly entryHash: Hash
  readonly verifier: Address
  readonly accept: boolean
  /** Index in the window of the entry that a rejection accuses: of the same slot. */
  readonly against: number
  /** Proof of replay. */
  readonly digest: Hash
  /** 32 bytes only the verifier knows until it reveals. */
  readonly salt: Hash
}

/** H("assay/verdict/1" || entryHash || verifier || accept u8 || against u16 || digest || salt). */
export function verdictCommitment(v: Verdict): Hash {
  return taggedHash('assay/verdict/1', (p) =>
    p.b32(v.entryHash).address(v.verifier).bool(v.accept).u16(v.against).b32(v.digest).b32(v.salt),
  )
}
