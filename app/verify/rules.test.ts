/**
 * The rules that an audit derives everything from, held against the real contracts: lives of jobs with made-up roots, in
 * which whatever can go wrong does. What the contracts did passes every check; what they did not do is found in its place.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChainEvent } from '#contracts/codec.ts'
import { claimIdOf } from '#contracts/pinpoint.ts'
import {
  type Actor,
  commitAndSeed,
  concede,
  type Devnet,
  desert,
  giveVerdicts,
  player,
  reach,
  settle,
  startDevnet,
  startJob,
  TERMS,
  windowEntries,
} from '#contracts/testing/devnet.ts'
import { fromHex } from '#proto/bytes.ts'
import { signEntry } from '#proto/entry.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { checkAssignment } from './assignment.ts'
import { proveBlocks } from './blocks.ts'
import { checkCode } from './code.ts'
import { checkRandomness, checkSeeds, checkVerifiers } from './draws.ts'
import { checkContinuity, checkPlaces, checkSignatures } from './entries.ts'
import type { Finding } from './finding.ts'
import { historyOf } from './history.ts'
import { checkBalances, checkRows, checkSums } from './ledger.ts'
import { type ChainRecord, readRecord } from './record.ts'
import { checkReveals, checkTiming } from './verdicts.ts'
import { checkView } from './view.ts'

const { signal } = new AbortController()
const accept = (index: number) => ({ accept: true, against: index })

let net: Devnet
let record: ChainRecord
/** Jobs by what happened to them. */
const jobs = new Map<string, Hex>()

async function finish(jobId: Hex): Promise<void> {
  for (let window = (await net.reader.jobOf(jobId)).nextWindow; window < 2; window++) {
    await commitAndSeed(net, jobId)
    await giveVerdicts(net, jobId, window, accept)
    await settle(net, jobId, window)
  }
}

/** Rejects entry 1 of the first window; a whistleblower accuses it too, and one more that nobody minds. */
async function slashed(jobId: Hex): Promise<void> {
  const { reader, as } = net
  await commitAndSeed(net, jobId, 1)
  await commitAndSeed(net, jobId, 1)
  await as.whistleblower.challenge(jobId, 1, 0, 1)
  await giveVerdicts(net, jobId, 1, accept)
  await giveVerdicts(net, jobId, 0, (index) => (index === 0 ? { accept: false, against: 1 } : accept(index)))
  const { entryHash } = await reader.entryOf(jobId, 0, 1)
  // Its gas is repaid.
  await desert(net, entryHash, 0, 0, 'whistleblower')
  const { defendUntil } = await net.games.claimOf(claimIdOf(reader.deployment.assay, entryHash))
  await reach(reader, defendUntil + 1)
  await as.deployer.resolve(entryHash)
  await finish(jobId)
}

/** Challenged in vain, then again: the solver does not answer, and whoever has accepted the claim saves it. */
async function upheld(jobId: Hex): Promise<void> {
  const { reader, as } = net
  await commitAndSeed(net, jobId)
  await giveVerdicts(net, jobId, 0, accept)
  const { entryHash, verifier } = await reader.entryOf(jobId, 0, 2)
  await as.whistleblower.challenge(jobId, 1, 0, 2)
  await concede(net, entryHash, 'whistleblower')
  await as.deployer.resolve(entryHash)
  await as.submitter.deposit(TERMS.challengeBond)
  await as.submitter.challenge(jobId, 1, 0, 2)
  await desert(net, entryHash, 0, 1)
  const acceptor = as.verifierA.address === verifier ? 'verifierA' : 'verifierB'
  await player(net, acceptor).defend(reader.deployment.assay, entryHash)
  await concede(net, entryHash, 'submitter', 1)
  await as.deployer.resolve(entryHash)
  await settle(net, jobId, 0)
  await finish(jobId)
}

