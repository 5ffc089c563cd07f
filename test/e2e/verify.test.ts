/**
 * `assay verify` on a finished job, with every role dead: on an honest copy, and on copies that differ from it in one digit
 * somewhere - in an answer of the node, in a blob, in the weights - each of which it names. verify.deep.test.ts has more.
 */
import { cp, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EXIT } from '#app/exit.ts'
import type { CheckResult } from '#app/verify/finding.ts'
import type { ChainSource } from '#app/verify/source.ts'
import { auditWeights, type WeightsAudit } from '#app/verify/weights.ts'
import { fromHex, toHex } from '#proto/bytes.ts'
import { addressText } from '#proto/ids.ts'
import { specHash } from '#proto/job.ts'
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import { readNetwork } from '#runtime/network.ts'
import { ANSWERS } from './answers.ts'
import { broken, type Finished, finishedJob, found, STEPS } from './finished.ts'
import { assay, endAll, lastLine } from './programs.ts'
import { changeObject, flipByte, flipLog } from './tampering.ts'

/** The answers that are changed here; the others cost as much and are left to the deep test. */
const HERE = ["a job's terms", 'an entry', 'what was drawn', 'a revealed verdict', 'a line of the ledger', 'a header']

let finished: Finished

beforeAll(async () => {
  finished = await finishedJob()
})

afterAll(async () => {
  await finished?.close()
  await endAll()
})

