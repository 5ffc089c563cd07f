/** Memory that training takes, as the engine reports it, against what is predicted from the program alone. */
import { expect, test } from 'vitest'
import type { JobSpec } from '#proto/job.ts'
import { imageJob, memoryRatio, textJob } from '#runtime/testing-memory.ts'

const JOBS: Readonly<Record<string, () => JobSpec>> = {
  'an mlp': () => imageJob({ model: { type: 'mlp', hidden: [256], activation: 'relu' }, batch: 64 }),
  'a cnn': () =>
    imageJob({ model: { type: 'cnn', channels: [8, 16], kernel: 3, hidden: 64, activation: 'relu' }, batch: 32 }),
  'a gpt of 0.84 million parameters': () => textJob(128, 4, 4, 128, 8),
  'a gpt that computes its blocks again': () => ({ ...textJob(128, 4, 4, 128, 8), recompute: 'blocks' }),
}

test.each(Object.entries(JOBS))('%s takes what is predicted, within a tenth', async (_name, job) => {
  const measured = await memoryRatio(job(), 2)
  expect(measured).toBeGreaterThan(0.9)
  expect(measured).toBeLessThan(1.1)
})
