/** Random valid values that several targets start from. */
import { SigningKey } from 'ethers'
import { to0x } from '#proto/bytes.ts'
import { ALWAYS } from '#proto/draw.ts'
import { type Entry, encodeSignedEntry, keyAddress, signEntry } from '#proto/entry.ts'
import type { DataSpec, JobSpec } from '#proto/job.ts'
import type { Provider } from '#proto/messages.ts'
import { sampleJob } from '#proto/testing.ts'
import type { SeededRandom } from '#test/fuzz/target.ts'

const key = new SigningKey(to0x(new Uint8Array(32).fill(0x42)))
export const KEY: SigningKey = key
export const ACCOUNT = keyAddress(key)
export const NETWORK = new Uint8Array(32).fill(0x6e)

export function anEntry(random: SeededRandom): Entry {
  const stepFrom = random.below(1000)
  return {
    jobId: random.bytes(32),
    epoch: random.below(2 ** 16),
    replica: random.below(256),
    window: random.below(2 ** 16),
    stepFrom,
    stepTo: stepFrom + 1 + random.below(100),
    rootBefore: random.bytes(32),
    rootAfter: random.bytes(32),
    lanesRoot: random.bytes(32),
    metricsRoot: random.bytes(32),
    solver: ACCOUNT,
  }
}

export const aSignedEntry = (random: SeededRandom): Uint8Array => encodeSignedEntry(signEntry(KEY, anEntry(random)))

export function aProvider(random: SeededRandom): Provider {
  const address = (): string => `/ip4/10.0.0.${random.below(256)}/tcp/${1 + random.below(65_535)}`
  return { peerId: `16Uiu2HAm${random.u32()}`, addresses: Array.from({ length: random.below(4) }, address) }
}

const optimizers = [
  { type: 'sgd', learningRate: 0.5, momentum: 0.9, weightDecay: 0, warmup: 3 },
  { type: 'adamw', learningRate: 0.001, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, warmup: 0 },
] as const

const activations = ['relu', 'gelu', 'tanh'] as const

/** Jobs of every model, data format and optimizer. */
export function aJob(random: SeededRandom): JobSpec {
  const microBatches = 1 << random.below(5)
  const common = {
    optimizer: random.pick(optimizers),
    microBatches,
    batch: microBatches * (1 + random.below(8)),
    replicas: 1,
    steps: 1 + random.below(1000),
    entrySteps: 1 + random.below(10),
    seed: random.u64(),
    policy: { sampleRate: random.bool() ? ALWAYS : random.u64() },
  }
  const activation = random.pick(activations)
  switch (random.below(4)) {
    case 0:
      return sampleJob(common)
    case 1: {
      const csv = classified({ format: 'csv', dtype: 'f32', features: 1 + random.below(9), height: 0, width: 0 })
      const hidden = Array.from({ length: random.below(4) }, () => 1 + random.below(64))
      return sampleJob({ ...common, model: { type: 'mlp', hidden, activation }, data: csv })
    }
    case 2: {
      const idx = classified({ format: 'idx', dtype: 'u8', features: 28 * 28, height: 28, width: 28 })
      return sampleJob({ ...common, model: { type: 'mlp', hidden: [16], activation }, data: idx })
    }
    default: {
      const idx = classified({ format: 'idx', dtype: 'u8', features: 8 * 4, height: 8, width: 4 })
      const channels = Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(16))
      return sampleJob({ ...common, model: { type: 'cnn', channels, kernel: 3, hidden: 8, activation }, data: idx })
    }
  }
}

function classified(layout: Pick<DataSpec, 'format' | 'dtype' | 'features' | 'height' | 'width'>): DataSpec {
  const stride = layout.features + 1
  const records = { trainRecords: 90, evalFrom: 90, evalTo: 100, classes: 10 }
  const size = 100 * stride * (layout.dtype === 'u8' ? 1 : 4)
  return { ...layout, ...records, root: new Uint8Array(32).fill(7), size, stride, recordLength: stride }
}
