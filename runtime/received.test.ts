import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { fromHex } from '#proto/bytes.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { ReceivedSums } from './received.ts'

const JOB: Hex = `0x${'ab'.repeat(32)}`

/** Two steps an entry, two entries a window. */
const at = (finalWindows: number, phase: JobView['phase'] = 'training'): JobView =>
  ({
    ...{ jobId: JOB, phase, finalWindows, disputes: new Map() },
    terms: { steps: 12, entrySteps: 2, entriesPerWindow: 2 },
  }) as unknown as JobView

test('sums that partners sent are kept until their steps are final, and go with their job', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assay-received-'))
  try {
    const sums = new ReceivedSums(folder)
    const job = fromHex(JOB, 32)
    for (const step of [0, 3, 4, 11]) {
      const file = sums.file(job, 2, step, 1)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, Uint8Array.of(step))
    }
    const kept = async (): Promise<number[]> => {
      const steps = [0, 3, 4, 11]
      const found = await Promise.all(steps.map((step) => sums.find(job, 2, step, 1, 1)))
      return steps.filter((_, i) => found[i] !== undefined)
    }
    await sums.update(at(0))
    expect(await kept()).toEqual([0, 3, 4, 11])
    await sums.update(at(1))
    expect(await kept()).toEqual([4, 11])
    expect(await sums.find(job, 2, 4, 0, 1)).toBeUndefined()
    // Not whole.
    expect(await sums.find(job, 2, 4, 1, 2)).toBeUndefined()
    await sums.update(at(1, 'settled'))
    expect(await kept()).toEqual([])
    // Another process of the account, or the same one after a restart, finds nothing to do.
    await new ReceivedSums(folder).update(at(1))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