async function equivocated(jobId: Hex): Promise<void> {
  const { reader, as } = net
  const [one] = await windowEntries(net, jobId)
  await commitAndSeed(net, jobId)
  const [cell] = await reader.cellsOf(jobId, 1)
  if (one === undefined || cell === undefined) throw new Error('the window has entries')
  const other = signEntry(net.key(cell), { ...one.entry, rootAfter: fromHex(TERMS.dataRoot) })
  await as.whistleblower.equivocation(one, other)
  await finish(jobId)
}

/** Nobody gives a verdict on the first window, in either round: it lapses. */
async function lapsed(jobId: Hex): Promise<void> {
  const { reader, as } = net
  const window = await commitAndSeed(net, jobId)
  for (let round = 0; round < 2; round++) {
    const { sampled, verifier } = await reader.drawn(jobId, window, 0)
    const drawn = Object.values(as).find(({ address }) => address === verifier)
    if (sampled) await drawn?.abstain(jobId, 1, window, 0)
    await reach(reader, (await reader.windowOf(jobId, window)).revealsUntil + 1)
    await as.deployer.redraw(jobId, window)
  }
  await finish(jobId)
}

/** Paid for in part, topped up, and ended by its submitter after two of three windows. */
async function shortened(jobId: Hex): Promise<void> {
  const { as } = net
  await commitAndSeed(net, jobId)
  await as.whistleblower.topUp(jobId, 77n, 0)
  await as.submitter.cancel(jobId)
  await giveVerdicts(net, jobId, 0, accept)
  await settle(net, jobId, 0)
  await finish(jobId)
}

type Story = readonly [string, (jobId: Hex) => Promise<void>, Actor[]]

const STORIES: readonly Story[] = [
  ['slashed', slashed, ['solverA', 'solverB', 'solverC']],
  ['upheld', upheld, ['solverA', 'solverB']],
  ['shortened', shortened, ['solverA', 'solverB']],
]

/** Told with `npm run test:deep`: each takes some seconds. */
const MORE: readonly Story[] = [
  ['quiet', finish, ['solverA', 'solverB']],
  ['equivocated', equivocated, ['solverA', 'solverB', 'solverC']],
  ['lapsed', lapsed, ['solverA', 'solverB']],
]

const TOLD = process.env['ASSAY_DEEP'] ? [...STORIES, ...MORE] : STORIES

beforeAll(async () => {
  net = await startDevnet()
  // A block for each transaction: nobody waits for the next one.
  await net.reader.provider.send('evm_setAutomine', [true])
  for (const [i, [name, story, solvers]] of TOLD.entries()) {
    const jobId = await startJob(net, name === 'shortened' ? { ...TERMS, steps: 11 } : TERMS, BigInt(i + 1), solvers)
    jobs.set(name, jobId)
    await story(jobId)
    const { bids } = historyOf(jobId, await net.reader.events(0, await net.reader.blockNumber())).view ?? { bids: [] }
    for (const { account } of bids) await net.as.deployer.unbond(jobId, account)
  }
  const { deployment, provider } = net.reader
  record = await readRecord(provider, deployment, await net.reader.blockNumber(), signal)
}, 300_000)

afterAll(() => net.stop())

/** What can be checked of a job from these events alone. */
function judge(jobId: Hex, events: readonly ChainEvent[]): Finding[] {
  const own = { ...record, events }
  const history = historyOf(jobId, events)
  if (history.view === null || history.broken) return [history.broken ?? { place: 'no job', message: '' }]
  const rows = checkRows(history)
  const outcomes = [
    rows.outcome,
    checkSums(history, rows.books),
    checkAssignment(own, history, history.view),
    checkPlaces(history, history.view),
    checkContinuity(history, history.view),
    checkSeeds(own, history, history.view),
    checkVerifiers(history, history.view),
    checkTiming(history, history.view),
  ]
  return outcomes.flatMap(({ findings }) => findings)
}

