/**
 * Golden vectors of the protocol, for tests in TypeScript and Solidity: `npx vitest run proto/vectors -u` rewrites
 * test/vectors/proto.json. Bytes are 0x hex, 64-bit and wider integers are decimal strings.
 */
import { SigningKey } from 'ethers'
import { to0x } from '#proto/bytes.ts'
import {
  assignmentSeed,
  auditSeed,
  drawActivation,
  drawOrder,
  drawVerifier,
  isSampled,
  ORDER_TAG,
  replayDigest,
  sampleRate,
  verdictCommitment,
} from '#proto/draw.ts'
import { type Entry, encodeEntry, entryDigest, keyAddress, signEntry } from '#proto/entry.ts'
import { leafHash, nodeHash, sha256 } from '#proto/hash.ts'
import { addressText, derivedSeed, jobId, seedWords } from '#proto/ids.ts'
import { encodeJob, specHash } from '#proto/job.ts'
import { laneTree } from '#proto/lanes.ts'
import { bytesRoot, DTYPE_CODE, hashTree, proof, tensorRootOf } from '#proto/merkle.ts'
import { permute } from '#proto/permutation.ts'
import { sampleJob, seededRandom } from '#proto/testing.ts'

type Random = ReturnType<typeof seededRandom>

/** Bytes 0, 1, .. 255, 0, ..: easy to rebuild in any language. */
function counting(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i & 0xff)
}

function trees(): unknown {
  const sizes = [0, 1, 1024, 1025, 16_384, 16_385, 262_144, 262_145]
  return {
    leaf: { data: to0x(counting(5)), hash: to0x(leafHash(counting(5))) },
    node: {
      children: [to0x(sha256()), to0x(sha256(counting(1)))],
      hash: to0x(nodeHash([sha256(), sha256(counting(1))])),
    },
    countingBytes: sizes.map((size) => ({ size, root: to0x(bytesRoot(counting(size))) })),
    hashTrees: [1, 2, 16, 17, 257].map((count) => ({
      count,
      root: to0x(hashTree(Array.from({ length: count }, (_, i) => sha256(Uint8Array.of(i & 0xff, i >> 8))))),
    })),
    tensors: [
      { dtype: 'f32', shape: [2, 3], root: to0x(tensorRootOf(DTYPE_CODE.f32, [2, 3], counting(24))) },
      { dtype: 'u32', shape: [], root: to0x(tensorRootOf(DTYPE_CODE.u32, [], counting(4))) },
    ],
    proof: {
      size: 20_000,
      index: 17,
      root: to0x(bytesRoot(counting(20_000))),
      levels: proof(counting(20_000), 17).map((level) => level.map(to0x)),
    },
  }
}

function entryFields(random: Random, solver: Uint8Array): Entry {
  const stepFrom = random.below(1000)
  return {
    jobId: random.bytes(32),
    epoch: random.below(100),
    replica: random.below(16),
    window: random.below(1000),
    stepFrom,
    stepTo: stepFrom + 1 + random.below(8),
    rootBefore: random.bytes(32),
    rootAfter: random.bytes(32),
    lanesRoot: random.bytes(32),
    metricsRoot: random.bytes(32),
    solver,
  }
}

function entries(random: Random): unknown {
  return Array.from({ length: 4 }, () => {
    const privateKey = random.bytes(32)
    const key = new SigningKey(to0x(privateKey))
    const entry = entryFields(random, keyAddress(key))
    const hex = { solver: addressText(entry.solver) } as Record<string, string>
    for (const name of ['jobId', 'rootBefore', 'rootAfter', 'lanesRoot', 'metricsRoot'] as const)
      hex[name] = to0x(entry[name])
    return {
      privateKey: to0x(privateKey),
      entry: { ...entry, ...hex },
      packed: to0x(encodeEntry(entry)),
      digest: to0x(entryDigest(entry)),
      signature: to0x(signEntry(key, entry).signature),
    }
  })
}

