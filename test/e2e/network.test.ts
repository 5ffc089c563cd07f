/**
 * A devnet and the commands that use it. Its first job outlives the sudden death of the whole network, and of each of its
 * processes, its second one a solver that stalls. The tests build on each other, in order.
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
import { booksOf } from '../../experiments/lib/books.ts'
import { rootOfWeights, STEPS, WINDOWS, writeJob } from './jobs.ts'
import { portsOf } from './networks.ts'
import { listens, survivors, treeOf, until } from './processes.ts'
import { assay, type Ended, endAll, lastLine, launchAssay, type Running } from './programs.ts'

let folder: string
let net: string
let job: string
let network: Network
let devnet: Running
/** What `assay run` makes of the job. */
let stateRoot: string

/** `assay ...args --network FILE`. */
const onNetwork = (...args: string[]): Promise<Ended> => assay(...args, '--network', join(net, 'network.json'))
const viewOf = async (id: string): Promise<JobView> => findJob((await readJobs(network)).views, id)

async function startDevnet(): Promise<void> {
  devnet = launchAssay('devnet', '--folder', net, '--json')
  await until('the devnet is up', () => devnet.output().includes('"networkFile"'), 120)
}

/** The first sight of a job with a committed window: more than half of its steps are still to be trained. */
async function begun(id: string): Promise<JobView> {
  const begins = async (): Promise<JobView | undefined> => {
    const view = await viewOf(id)
    return view.nextWindow > 0 ? view : undefined
  }
  return until('a window is committed', begins, 120)
}

const ROLES = ['coordinator', 'solver-1', 'solver-2', 'verifier-1', 'verifier-2', 'whistleblower-1']

/** Sends a signal to the process of a devnet's member. */
async function strike(name: string, signal: NodeJS.Signals): Promise<void> {
  const place = name === 'chain' ? join(net, 'chain', 'state') : join(net, name)
  const found = (await treeOf(devnet.pid)).find(({ command }) => command.includes(place))
  process.kill(found?.pid ?? 0, signal)
}

