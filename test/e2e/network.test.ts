/**
 * A devnet and the commands that use it: submit, jobs, status, watch, pull; a solver that dies on the way; and the death of
 * whoever started it all. The tests build on each other, in order.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { submitJob } from '#app/client/submit.ts'
import type { NetworkResult } from '#app/client/summary.ts'
import { findJob, readJobs } from '#app/client/watch.ts'
import type { RunResult } from '#app/commands/run.ts'
import { EXIT } from '#app/exit.ts'
import { loadJob } from '#app/job/load.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { PRESETS } from '#proto/presets.ts'
import { type Network, readNetwork } from '#runtime/network.ts'
import { ENTRIES, rootOfWeights, STEPS, WINDOWS, writeJob } from './jobs.ts'
import { booksOf, portsOf } from './networks.ts'
import { isAlive, listens, survivors, treeOf, until } from './processes.ts'
import { assay, endAll, lastLine, launchAssay, type Running } from './programs.ts'

let folder: string
let job: string
let networkFile: string
let network: Network
let devnet: Running
/** What `assay run` makes of the job. */
let stateRoot: string

/** `assay COMMAND ... --network FILE`. */
const onNetwork = (...args: string[]) => assay(...args, '--network', networkFile)
const view = async (id: string): Promise<JobView> => findJob((await readJobs(network)).views, id)

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
  job = await writeJob(folder)
  networkFile = join(folder, 'net', 'network.json')
  devnet = launchAssay('devnet', '--folder', join(folder, 'net'), '--json')
  const bare = await assay('run', job, '--json')
  stateRoot = lastLine<RunResult>(bare).stateRoot
  await until('the devnet is up', () => devnet.output().includes('"networkFile"'), 120)
  network = await readNetwork(networkFile)
})

afterAll(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true })
})

describe('a job by the command line', () => {
  let id: string

  test('submit escrows its price and names it', async () => {
    expect(lastLine(await onNetwork('jobs', '--json'))).toEqual([])
    const submitted = await onNetwork('submit', job, '--json')
    expect(submitted.code, submitted.stderr).toBe(EXIT.ok)
    const result = lastLine<{ job: string; escrow: string }>(submitted)
    id = result.job
    expect(id).toMatch(/^0x[0-9a-f]{64}$/)
    const { ledger } = await view(id)
    expect(ledger.find(({ reason }) => reason === 'Escrow')?.amount).toBe(-BigInt(result.escrow))
  })

  test('pull before the end says that it is not settled', async () => {
    const pulled = await onNetwork('pull', id, '-o', join(folder, 'early'), '--json')
    expect(pulled.code).toBe(EXIT.protocol)
    expect(lastLine(pulled)).toMatchObject({ error: { code: 'wrong-state', next: expect.stringContaining('watch') } })
  })

  test('watch follows it to the root of the bare run', async () => {
    const watched = await onNetwork('watch', id.slice(0, 10), '--json')
    expect(watched.code, watched.stderr).toBe(EXIT.ok)
    expect(lastLine<NetworkResult>(watched)).toMatchObject({
      job: id,
      steps: STEPS,
      settled: true,
      stateRoot,
      segmentsCommitted: ENTRIES,
      rejected: 0,
    })
    expect(watched.stderr).toContain('settled')
  })

  test('watch of an ended job ends at once', async () => {
    const watched = await onNetwork('watch', id)
    expect(watched.code).toBe(EXIT.ok)
    expect(watched.stdout).toContain(stateRoot)
  })

  test('jobs lists it, for people and for programs', async () => {
    const [people, programs] = await Promise.all([onNetwork('jobs'), onNetwork('jobs', '--json')])
    expect(people.stdout).toMatch(new RegExp(`${id.slice(0, 10)} +settled +${STEPS} `))
    expect(lastLine(programs)).toEqual([
      { job: id, phase: 'settled', steps: STEPS, epoch: 1, windows: WINDOWS, committed: WINDOWS, final: WINDOWS },
    ])
  })

  test('status knows the job by its first digits, for people and for programs', async () => {
    const [people, programs] = await Promise.all([
      onNetwork('status', id.slice(2, 9)),
      onNetwork('status', id, '--json'),
    ])
    expect(people.stdout).toMatch(/phase +settled/)
    expect(people.stdout).toContain(stateRoot)
    expect(people.stdout).toMatch(/submitter .*escrowed for the job/)
    expect(lastLine(programs)).toMatchObject({ jobId: id, phase: 'settled', finalRoot: `0x${stateRoot}` })
  })

  test('pull writes weights that hash to the root', async () => {
    const out = join(folder, 'pulled')
    const pulled = await onNetwork('pull', id.slice(0, 12), '-o', out, '--json')
    expect(pulled.code, pulled.stderr).toBe(EXIT.ok)
    expect(lastLine(pulled)).toMatchObject({ job: id, stateRoot, weights: out })
    expect(await rootOfWeights(out)).toBe(stateRoot)
  })

  test('stakes come back, and the contract holds what it owes', async () => {
    await until(
      'all stakes are back',
      async () => (await view(id)).ledger.filter(({ reason }) => reason === 'Unstake').length === 5,
      30,
    )
    const { holds, owes } = await booksOf(network, [await view(id)])
    expect(owes).toBeGreaterThan(0n)
    expect(holds).toBe(owes)
  })

  test('a job that is not there', async () => {
    const unknown = `0x${'00'.repeat(32)}`
    for (const args of [['status'], ['watch'], ['pull', '-o', join(folder, 'nothing')]]) {
      const [name = '', ...more] = args
      const answer = await onNetwork(name, unknown, ...more, '--json')
      expect(answer.code, answer.stderr).toBe(EXIT.notFound)
      expect(lastLine(answer)).toMatchObject({ error: { code: 'not-found', next: expect.stringContaining('jobs') } })
    }
  })
})

