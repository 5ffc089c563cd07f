/** The view that roles fold from events, and every draw and price they compute, against the contract's own answers. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { JobView as ChainJob, WindowView as ChainWindow, Hex, JobTerms } from '#contracts/abi/types.generated.ts'
import {
  commitAndSeed,
  type Devnet,
  giveVerdicts,
  reach,
  refute,
  settle,
  startDevnet,
  startJob,
  TERMS,
} from '#contracts/testing/devnet.ts'
import { fromHex } from '#proto/bytes.ts'
import { drawOrder, ORDER_TAG, sampleRate } from '#proto/draw.ts'
import { jobId as jobIdOf } from '#proto/ids.ts'
import { applyEvents } from '#proto/machines/job.ts'
import { drawnVerifier, type JobView, openDisputes, type WindowView } from '#proto/machines/job-view.ts'
import { minimumClaimStake, quote } from '#proto/terms.ts'

let net: Devnet

beforeAll(async () => {
  net = await startDevnet()
})

afterAll(() => net.stop())

const accept = (index: number) => ({ accept: true, against: index })

async function viewOf(jobId: Hex): Promise<JobView> {
  const { reader } = net
  const events = await reader.events(reader.deployment.fromBlock, await reader.blockNumber())
  return applyEvents(null, jobId, events) as JobView
}

const PHASE = {
  bidding: 'Bidding',
  assigning: 'Active',
  training: 'Active',
  settled: 'Settled',
  cancelled: 'Cancelled',
  expired: 'Expired',
} as const
const STATUS = {
  committed: 'Committed',
  seeded: 'Committed',
  verified: 'Committed',
  final: 'Final',
  void: 'Void',
} as const

/** Everything that the view claims, as the contract says it. */
async function agree(jobId: Hex): Promise<JobView> {
  const { reader } = net
  const view = await viewOf(jobId)
  const job: ChainJob = await reader.jobOf(jobId)
  expect(view.terms).toEqual(await reader.termsOf(jobId))
  expect({
    phase: PHASE[view.phase],
    replicas: view.cells.length,
    submitter: view.submitter,
    epoch: view.epoch,
    epochWindow: view.epochWindow,
    nextWindow: view.nextWindow,
    finalWindows: view.finalWindows,
    lease: view.lease,
    bidsClose: view.bidsClose,
    clock: view.epoch === 0 ? 0 : view.clock,
    openDisputes: openDisputes(view).length,
    finalRoot: view.finalRoot ?? view.terms.initRoot,
  }).toEqual({
    phase: job.phase,
    replicas: job.replicas,
    submitter: job.submitter,
    epoch: job.epoch,
    epochWindow: job.epochWindow,
    nextWindow: job.nextWindow,
    finalWindows: job.finalWindows,
    lease: job.lease,
    bidsClose: job.bidsClose,
    clock: job.clock,
    openDisputes: job.openDisputes,
    finalRoot: job.finalRoot,
  })
  expect(view.cells).toEqual(await reader.cellsOf(jobId, view.epoch))
  expect(view.pool).toEqual(await reader.poolOf(jobId))
  expect(view.coordinators).toEqual(await reader.coordinatorsOf(jobId))
  for (const window of view.windows.values()) await agreeOnWindow(view, window)
  return view
}

async function agreeOnWindow(job: JobView, window: WindowView): Promise<void> {
  const { reader } = net
  const chain: ChainWindow = await reader.windowOf(job.jobId, window.window)
  const mask = (some: boolean[]): bigint => some.reduce((sum, bit, i) => (bit ? sum | (1n << BigInt(i)) : sum), 0n)
  expect({
    status: STATUS[window.status],
    epoch: window.epoch,
    entries: window.entries.length,
    round: window.round,
    coordinator: window.coordinator,
    seeded: window.seed !== null,
    rootBefore: window.rootBefore,
    rootAfter: window.rootAfter,
    challengesUntil: window.challengesUntil,
    committedAt: window.committedAt,
    seedRound: window.seedRound,
    sampled: mask(window.entries.map(({ sampled }) => sampled)),
    accepted: mask(window.entries.map(({ accepted }) => accepted)),
  }).toEqual({
    status: chain.status,
    epoch: chain.epoch,
    entries: chain.entries,
    round: chain.round,
    coordinator: chain.coordinator,
    seeded: chain.seeded,
    rootBefore: chain.rootBefore,
    rootAfter: chain.rootAfter,
    challengesUntil: chain.challengesUntil,
    committedAt: chain.committedAt,
    seedRound: chain.seedRound,
    sampled: chain.sampled,
    accepted: chain.accepted,
  })
  if (window.seed !== null) expect(window.seed).toBe(chain.seed)
  for (const [index, entry] of window.entries.entries()) {
    expect(entry.entryHash).toBe((await reader.entryOf(job.jobId, window.window, index)).entryHash)
    if (window.seed === null) continue
    const { sampled, verifier } = await reader.drawn(job.jobId, window.window, index)
    expect(entry.sampled).toBe(sampled)
    if (sampled) expect(drawnVerifier(job, window.window, index)).toBe(/^0x0+$/.test(verifier) ? null : verifier)
  }
}

