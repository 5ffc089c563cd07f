/** For tests and simulations: seeded pseudo-random values (mulberry32, never for anything committed) and sample jobs. */
import { ALWAYS } from '#proto/draw.ts'
import { createJob, type JobDraft, type JobSpec } from '#proto/job.ts'

export interface SeededRandom {
  /** Uniform u32. */
  u32(): number
  /** Uniform in `0 .. n-1`. */
  below(n: number): number
  bytes(size: number): Uint8Array
  u64(): bigint
  bool(probability?: number): boolean
  pick<T>(items: readonly T[]): T
  shuffle<T>(items: readonly T[]): T[]
}

export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const u32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  const below = (n: number): number => Math.floor((u32() / 2 ** 32) * n)
  return {
    u32,
    below,
    bytes(size) {
      const out = new Uint8Array(size)
      for (let i = 0; i < size; i++) out[i] = u32() & 0xff
      return out
    },
    u64: () => (BigInt(u32()) << 32n) | BigInt(u32()),
    bool: (probability = 0.5) => u32() / 2 ** 32 < probability,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    shuffle(items) {
      const out = [...items]
      for (let i = out.length - 1; i > 0; i--) {
        const j = below(i + 1)
        const swap = out[i] as (typeof items)[number]
        out[i] = out[j] as (typeof items)[number]
        out[j] = swap
      }
      return out
    },
  }
}

/** A small valid GPT job over text; `changes` replace its fields. */
export function sampleJob(changes: Partial<JobDraft> = {}): JobSpec {
  return createJob({
    model: { type: 'gpt', width: 32, layers: 2, heads: 2, context: 16, dropout: 0 },
    data: {
      format: 'text',
      root: new Uint8Array(32).fill(0xda),
      size: 16_001,
      dtype: 'u8',
      stride: 16,
      recordLength: 17,
      trainRecords: 900,
      evalFrom: 900,
      evalTo: 1000,
      height: 0,
      width: 0,
      features: 16,
      classes: 256,
    },
    programRoot: new Uint8Array(32).fill(0x9a),
    steps: 12,
    batch: 16,
    microBatches: 4,
    optimizer: {
      type: 'adamw',
      learningRate: 0.001,
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-8,
      weightDecay: 0.1,
      warmup: 0,
    },
    seed: 1n,
    replicas: 2,
    entrySteps: 2,
    entriesPerWindow: 2,
    depth: 2,
    policy: { sampleRate: ALWAYS },
    ...changes,
  })
}
