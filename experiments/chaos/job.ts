/** The job of the chaos experiment, and terms under which a process may be away for a while. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PRESETS } from '#proto/presets.ts'

/** Steps for each minute of chaos: a quiet network trains them in ten to twenty seconds on two cores. */
const STEPS_PER_MINUTE = 48

/** Periods are in blocks of 0.2 s. Whoever is killed is back within some ten seconds, even if it happens twice in a row. */
export const PATIENT = {
  ...PRESETS.devnet,
  periods: {
    bidPeriod: 50,
    commitPeriod: 1500,
    verdictPeriod: 900,
    revealPeriod: 300,
    challengePeriod: 25,
    responsePeriod: 300,
    jobPeriod: 30_000,
  },
}

const TEXT = Array.from({ length: 400 }, (_, i) => `Verse ${i}: ${i * i} lazy dogs sleep near ${i % 7} foxes.\n`).join(
  '',
)

/** Writes the job file and its data to a folder; returns the file's path. */
export async function writeJob(folder: string, minutes: number): Promise<string> {
  await writeFile(join(folder, 'corpus.txt'), TEXT)
  const file = join(folder, 'job.json')
  const job = {
    model: { type: 'gpt', width: 64, layers: 2, heads: 4, context: 64 },
    data: { format: 'text', path: 'corpus.txt' },
    steps: Math.max(16, Math.round((minutes * STEPS_PER_MINUTE) / 16) * 16),
    batch: 16,
    microBatches: 4,
    optimizer: { type: 'adamw', learningRate: 0.003, warmup: 8 },
    seed: 1,
    policy: { sampleRate: 0.2, entrySteps: 4, entriesPerWindow: 4, depth: 4 },
  }
  await writeFile(file, JSON.stringify(job, null, 2))
  return file
}