it('prices, ids and the drawn order are the contract’s', async () => {
  const { reader, as } = net
  const rate = sampleRate(0.5)
  const free = { ...TERMS, sampleRate: rate, entryPrice: 777n, depth: 3, steps: 19 }
  const terms: JobTerms = { ...free, claimStake: minimumClaimStake(free) }
  expect(quote(terms)).toMatchObject(await reader.quote(terms))
  await expect(reader.quote({ ...terms, claimStake: terms.claimStake - 1n })).rejects.toThrow()

  const jobId = await startJob(net, terms, 11n, ['solverA', 'solverB', 'solverC'])
  const { chainId } = await reader.provider.getNetwork()
  const contract = fromHex(reader.deployment.assay)
  const origin = { chainId, contract, submitter: fromHex(as.submitter.address), nonce: 11n }
  expect(jobId).toBe(`0x${Buffer.from(jobIdOf(fromHex(terms.specHash), origin)).toString('hex')}`)

  const view = await agree(jobId)
  const events = await reader.events(reader.deployment.fromBlock, await reader.blockNumber())
  const fixed = events.find((event) => event.name === 'PoolFixed' && event.jobId === jobId)
  if (fixed?.name !== 'PoolFixed') throw new Error('no pool was fixed')
  const bidders = view.bids.filter(({ role }) => role === 'Solver')
  const candidates = bidders.map(({ account, stake }) => ({ address: fromHex(account), stake }))
  const order = drawOrder(ORDER_TAG.solver, fromHex(fixed.seed), candidates, candidates.length)
  expect(order.map((i) => bidders[i]?.account)).toEqual(await reader.solversOf(jobId))
})

it('a slashed job agrees at every turn, to its settlement', async () => {
  const { reader } = net
  const jobId = await startJob(net, TERMS, 12n, ['solverA', 'solverB', 'solverC'])
  await agree(jobId)
  await commitAndSeed(net, jobId, 1)
  await agree(jobId)
  await giveVerdicts(net, jobId, 0, (index) => (index === 0 ? { accept: false, against: 1 } : accept(index)))
  expect(openDisputes(await agree(jobId))).toHaveLength(1)
  const { entryHash } = await reader.entryOf(jobId, 0, 1)
  await refute(net, entryHash)
  const rolledBack = await agree(jobId)
  expect(rolledBack).toMatchObject({ phase: 'training', epoch: 2, nextWindow: 0 })
  expect(rolledBack.left.size).toBe(1)
  for (let window = 0; window < 2; window++) {
    await commitAndSeed(net, jobId)
    await giveVerdicts(net, jobId, window, accept)
    await agree(jobId)
    await settle(net, jobId, window)
    await agree(jobId)
  }
  const view = await agree(jobId)
  expect(view.phase).toBe('settled')
  expect(view.counts).toMatchObject({ entriesCommitted: 12, entriesRejected: 1, windowsVoided: 1 })
  const sum = (reason: string): bigint =>
    view.ledger.filter((row) => row.reason === reason).reduce((total, row) => total + row.amount, 0n)
  // the claim, and the verdict of whoever accepted it
  expect(sum('Slash')).toBe(-TERMS.claimStake - TERMS.verdictStake)
  expect(sum('Slash') + sum('Burn') + sum('Bounty') + sum('Compensation') + sum('GasRefund') + sum('Forfeit')).toBe(0n)
  expect(sum('Escrow') + sum('Payout') + sum('VerdictFee') + sum('CoordinatorFee') + sum('Refund')).toBe(0n)
}, 120_000)

it('a job that loses its solvers, waits and is bid for again agrees', async () => {
  const { reader, as } = net
  const jobId = await startJob(net, { ...TERMS, sampleRate: sampleRate(0.9), claimStake: 5_000_000n }, 13n, ['solverA'])
  expect(await agree(jobId)).toMatchObject({ phase: 'training', cells: [as.solverA.address] })
  await commitAndSeed(net, jobId)
  await giveVerdicts(net, jobId, 0, accept)
  await as.whistleblower.challenge(jobId, 1, 0, 1)
  const { entryHash } = await reader.entryOf(jobId, 0, 1)
  await refute(net, entryHash)
  const waiting = await agree(jobId)
  expect(waiting).toMatchObject({ phase: 'assigning', cells: [], epoch: 2 })
  const { solverStake } = await reader.quote(waiting.terms)
  await as.solverB.bid(jobId, 'Solver', solverStake)
  await reach(reader, waiting.bidsClose + 3)
  await as.deployer.assign(jobId)
  expect(await agree(jobId)).toMatchObject({ phase: 'training', cells: [as.solverB.address], epoch: 3 })
}, 120_000)