test.each(TOLD.map(([name]) => name))('a %s job passes every check', async (name) => {
  const jobId = jobs.get(name) as Hex
  const history = historyOf(jobId, record.events)
  expect(history.view?.phase).toBe('settled')
  expect(judge(jobId, record.events)).toEqual([])
  expect(checkSignatures(history).findings).toEqual([])
  const { provider, deployment } = net.reader
  const view = history.view as JobView
  expect((await checkView(provider, record, history, view, signal)).findings).toEqual([])
  expect((await checkBalances(provider, record, history, checkRows(history).books)).findings).toEqual([])
  const range = [history.events[0]?.blockNumber ?? 0, history.events.at(-1)?.blockNumber ?? 0] as const
  const { outcome, transactions } = await proveBlocks(provider, record, range, signal)
  expect(outcome.findings).toEqual([])
  expect(checkReveals(history, deployment.assay, transactions).findings).toEqual([])
})

test('the stories are told: every kind of movement but a withdrawal occurs', () => {
  const reasons = new Set(record.events.flatMap((event) => (event.name === 'Ledger' ? [event.reason] : [])))
  expect([...reasons].sort()).toEqual(
    ['Deposit', 'Escrow', 'Refund', 'Stake', 'Unstake', 'Reserve', 'Release', 'Bond', 'BondReturn', 'Payout']
      .concat(['VerdictFee', 'CoordinatorFee', 'Slash', 'Forfeit', 'GasRefund', 'Compensation', 'Bounty', 'Burn'])
      .sort(),
  )
  expect(record.unreadable).toEqual([])
})

test('code and randomness are what they must be', async () => {
  const { provider } = net.reader
  expect((await checkCode(provider, record)).findings).toEqual([])
  expect((await checkRandomness(provider, record, [0, record.head], signal)).findings).toEqual([])
})

test('a wei more or less, a line left out or told twice: the line is named', () => {
  const jobId = jobs.get('slashed') as Hex
  const history = historyOf(jobId, record.events)
  const lines = history.events.flatMap((event, at) => (event.name === 'Ledger' ? [at] : []))
  expect(lines.length).toBeGreaterThan(40)
  for (const [line, at] of lines.entries()) {
    const { events } = history
    const event = events[at] as ChainEvent & { amount: bigint }
    const copies = {
      more: events.with(at, { ...event, amount: event.amount + 1n } as never),
      account: events.with(at, { ...event, account: `0x${'77'.repeat(20)}` } as never),
      missing: events.toSpliced(at, 1),
      twice: events.toSpliced(at, 0, event as never),
    }
    for (const [how, changed] of Object.entries(copies)) {
      const [finding] = checkRows({ ...history, events: changed }).outcome.findings
      // Of two equal lines in a row it cannot be told which one is too many.
      const named = Number(/^ledger line (\d+)/.exec(finding?.place ?? '')?.[1])
      expect(named, `line ${line} ${how}: ${finding?.place}`).toBeGreaterThanOrEqual(line)
      expect(named, `line ${line} ${how}: ${finding?.place}`).toBeLessThanOrEqual(line + 3)
    }
  }
})

test('an event that is left out is missed', () => {
  const jobId = jobs.get('upheld') as Hex
  const own = record.events.flatMap((event, at) => ('jobId' in event && event.jobId === jobId ? [at] : []))
  const unseen = own.filter((at) => judge(jobId, record.events.toSpliced(at, 1)).length === 0)
  expect(own.length).toBeGreaterThan(60)
  // Storage and receipts show these: a lease, a seat given back, what was said of a window that was void later.
  const seenElsewhere = ['LeaseTaken', 'ClaimOpened', 'SolverLeft', 'Unbonded', 'VerdictRevealed', 'WindowVerified']
  expect(seenElsewhere).toEqual(expect.arrayContaining(unseen.map((at) => record.events[at]?.name)))
})
