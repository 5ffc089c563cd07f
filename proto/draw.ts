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
 * 2^64-1 takes all. The first entries of a plan epoch (every cell's in the first slot) are sampled whatever this says: probation.
 */
export function isSampled(seed: Hash, entryHash: Hash, rate: bigint): boolean {
  check(rate >= 0n && rate <= ALWAYS, 'bad-input', `${rate} is not a sample rate`)
  if (rate === ALWAYS) return true
  return uint(taggedHash('assay/sample/1', (p) => p.b32(seed).b32(entryHash)).subarray(0, 8)) < rate
}

/** Candidates of which some are taken out, walked by cumulative weight in list order. */
class Urn {
  private readonly weights: bigint[]
  private total = 0n

  constructor(candidates: readonly Candidate[]) {
    this.weights = candidates.map(({ stake }) => stake)
    for (const weight of this.weights) {
      check(weight >= 0n, 'bad-input', 'a stake is negative')
      this.total += weight
    }
  }

  /** Takes out the candidate under ticket `draw` mod the weight left. Undefined when nothing is left. */
  take(draw: bigint): number | undefined {
    if (this.total === 0n) return undefined
    let ticket = draw % this.total
    let at = 0
    for (let weight = this.weights[0] as bigint; ticket >= weight; weight = this.weights[at] as bigint) {
      ticket -= weight
      at++
    }
    this.total -= this.weights[at] as bigint
    this.weights[at] = 0n
    return at
  }
}

/**
 * Index of an entry's verifier in a round (0, 1, ..), stake-weighted: the ticket of round r is
 * uint256(H("assay/verifier/1" || seed || entryHash || r u8)) mod the stake not drawn in earlier rounds, and names the
 * first candidate, in list order, whose cumulative stake exceeds it. Undefined when no stake is left.
 */
export function drawVerifier(
  seed: Hash,
  entryHash: Hash,
  round: number,
  candidates: readonly Candidate[],
): number | undefined {
  check(Number.isInteger(round) && round >= 0 && round <= 0xff, 'bad-input', `${round} is not a round`)
  const urn = new Urn(candidates)
  let drawn: number | undefined
  for (let r = 0; r <= round; r++) {
    drawn = urn.take(uint(taggedHash('assay/verifier/1', (p) => p.b32(seed).b32(entryHash).u8(r))))
  }
  return drawn
}

/** Tags of the orders that are drawn at assignment: solvers of cells and standby, and candidates for the lease. */
export const ORDER_TAG = { solver: 'assay/cell/1', coordinator: 'assay/coordinator/1' } as const

/**
 * The first `size` indices of the drawn order of candidates, without replacement: the ticket of position i is
 * uint256(H(tag || seed || i u16)) mod the stake not drawn before. Throws `not-found` with fewer staked candidates.
 */
export function drawOrder(tag: string, seed: Hash, candidates: readonly Candidate[], size: number): number[] {
  const urn = new Urn(candidates)
  return Array.from({ length: size }, (_, i) => {
    const drawn = urn.take(uint(taggedHash(tag, (p) => p.b32(seed).u16(i))))
    const next = 'Wait for more bonded candidates to join.'
    check(drawn !== undefined, 'not-found', `there is no stake left to draw ${size} from`, { next })
    return drawn
  })
}

/** Indices of the solvers of `cells` cells, cell by cell. Throws `not-found` with fewer staked candidates than cells. */
export function drawSolvers(seed: Hash, cells: number, candidates: readonly Candidate[]): number[] {
  return drawOrder(ORDER_TAG.solver, seed, candidates, cells)
}

/** Seed of an assignment: H("assay/assign/1" || jobId || epoch u32 || randomness). */
export function assignmentSeed(jobId: Hash, epoch: number, randomness: Hash): Hash {
  return taggedHash('assay/assign/1', (p) => p.b32(jobId).u32(epoch).b32(randomness))
}

/** Audit seed of a window: H("assay/audit/1" || jobId || epoch u32 || window u32 || randomness). */
export function auditSeed(jobId: Hash, epoch: number, window: number, randomness: Hash): Hash {
  return taggedHash('assay/audit/1', (p) => p.b32(jobId).u32(epoch).u32(window).b32(randomness))
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
