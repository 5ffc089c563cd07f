/** More of what verify.test.ts does: every kind of changed answer, missing checkpoints, and a job with a liar in it. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NetworkResult } from '#app/client/summary.ts'
import { EXIT } from '#app/exit.ts'
import type { CheckResult } from '#app/verify/finding.ts'
import { ANSWERS } from './answers.ts'
import { broken, type Finished, finishedJob, found } from './finished.ts'
import { writeJob } from './jobs.ts'
import { assay, endAll, lastLine, npmStart } from './programs.ts'

describe('a finished job', () => {
  let finished: Finished

  beforeAll(async () => {
    finished = await finishedJob()
  })

  afterAll(async () => {
    await finished?.close()
    await endAll()
  })

  test.each(ANSWERS)('a changed digit in %s is found, and where', async (_, tamper, section, name, place) => {
    const { checks } = await finished.audit({ tamper: tamper() })
    const findings = found(checks, section, name)
    expect(findings, broken(checks).join('\n')).toEqual(expect.arrayContaining([expect.stringMatching(place)]))
  })

  test('is computed from the init state where no checkpoint is kept', async () => {
    const bare = join(finished.folder, 'bare')
    await cp(finished.net, bare, { recursive: true })
    for (const { name } of (await readdir(bare, { withFileTypes: true })).filter((entry) => entry.isDirectory()))
      await rm(join(bare, name, 'checkpoints'), { recursive: true, force: true })
    const { checks, missing } = await finished.audit({ blobs: bare })
    expect(broken(checks)).toEqual([])
    expect(missing).toEqual([])
    expect(checks.at(-1)?.seen).toMatch(/^\d+ entries/)
  })
})

test('a job in which a liar was slashed holds: its entry is refuted once more', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
  try {
    const job = await writeJob(folder, { steps: 6, entriesPerWindow: 3, sampleRate: 0.5 })
    const net = join(folder, 'net')
    const ran = await npmStart(['--liar', 'solver', '--keep', net, '--job', job, '--json']).ended
    const { job: id, disputes } = lastLine<NetworkResult>(ran)
    expect(disputes.some(({ ruling }) => ruling === 'Refuted')).toBe(true)
    const ended = await assay('verify', id, '--network', join(net, 'network.json'), '--all', '--json')
    expect(ended.code, ended.stderr).toBe(EXIT.ok)
    const { checks } = lastLine<{ checks: CheckResult[] }>(ended)
    expect(checks.find(({ name }) => name === 'sums')?.seen).not.toContain('slashed 0.0000')
  } finally {
    await endAll()
    await rm(folder, { recursive: true, force: true })
  }
})
