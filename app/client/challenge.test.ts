/** A challenge by hand: a false entry on a real chain, its solver in another process's place, and the command that beats it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { main } from '#app/cli.ts'
import { EXIT } from '#app/exit.ts'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { hex } from '#contracts/entries.ts'
import { type Devnet, startDevnet, startJob, TERMS } from '#contracts/testing/devnet.ts'
import { createEngine } from '#engine/index.ts'
import { factsHash, factsOf } from '#pinpoint/facts.ts'
import { itemsOf } from '#pinpoint/schedule.ts'
import { fromHex } from '#proto/bytes.ts'
import { type Entry, signEntry } from '#proto/entry.ts'
import { encodeJob, specHash } from '#proto/job.ts'
import { type Network, parseNetwork } from '#runtime/network.ts'
import { openNode, type RoleNode } from '#runtime/node.ts'
import { Games } from '#runtime/pinpoint/games.ts'
import { LyingRunner } from '#runtime/pinpoint/lie.ts'
import { Runner } from '#runtime/pinpoint/runner.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { honestEntries, smallJob } from '#runtime/pinpoint/testing.ts'
import { ulpLie } from '#runtime/pinpoint/ulp.ts'
import { workerThreads } from '#runtime/session.ts'
import type { Shell } from '#runtime/shell.ts'
import { entryOf } from '../../experiments/fork-sweep/fork.ts'

const WASM = { engine: 'wasm', threads: 1 } as const
const job = smallJob('mlp-tiny', { entriesPerWindow: 1 })
const facts = factsOf(job.spec, job.program)
const folder = mkdtempSync(join(tmpdir(), 'assay-challenge-'))
const networkFile = join(folder, 'network.json')
const stopping = new AbortController()
const closers: (() => Promise<void> | void)[] = []
let net: Devnet
let honest: Entry
let forged: Entry
let solver: RoleNode
const jobs = { honest: '', forged: '' }

beforeAll(async () => {
  net = await startDevnet()
  const engine = await createEngine('wasm')
  const { entries, source } = honestEntries(engine, job, [0, 2], 1)
  honest = entries[0] as Entry
  const runner = new Runner(engine)
  const lie = ulpLie(source(0), runner)
  if (lie === undefined) throw new Error('no number of the sum is normal')
  const statement = new EntryStatement(source(0), new LyingRunner(runner, lie))
  forged = await entryOf(statement, itemsOf(facts, honest, 1), honest)
  await engine.close()
  homeOf('whistleblower')
  await startSolver()
  jobs.honest = await committed(1n, honest)
  jobs.forged = await committed(2n, forged)
}, 240_000)

afterAll(async () => {
  stopping.abort()
  for (const close of closers.reverse()) await close()
  await net?.stop()
  rmSync(folder, { recursive: true, force: true })
})

afterEach(() => {
  process.exitCode = undefined
})

/** A folder with the key of an account. */
function homeOf(name: 'solverA' | 'whistleblower'): string {
  const home = join(folder, name)
  mkdirSync(home)
  writeFileSync(join(home, 'key'), `${net.key(net.as[name].address).privateKey}\n`, { mode: 0o600 })
  return home
}

/** The solver serves the job, and defends its lie. */
async function startSolver(): Promise<void> {
  const { provider, deployment } = net.reader
  const { assay, arbiter, randomness, fromBlock } = deployment
  const base = {
    ...{ rpc: net.chain.url, chainId: Number((await provider.getNetwork()).chainId), bootstrap: [] as string[] },
    ...{ contracts: { assay, arbiter, randomness, fromBlock }, blockSeconds: 0.1, api: 'http://127.0.0.1:1' },
    names: { [net.as.solverA.address]: 'solver-1' },
  }
  const shell: Shell = {
    ...{ log: pino({ level: 'silent' }), signal: stopping.signal, stop: () => stopping.abort(), ready: () => {} },
    onStop: (close) => void closers.push(close),
  }
  const network: Network = parseNetwork(base, 'test')
  solver = await openNode(shell, { role: 'solver', home: homeOf('solverA'), network, grace: 1000 })
  solver.store.keepSpec(encodeJob(job.spec))
  await solver.store.blobs.put(job.bytes)
  const games = new Games(solver, workerThreads(solver.store, WASM, solver.signal), { lieOf: () => 'ulp' })
  closers.push(() => games.close())
  solver.run().catch(() => {})
  writeFileSync(networkFile, JSON.stringify({ ...base, bootstrap: solver.peer.addresses() }))
}