test('an honest record holds, with what was sampled and with everything computed again', async () => {
  const { audit, net, job } = finished
  const before = await readdir(net, { recursive: true })
  for (const all of [false, true]) {
    const { checks, missing, stateRoot, phase } = await audit({ all })
    expect(broken(checks)).toEqual([])
    expect(missing).toEqual([])
    expect({ stateRoot: `0x${stateRoot}`, phase }).toEqual({ stateRoot: job.finalRoot, phase: 'settled' })
    const { seen } = checks.at(-1) as CheckResult
    const whole = new RegExp(`^${2 * STEPS} entries \\(${STEPS} steps\\)`)
    expect(seen).toMatch(all ? whole : /^\d+ entries \(\d steps.*[1-9]\d* proofs/)
  }
  expect(await readdir(net, { recursive: true }), 'the folders are as they were').toEqual(before)
})

test('the command starts the kept chain again, and says what it looked at', async () => {
  const { net, job } = finished
  const ended = await assay('verify', job.jobId.slice(0, 12), '--network', join(net, 'network.json'), '--json')
  expect(ended.code, ended.stderr).toBe(EXIT.ok)
  expect(lastLine(ended)).toMatchObject({
    holds: true,
    job: job.jobId,
    stateRoot: job.finalRoot?.slice(2),
    missing: [],
  })
  expect(ended.stderr).toMatch(/started again[\s\S]*✓ signatures[\s\S]*holds: \d+ checks passed/)
})

test.each(ANSWERS.filter(([what]) => HERE.includes(what)))(
  'a changed digit in %s is found, and where',
  async (_, tamper, section, name, place) => {
    const { checks } = await finished.audit({ tamper: tamper() })
    const findings = found(checks, section, name)
    expect(findings, broken(checks).join('\n')).toEqual(expect.arrayContaining([expect.stringMatching(place)]))
  },
)

describe('a changed byte in a blob is found, and where', () => {
  let copy: string

  async function fresh(): Promise<void> {
    copy = join(finished.folder, 'copy')
    await rm(copy, { recursive: true, force: true })
    await cp(finished.net, copy, { recursive: true })
  }

  async function findings(section: string, name: string): Promise<string[]> {
    const { checks } = await finished.audit({ blobs: copy })
    return found(checks, section, name)
  }

  test("in the job's canonical bytes", async () => {
    await fresh()
    changeObject(join(copy, 'solver-1', 'state.sqlite'), 'spec', specHash(finished.spec))
    expect(await findings('job', 'spec')).toEqual([
      expect.stringMatching(/solver-1\/state\.sqlite, spec [0-9a-f]{8}: the hash of the job's bytes is/),
    ])
  })

  test('in the data set', async () => {
    await fresh()
    const root = toHex(finished.spec.data.root)
    await flipByte(join(copy, 'solver-1', 'blobs', 'blobs', root.slice(0, 2), root), 77)
    expect(await findings('blobs', 'data')).toEqual([expect.stringMatching(/solver-1\/.*: .* at byte 77$/)])
  })

  test('in a checkpoint', async () => {
    await fresh()
    await flipByte(join(copy, 'solver-1', 'checkpoints', finished.job.jobId.slice(2), '1-2.state'), 1234)
    expect(await findings('blobs', 'checkpoints')).toEqual([
      expect.stringMatching(/solver-1\/.*1-2\.state: .*byte 1234, in tensor \S+, is damaged$/),
    ])
  })

  test('in the evidence of an entry', async () => {
    await fresh()
    const { entry, entryHash } = (finished.job.windows.get(1) as WindowView).entries[0] as EntryView
    const { names } = await readNetwork(join(finished.net, 'network.json'))
    const name = names?.[addressText(entry.solver)] ?? ''
    changeObject(join(copy, name, 'state.sqlite'), 'evidence', fromHex(entryHash, 32))
    const place = `${name}/state\\.sqlite, evidence [0-9a-f]{8} \\(window 1 of epoch 1, entry 0\\): `
    expect(await findings('blobs', 'evidence')).toEqual([expect.stringMatching(new RegExp(place))])
  })
})

describe('pulled weights', () => {
  const { signal } = new AbortController()
  let source: ChainSource

  beforeAll(async () => {
    source = await finished.source()
  })

  afterAll(() => source.close())

  const audit = (folder: string, at: ChainSource | undefined = source): Promise<WeightsAudit> =>
    auditWeights(folder, at, signal, () => {})

  /** A copy with one bit changed at byte `at` of a file, counted from its end where negative. */
  async function changed(name: string, at: number): Promise<string> {
    const copy = join(finished.folder, 'weights-copy')
    await rm(copy, { recursive: true, force: true })
    await cp(finished.weights, copy, { recursive: true })
    const { length } = await readFile(join(copy, name))
    await flipByte(join(copy, name), at < 0 ? length + at : at)
    return copy
  }

  test('hold, by themselves and on the chain', async () => {
    const { weights, job } = finished
    const { checks, missing, stateRoot, job: id } = await audit(weights)
    expect(broken(checks)).toEqual([])
    expect(missing).toEqual([])
    expect({ stateRoot: `0x${stateRoot}`, id }).toEqual({ stateRoot: job.finalRoot, id: job.jobId })
    const alone = await auditWeights(weights, undefined, signal, () => {})
    expect(broken(alone.checks)).toEqual([])
    expect(alone.missing).toEqual([expect.stringContaining('--network')])
  })

  test.each([
    ['model.safetensors', -3000, /model\.safetensors, tensor \S+, bytes \d+ to \d+: its root is/],
    ['model.safetensors', 40, /model\.safetensors/],
    ['optimizer.safetensors', -1, /optimizer\.safetensors, tensor \S+, bytes \d+ to \d+: its root is/],
    ['config.json', 500, /config\.json: it differs at byte 500 from what job and files say/],
    ['proof.json', 900, /proof\.json/],
    ['proof.json', -70, /its SHA-256 is/],
  ])('a changed byte of %s, at %i, is found', async (name, at, place) => {
    const { checks } = await audit(await changed(name, at))
    expect(broken(checks)).toEqual(expect.arrayContaining([expect.stringMatching(place)]))
  })

  test('are not those of another final root', async () => {
    const other = await finished.source(flipLog('JobSettled', ({ finalRoot }) => finalRoot))
    const { checks } = await audit(finished.weights, other)
    await other.close()
    expect(found(checks, 'chain', 'final root')).toEqual([
      expect.stringMatching(/^job 0x[0-9a-f]{64}: its final root is/),
    ])
  })

  test('that are damaged end the command with the exit code of a failed check', async () => {
    const ended = await assay('verify', await changed('model.safetensors', -4000), '--json')
    expect(ended.code, ended.stderr).toBe(EXIT.failedCheck)
    expect(lastLine(ended)).toMatchObject({ holds: false })
    expect(ended.stderr).toMatch(/✗ tensors[\s\S]*model\.safetensors, tensor/)
  })
})
