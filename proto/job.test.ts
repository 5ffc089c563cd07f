import { describe, expect, test } from 'vitest'
import { AssayError, type ErrorCode } from '#proto/errors.ts'
import {
  createJob,
  decodeJob,
  encodeJob,
  type JobDraft,
  type JobSpec,
  MAX_JOB_BYTES,
  type ModelSpec,
  recordCount,
  specHash,
} from '#proto/job.ts'
import { type SeededRandom, sampleJob, seededRandom } from '#proto/testing.ts'

function codeOf(run: () => unknown): ErrorCode | 'none' {
  try {
    run()
  } catch (error) {
    if (error instanceof AssayError) return error.code
    throw error
  }
  return 'none'
}

function randomJob(random: SeededRandom): JobSpec {
  const activation = random.pick(['relu', 'gelu', 'tanh'] as const)
  const side = 8 + random.below(24)
  const [features, classes] = [side * side, 2 + random.below(200)]
  const images = random.bool()
  const model: ModelSpec = images
    ? { type: 'cnn', channels: [4, 8], kernel: 3, hidden: 1 + random.below(99), activation }
    : { type: 'mlp', hidden: [1 + random.below(99), 7], activation }
  const microBatches = 1 + random.below(9)
  return createJob({
    ...sampleJob(),
    model,
    data: {
      ...sampleJob().data,
      format: 'idx',
      size: (features + 1) * 500,
      stride: features + 1,
      recordLength: features + 1,
      trainRecords: 1 + random.below(400),
      evalFrom: 400,
      evalTo: 400 + random.below(101),
      height: images ? side : 0,
      width: images ? side : 0,
      features,
      classes,
    },
    microBatches,
    batch: microBatches * (1 + random.below(9)),
    lanes: 1,
    replicas: 1,
    steps: 1 + random.below(1000),
    seed: random.u64(),
    optimizer: {
      type: 'sgd',
      learningRate: random.u32() / 2 ** 32,
      momentum: 0.9,
      weightDecay: -0,
      warmup: random.below(9),
    },
  })
}

describe('a job', () => {
  test('has one encoding', () => {
    const hashes = new Set<string>()
    for (let seed = 1; seed <= 100; seed++) {
      const spec = randomJob(seededRandom(seed))
      const bytes = encodeJob(spec)
      expect(decodeJob(bytes), `seed ${seed}`).toEqual(spec)
      expect(encodeJob(decodeJob(bytes))).toEqual(bytes)
      hashes.add(Buffer.from(specHash(spec)).toString('hex'))
    }
    expect(hashes.size).toBe(100)
  })

  test('every changed byte changes the job or makes it invalid', () => {
    const bytes = encodeJob(sampleJob())
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice()
      changed[i] = (changed[i] as number) ^ 1
      let decoded: JobSpec | undefined
      const code = codeOf(() => {
        decoded = decodeJob(changed)
      })
      if (decoded === undefined) expect(code, `byte ${i}`).toBe('bad-job')
      else expect(encodeJob(decoded), `byte ${i}`).toEqual(changed)
    }
  })

  test('is refused truncated, with trailing bytes, or oversized', () => {
    const bytes = encodeJob(sampleJob())
    for (let size = 0; size < bytes.length; size++) {
      expect(codeOf(() => decodeJob(bytes.subarray(0, size)))).toBe('bad-job')
    }
    expect(codeOf(() => decodeJob(Uint8Array.of(...bytes, 0)))).toBe('bad-job')
    expect(codeOf(() => decodeJob(new Uint8Array(MAX_JOB_BYTES + 1)))).toBe('bad-job')
  })

  test('random bytes never crash the decoder', () => {
    const bytes = encodeJob(sampleJob())
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed)
      const noisy = bytes.slice()
      for (let k = 0; k < 8; k++) noisy[12 + random.below(bytes.length - 12)] = random.below(256)
      expect(['bad-job', 'none'], `seed ${seed}`).toContain(codeOf(() => decodeJob(noisy)))
    }
  })

  test('gets defaults and binary32 numbers from a draft, and is refused without them', () => {
    const { lanes: _, ...draft } = { ...sampleJob(), microBatches: 8 }
    expect(createJob(draft).lanes).toBe(8)
    const spec = sampleJob()
    expect(spec.optimizer.learningRate).toBe(Math.fround(0.001))
    const raw = { ...spec, optimizer: { ...spec.optimizer, learningRate: 0.001 } }
    expect(codeOf(() => encodeJob(raw))).toBe('bad-job')
  })

  const broken: [string, Partial<JobDraft>][] = [
    ['no steps', { steps: 0 }],
    ['more positions than u32 holds', { steps: 2 ** 28 + 1 }],
    ['a batch that is no multiple', { batch: 15 }],
    ['lanes that are no power of two', { lanes: 3 }],
    ['more replicas than lanes', { replicas: 8 }],
    ['too many entries in a window', { entriesPerWindow: 33 }],
    ['more sums behind an entry than a message takes', { entrySteps: 8193 }],
    ['an open depth', { depth: 0 }],
    ['heads that do not divide', { model: { type: 'gpt', width: 32, layers: 2, heads: 3, context: 16, dropout: 0 } }],
    ['another context', { model: { type: 'gpt', width: 32, layers: 2, heads: 2, context: 8, dropout: 0 } }],
    ['an mlp on text', { model: { type: 'mlp', hidden: [3], activation: 'relu' } }],
    ['more records than bytes', { data: { ...sampleJob().data, trainRecords: 1001 } }],
    ['an evaluation range outside', { data: { ...sampleJob().data, evalTo: 1001 } }],
    ['a backward range', { data: { ...sampleJob().data, evalFrom: 5, evalTo: 4 } }],
    ['a root of 31 bytes', { programRoot: new Uint8Array(31) }],
    ['a NaN', { optimizer: { type: 'sgd', learningRate: Number.NaN, momentum: 0, weightDecay: 0, warmup: 0 } }],
    ['a seed above u64', { seed: 2n ** 64n }],
  ]
  test.each(broken)('with %s is refused', (_, changes) => {
    expect(codeOf(() => sampleJob(changes))).toBe('bad-job')
  })

  test('counts records', () => {
    const data = sampleJob().data
    expect(recordCount(data)).toBe(1000)
    expect(recordCount({ ...data, size: 16 })).toBe(0)
    expect(recordCount({ ...data, size: 17 })).toBe(1)
    expect(recordCount({ ...data, size: 32 })).toBe(1)
    expect(recordCount({ ...data, size: 33 })).toBe(2)
  })
})