/** Sends the signal to the devnet's process alone, and waits until nothing of the network is left; `gone` may be so already. */
async function expectGone(signal: NodeJS.Signals, ...gone: string[]): Promise<Ended> {
  const tree = await treeOf(devnet.pid)
  for (const name of ['anvil', ...ROLES].filter((one) => !gone.includes(one))) {
    expect(
      tree.some(({ command }) => command.includes(name)),
      name,
    ).toBe(true)
  }
  const ports = await portsOf(net)
  expect(await listens(ports[0] as number)).toBe(true)
  process.kill(devnet.pid, signal)
  await until('all have ended', async () => (await survivors(tree)).length === 0, 20)
  await until('all ports are free', async () => !(await Promise.all(ports.map(listens))).includes(true), 20)
  return devnet.ended
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
  net = join(folder, 'net')
  job = await writeJob(folder)
  const [bare] = await Promise.all([assay('run', job, '--json'), startDevnet()])
  stateRoot = lastLine<RunResult>(bare).stateRoot
  network = await readNetwork(join(net, 'network.json'))
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
    const { ledger } = await viewOf(id)
    expect(ledger.find(({ reason }) => reason === 'Escrow')?.amount).toBe(-BigInt(result.escrow))
  })

  test('pull before the end says that it is not settled', async () => {
    const pulled = await onNetwork('pull', id, '-o', join(folder, 'early'), '--json')
    expect(pulled.code).toBe(EXIT.protocol)
    expect(lastLine(pulled)).toMatchObject({ error: { code: 'wrong-state', next: expect.stringContaining('watch') } })
  })

  test('SIGKILL of the parent ends every process and frees every port', async () => {
    await begun(id)
    const { signal } = await expectGone('SIGKILL')
    expect(signal).toBe('SIGKILL')
  })

  test('the same folder starts again; then each process dies suddenly, and comes back', async () => {
    await startDevnet()
    for (const name of ['chain', ...ROLES]) {
      await strike(name, 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
    const back = (): boolean => ['chain', ...ROLES].every((name) => devnet.output().includes(`back  ${name}\n`))
    await until('all are back', back, 120)
    for (const name of ['chain', ...ROLES]) {
      expect(devnet.output()).toMatch(new RegExp(`down {2}${name} ended by itself \\(.*\\): back in`))
    }
  })

  test('the job goes on to the root of the bare run, and nobody is slashed', async () => {
    const watched = await onNetwork('watch', id.slice(0, 10), '--json')
    expect(watched.code, watched.stderr).toBe(EXIT.ok)
    expect(lastLine<NetworkResult>(watched)).toMatchObject({ job: id, steps: STEPS, settled: true, stateRoot })
    expect(watched.stderr).toContain('settled')
    expect((await viewOf(id)).ledger.filter(({ reason }) => reason === 'Slash')).toEqual([])
  })

  test('jobs lists it, for people and for programs', async () => {
    const [people, programs] = await Promise.all([onNetwork('jobs'), onNetwork('jobs', '--json')])
    expect(people.stdout).toMatch(new RegExp(`${id.slice(0, 10)} +settled +${STEPS} `))
    expect(lastLine(programs)).toMatchObject([
      { job: id, phase: 'settled', steps: STEPS, windows: WINDOWS, committed: WINDOWS, final: WINDOWS },
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

  test('everybody takes the stake back, and the contract holds what it owes', async () => {
    const seats = (await viewOf(id)).bids.length
    expect(seats).toBe(5)
    const unstaked = async (): Promise<number> =>
      (await viewOf(id)).ledger.filter(({ reason }) => reason === 'Unstake').length
    await until('all stakes are back', async () => (await unstaked()) === seats, 30)
    const { holds, owes } = await booksOf(network, [await viewOf(id)])
    expect(owes).toBeGreaterThan(0n)
    expect(holds).toBe(owes)
  })

  test('a job that is not there', async () => {
    const unknown = `0x${'00'.repeat(32)}`
    const [status, pulled] = await Promise.all([
      onNetwork('status', unknown, '--json'),
      onNetwork('pull', unknown, '-o', join(folder, 'nothing'), '--json'),
    ])
    const watched = await onNetwork('watch', unknown, '--json')
    for (const answer of [status, pulled, watched]) {
      expect(answer.code, answer.stderr).toBe(EXIT.notFound)
      expect(lastLine(answer)).toMatchObject({ error: { code: 'not-found', next: expect.stringContaining('jobs') } })
    }
  })
})

describe('a solver that stalls on the way', () => {
  test('is replaced, and the job ends with the same root', async () => {
    const { signal } = new AbortController()
    const { devnet: preset } = PRESETS
    // Found out in seconds rather than in a minute; verifiers may take longer on a busy machine.
    const terms = { commitPeriod: 40, responsePeriod: 15, verdictPeriod: 900, revealPeriod: 300 }
    const hasty = { ...preset, periods: { ...preset.periods, ...terms } }
    const key = join(net, 'submitter', 'key')
    const { jobId } = await submitJob(network, await loadJob(job, { signal }), key, hasty, signal)
    const before = await begun(jobId)
    expect(before.cells).toHaveLength(2)
    expect(before.nextWindow).toBeLessThan(WINDOWS)
    const told = devnet.output().length
    await strike('solver-2', 'SIGSTOP')

    const watched = await onNetwork('watch', jobId, '--json')
    expect(watched.code, watched.stderr).toBe(EXIT.ok)
    expect(lastLine<NetworkResult>(watched)).toMatchObject({ settled: true, stateRoot, rejected: 0, epochs: 2 })
    const after = await viewOf(jobId)
    const dead = Object.entries(network.names ?? {}).find(([, name]) => name === 'solver-2')?.[0]
    expect([...after.left]).toEqual([dead])
    expect(after.cells).toHaveLength(1)
    expect(after.ledger.filter(({ reason }) => reason === 'Slash')).toEqual([])
    // It hangs, but it has not died.
    expect(devnet.output().slice(told)).toBe('')
  })

  test('leaves its stake in the contract, whose books stay balanced', async () => {
    // Stakes are on their way back while the accounts are read one by one.
    const balanced = async (): Promise<boolean> => {
      const { holds, owes } = await booksOf(network, (await readJobs(network)).views.values())
      return holds === owes
    }
    await until('the contract holds what it owes', balanced, 20)
  })

  test('a solver that is drained ends by itself, and is not brought back', async () => {
    const told = devnet.output().length
    const home = join(net, 'solver-1')
    const drained = await assay('drain', '--home', home, '--json')
    expect(drained.code, drained.stderr).toBe(EXIT.ok)
    expect(lastLine(drained)).toEqual({ home, mode: 'finish', left: true, waitsFor: [] })
    const lives = async (): Promise<boolean> => (await treeOf(devnet.pid)).some(({ command }) => command.includes(home))
    await until('its process has ended', async () => !(await lives()), 20)
    expect(devnet.output().slice(told)).toBe('')
  })

  test('Ctrl-C ends the devnet in order, though one process hangs and another one is just coming back', async () => {
    await strike('verifier-1', 'SIGKILL')
    await until('it is noticed', () => / verifier-1 ended.*$/.test(devnet.output().trimEnd()), 20)
    const { code, stderr } = await expectGone('SIGINT', 'verifier-1', 'solver-1')
    expect(code, stderr).toBe(EXIT.ok)
  })
})