describe('a solver that dies on the way', () => {
  test('is replaced, and the job ends with the same root', async () => {
    const signal = new AbortController().signal
    const { devnet: preset } = PRESETS
    // Found out in seconds rather than in a minute.
    const hasty = { ...preset, periods: { ...preset.periods, commitPeriod: 40, responsePeriod: 15 } }
    const key = join(folder, 'net', 'submitter', 'key')
    const { jobId } = await submitJob(network, await loadJob(job, { signal }), key, hasty, signal)
    const before = await until(
      'the first window is committed',
      async () => {
        const now = await view(jobId)
        return now.nextWindow > 0 ? now : undefined
      },
      90,
    )
    expect(before.cells).toHaveLength(2)
    expect(before.nextWindow).toBeLessThan(WINDOWS)
    const victim = (await treeOf(devnet.pid)).find(({ command }) => command.includes('/net/solver-2'))
    process.kill(victim?.pid ?? 0, 'SIGKILL')

    const watched = await onNetwork('watch', jobId, '--json')
    expect(watched.code, watched.stderr).toBe(EXIT.ok)
    expect(lastLine<NetworkResult>(watched)).toMatchObject({ settled: true, stateRoot, rejected: 0, epochs: 2 })
    const after = await view(jobId)
    const dead = Object.entries(network.names ?? {}).find(([, name]) => name === 'solver-2')?.[0]
    expect([...after.left]).toEqual([dead])
    expect(after.cells).toHaveLength(1)
    expect(after.ledger.some(({ reason }) => reason === 'Slash')).toBe(false)
    expect(devnet.output()).toMatch(/down +solver-2 ended by itself \(SIGKILL\)/)
  })

  test('leaves its stake in the contract, whose books stay balanced', async () => {
    const { holds, owes } = await booksOf(network, (await readJobs(network)).views.values())
    expect(holds).toBe(owes)
  })
})

describe('the death of the parent', () => {
  test('ends every process of the network and frees every port', async () => {
    const tree = await treeOf(devnet.pid)
    const names = ['coordinator', 'solver-1', 'verifier-1', 'verifier-2', 'whistleblower-1', 'anvil']
    for (const name of names)
      expect(
        tree.some(({ command }) => command.includes(name)),
        name,
      ).toBe(true)
    const ports = await portsOf(join(folder, 'net'))
    expect(await listens(ports[0] as number)).toBe(true)
    process.kill(devnet.pid, 'SIGKILL')
    await until('all are gone', async () => (await survivors(tree)).length === 0, 20)
    for (const port of ports) expect(await listens(port), `port ${port}`).toBe(false)
    expect(await Promise.all(tree.map(isAlive))).not.toContain(true)
  })
})
