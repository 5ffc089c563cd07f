import { expect, test } from 'vitest'
import {
  ALWAYS,
  type Candidate,
  drawActivation,
  drawSolvers,
  drawVerifier,
  isSampled,
  replayDigest,
  sampleRate,
  verdictCommitment,
} from '#proto/draw.ts'
import { sha256 } from '#proto/hash.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'

function candidates(random: SeededRandom, size: number): Candidate[] {
  return Array.from({ length: size }, () => ({ address: random.bytes(20), stake: BigInt(random.below(1000)) }))
}

test('sampling hits its rate and takes all at the top', () => {
  const random = seededRandom(1)
  const seed = random.bytes(32)
  let hits = 0
  for (let i = 0; i < 4000; i++) if (isSampled(seed, random.bytes(32), sampleRate(0.25))) hits++
  expect(hits / 4000).toBeGreaterThan(0.22)
  expect(hits / 4000).toBeLessThan(0.28)
  const entry = random.bytes(32)
  expect(isSampled(seed, entry, ALWAYS)).toBe(true)
  expect(isSampled(seed, entry, 0n)).toBe(false)
  const draw = Buffer.from(sha256(Buffer.from('assay/sample/1'), seed, entry)).readBigUInt64BE(0)
  expect(isSampled(seed, entry, draw)).toBe(false)
  expect(isSampled(seed, entry, draw + 1n)).toBe(true)
  expect([sampleRate(0), sampleRate(0.5), sampleRate(1)]).toEqual([0n, 2n ** 63n, ALWAYS])
})

test('a verifier is drawn by stake', () => {
  const random = seededRandom(2)
  const pool: Candidate[] = [
    { address: random.bytes(20), stake: 0n },
    { address: random.bytes(20), stake: 1n },
    { address: random.bytes(20), stake: 3n },
  ]
  const seed = random.bytes(32)
  const drawn = [0, 0, 0]
  for (let i = 0; i < 2000; i++) {
    const index = drawVerifier(seed, random.bytes(32), 0, pool) as number
    drawn[index] = (drawn[index] as number) + 1
  }
  expect(drawn[0]).toBe(0)
  expect((drawn[2] as number) / 2000).toBeGreaterThan(0.7)
  expect((drawn[2] as number) / 2000).toBeLessThan(0.8)
  expect(drawVerifier(seed, seed, 0, [])).toBeUndefined()
})

test('rounds walk the tickets of the cumulative stakes without replacement', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const pool = [...candidates(random, 1 + random.below(5)), { address: random.bytes(20), stake: 1n }]
    const [key, entry] = [random.bytes(32), random.bytes(32)]
    let tickets = pool.flatMap((c, i) => Array.from({ length: Number(c.stake) }, () => i))
    for (let round = 0; round <= pool.length; round++) {
      const digest = sha256(Buffer.from('assay/verifier/1'), key, entry, Uint8Array.of(round))
      const x = tickets.length === 0 ? 0n : BigInt(`0x${Buffer.from(digest).toString('hex')}`) % BigInt(tickets.length)
      const expected = tickets[Number(x)]
      expect(drawVerifier(key, entry, round, pool), `seed ${seed} round ${round}`).toBe(expected)
      tickets = tickets.filter((holder) => holder !== expected)
    }
  }
})

test('solvers are drawn without replacement and repeatably', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = seededRandom(seed)
    const pool = candidates(random, 2 + random.below(10)).map((c) => ({ ...c, stake: c.stake + 1n }))
    const cells = 1 + random.below(pool.length)
    const key = random.bytes(32)
    const drawn = drawSolvers(key, cells, pool)
    expect(new Set(drawn).size, `seed ${seed}`).toBe(cells)
    expect(drawSolvers(key, cells, pool)).toEqual(drawn)
    expect(drawSolvers(key, cells - 1, pool)).toEqual(drawn.slice(0, cells - 1))
    expect(() => drawSolvers(key, pool.length + 1, pool)).toThrow('no stake')
  }
})

test('the activation is in range and spread', () => {
  const random = seededRandom(4)
  const seen = new Set<string>()
  for (let i = 0; i < 400; i++) {
    const { microBatch, node } = drawActivation(random.bytes(32), random.bytes(32), 4, 10)
    expect(microBatch).toBeLessThan(4)
    expect(node).toBeLessThan(10)
    seen.add(`${microBatch}/${node}`)
  }
  expect(seen.size).toBe(40)
})

test('proofs of replay and verdict commitments bind all of their fields', () => {
  const random = seededRandom(5)
  const [verifier, seed, activation] = [random.bytes(20), random.bytes(32), random.bytes(500)]
  const digest = replayDigest(verifier, seed, activation)
  expect(replayDigest(random.bytes(20), seed, activation)).not.toEqual(digest)
  expect(replayDigest(verifier, random.bytes(32), activation)).not.toEqual(digest)
  expect(replayDigest(verifier, seed, activation.subarray(1))).not.toEqual(digest)
  const verdict = { entryHash: seed, verifier, accept: true, against: 3, digest, salt: random.bytes(32) }
  const base = verdictCommitment(verdict)
  expect(verdictCommitment({ ...verdict, accept: false })).not.toEqual(base)
  expect(verdictCommitment({ ...verdict, against: 2 })).not.toEqual(base)
  expect(verdictCommitment({ ...verdict, entryHash: digest })).not.toEqual(base)
  expect(verdictCommitment({ ...verdict, salt: random.bytes(32) })).not.toEqual(base)
})