/** A job whose first window is that entry. */
async function committed(nonce: bigint, entry: Entry): Promise<Hex> {
  const { spec } = job
  const terms = {
    ...TERMS,
    ...{ specHash: hex(specHash(spec)), programRoot: hex(spec.programRoot), dataRoot: hex(spec.data.root) },
    ...{ initRoot: hex(new Uint8Array(32)), factsHash: hex(factsHash(facts)), sampleRate: spec.policy.sampleRate },
    ...{ steps: spec.steps, entrySteps: spec.entrySteps, entriesPerWindow: 1, replicas: 1, depth: spec.depth },
    // On a busy machine moves take their time.
    ...{ responsePeriod: 3000 },
  }
  const jobId = await startJob(net, terms, nonce, ['solverA'])
  const account = net.as.solverA.address
  const own = { ...entry, jobId: fromHex(jobId, 32), epoch: 1, window: 0, solver: fromHex(account, 20) }
  await net.as.coordinator.commitWindow(jobId, 1, 0, [signEntry(net.key(account), own)])
  return jobId
}

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url))
const argumentsFor = (jobId: string): string[] => {
  const place = ['--window', '0', '--entry', '0', '--network', networkFile, '--home', join(folder, 'whistleblower')]
  return ['challenge', jobId, ...place, '--engine', 'wasm']
}

const challenge = (jobId: string, ...more: readonly string[]): ReturnType<typeof assay> =>
  assay(...argumentsFor(jobId), ...more)

async function assay(...args: readonly string[]): Promise<{ code: number; text: string; errors: string }> {
  const [text, errors]: [string[], string[]] = [[], []]
  const catching = (into: string[]) => (part: string | Uint8Array) => into.push(String(part)) > 0
  const out = vi.spyOn(process.stdout, 'write').mockImplementation(catching(text))
  const err = vi.spyOn(process.stderr, 'write').mockImplementation(catching(errors))
  try {
    const code = await main(args)
    return { code, text: text.join(''), errors: errors.join('') }
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
}

it('refuses what is not there before it starts anything', async () => {
  expect(await challenge('ffff')).toMatchObject({ code: EXIT.notFound })
  const window = await challenge(jobs.honest, '--window', '7')
  expect(window).toMatchObject({ code: EXIT.notFound, errors: expect.stringMatching(/window 7 is not committed/) })
  const entry = await challenge(jobs.honest, '--entry', '3')
  expect(entry).toMatchObject({ code: EXIT.notFound, errors: expect.stringMatching(/window 0 has entries 0 to 0/) })
  expect((await challenge(jobs.honest, '--window', 'x')).code).toBe(EXIT.usage)
}, 60_000)

it('does not challenge what is true', async () => {
  const before = await net.reader.balanceOf(net.as.whistleblower.address)
  const { code, errors } = await challenge(jobs.honest)
  expect(errors).toMatch(/what this machine computes, too/)
  expect(code).toBe(EXIT.protocol)
  expect(await net.reader.balanceOf(net.as.whistleblower.address)).toBe(before)
}, 60_000)

it('beats a liar, and says how, though it is killed on the way; called again it says so again', async () => {
  const told = await killedAt(jobs.forged, /^block \d+, items: .* names item/m)
  expect(told).toMatch(/^the entry 0x[0-9a-f]{64} is false: challenging it$/m)
  const { code, text, errors } = await challenge(jobs.forged)
  expect(errors).toBe('')
  expect(code).toBe(EXIT.ok)
  expect(text).not.toContain('challenging it')
  expect(text).toMatch(/^block \d+, items: solver-1 shows what is under node 0/m)
  expect(text).toMatch(/^ruling +refuted: the claim is false, carried out in block \d+$/m)
  expect(text).toMatch(/^ {2}they differ in +0x[0-9a-f]{8} {2}bits? /m)
  const again = await challenge(jobs.forged, '--json')
  expect(again.code).toBe(EXIT.ok)
  const summary = JSON.parse(again.text)
  expect(summary).toMatchObject({ ruling: 'Refuted', figures: [{ level: 'arithmetic' }] })
  const replay = await assay('dispute', 'replay', summary.entryHash, '--network', networkFile)
  expect(replay.text).toMatch(
    /^\d+ moves replayed, 1 game decided, 1 building block computed: all as the chain says\n$/,
  )
}, 240_000)

/** Runs the command in a process of its own, which is killed once it has told that; returns what it told. */
async function killedAt(jobId: string, sign: RegExp): Promise<string> {
  const child = spawn(process.execPath, [CLI, ...argumentsFor(jobId)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let told = ''
  child.stdout.on('data', (part) => {
    told += part
    if (sign.test(told)) child.kill('SIGKILL')
  })
  await once(child, 'close')
  expect(child.signalCode).toBe('SIGKILL')
  return told
}