function draws(random: Random): unknown {
  return Array.from({ length: 6 }, (_, i) => {
    const [seed, entryHash] = [random.bytes(32), random.bytes(32)]
    const pool = Array.from({ length: 2 + i }, () => ({ address: random.bytes(20), stake: random.u64() }))
    const rate = sampleRate(0.5)
    const verifier = pool[0]?.address as Uint8Array
    const activation = random.bytes(8)
    const verdict = {
      entryHash,
      verifier,
      accept: i % 2 === 0,
      against: i,
      digest: random.bytes(32),
      salt: random.bytes(32),
    }
    return {
      seed: to0x(seed),
      entryHash: to0x(entryHash),
      rate: rate.toString(),
      sampled: isSampled(seed, entryHash, rate),
      accounts: pool.map(({ address }) => addressText(address)),
      stakes: pool.map(({ stake }) => stake.toString()),
      verifiers: pool.map((_, round) => drawVerifier(seed, entryHash, round, pool)),
      cells: drawOrder(ORDER_TAG.solver, seed, pool, pool.length),
      coordinators: drawOrder(ORDER_TAG.coordinator, seed, pool, pool.length),
      activation: drawActivation(seed, entryHash, 4, 300),
      replay: {
        verifier: addressText(verifier),
        bytes: to0x(activation),
        digest: to0x(replayDigest(verifier, seed, activation)),
      },
      verdict: {
        verifier: addressText(verifier),
        accept: verdict.accept,
        against: verdict.against,
        digest: to0x(verdict.digest),
        salt: to0x(verdict.salt),
        commitment: to0x(verdictCommitment(verdict)),
      },
    }
  })
}

function permutations(random: Random): unknown {
  return [1, 2, 5, 16, 17, 1000, 65_537, 4_294_967_295].map((n) => {
    const seed = random.bytes(32)
    const epoch = random.below(9)
    const indices = [0, n - 1, random.below(n)]
    return { seed: to0x(seed), epoch, n, indices, images: indices.map((index) => permute(seed, epoch, index, n)) }
  })
}

function plans(): unknown {
  return [
    [4, 4, 1],
    [4, 4, 2],
    [4, 4, 4],
    [6, 4, 2],
    [3, 4, 2],
    [20, 16, 4],
  ].map(([microBatches = 1, lanes = 1, replicas = 1]) => ({
    microBatches,
    lanes,
    replicas,
    plans: Array.from({ length: replicas }, (_, replica) => laneTree(replica, microBatches, lanes, replicas)),
  }))
}

function identifiers(random: Random): unknown {
  const spec = sampleJob()
  const [contract, submitter, randomness] = [random.bytes(20), random.bytes(20), random.bytes(32)]
  const id = jobId(specHash(spec), { chainId: 31_337n, contract, submitter, nonce: 7n })
  return {
    job: { bytes: to0x(encodeJob(spec)), specHash: to0x(specHash(spec)) },
    jobId: {
      chainId: '31337',
      contract: addressText(contract),
      submitter: addressText(submitter),
      nonce: '7',
      jobId: to0x(id),
    },
    seeds: {
      seed: '1',
      order: to0x(derivedSeed(1n, 'order')),
      init: seedWords(1n, 'init'),
      dropout: seedWords(1n, 'dropout'),
      randomness: to0x(randomness),
      assignment: { epoch: 2, seed: to0x(assignmentSeed(id, 2, randomness)) },
      audit: { epoch: 2, window: 5, seed: to0x(auditSeed(id, 2, 5, randomness)) },
    },
  }
}

/** The whole file, as text. */
export function vectorsText(): string {
  const random = seededRandom(20_261)
  const vectors = {
    identifiers: identifiers(random),
    trees: trees(),
    entries: entries(random),
    draws: draws(random),
    permutations: permutations(random),
    plans: plans(),
  }
  return `${JSON.stringify(vectors, null, 1)}\n`
}
