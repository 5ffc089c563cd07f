/** The client and the contracts on a real chain: whole lives of jobs, with made-up roots. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Hex, LedgerEvent, Reason } from '#contracts/abi/types.generated.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import { isContractError } from '#contracts/errors.ts'
import {
  type Actor,
  commitAndSeed,
  concede,
  type Devnet,
  desert,
  giveVerdicts,
  player,
  refute,
  settle,
  startDevnet,
  startJob,
  TERMS,
  windowEntries,
} from '#contracts/testing/devnet.ts'
import { fromHex } from '#proto/bytes.ts'
import { drawOrder, drawVerifier, isSampled, ORDER_TAG } from '#proto/draw.ts'
import { signEntry, verifyEntry } from '#proto/entry.ts'
import { addressBytes } from '#proto/ids.ts'
import { committedEntries } from '#proto/machines/events.ts'
import { quote } from '#proto/terms.ts'

let net: Devnet

beforeAll(async () => {
  net = await startDevnet()
})

afterAll(() => net.stop())

const accept = (index: number) => ({ accept: true, against: index })

async function history(jobId: Hex): Promise<ChainEvent[]> {
  const all = await net.reader.events(net.reader.deployment.fromBlock, await net.reader.blockNumber())
  return all.filter((event) => 'jobId' in event && event.jobId === jobId)
}

function total(events: readonly ChainEvent[], reason: Reason, account?: Hex): bigint {
  const lines = events.filter((event): event is ChainEvent & LedgerEvent => event.name === 'Ledger')
  const chosen = lines.filter((line) => line.reason === reason && (account === undefined || line.account === account))
  return chosen.reduce((sum, line) => sum + line.amount, 0n)
}

const actorOf = (account: Hex): Actor =>
  (Object.keys(net.as) as Actor[]).find((name) => net.as[name].address === account) ?? 'deployer'

describe('a job', () => {
  it('is trained, verified, paid and settled', async () => {
    const { reader, as } = net
    const jobId = await startJob(net, TERMS, 1n, ['solverA', 'solverB'])
    for (let window = 0; window < 2; window++) {
      expect(await commitAndSeed(net, jobId)).toBe(window)
      await giveVerdicts(net, jobId, window, accept)
      await settle(net, jobId, window)
    }
    const job = await reader.jobOf(jobId)
    expect(job).toMatchObject({ phase: 'Settled', finalWindows: 2, nextWindow: 2, epoch: 1, escrow: 0n })
    for (const name of ['solverA', 'solverB', 'verifierA', 'verifierB', 'coordinator'] as const)
      await as.deployer.unbond(jobId, as[name].address)
    const events = await history(jobId)
    expect(total(events, 'Payout', as.solverA.address)).toBe(4n * 1000n)
    expect(total(events, 'Payout', as.solverB.address)).toBe(4n * 1000n)
    expect(total(events, 'VerdictFee')).toBe(8n * 100n)
    expect(total(events, 'CoordinatorFee', as.coordinator.address)).toBe(2n * 50n)
    expect(total(events, 'Refund', as.submitter.address)).toBe(5n)
    expect(total(events, 'Stake') + total(events, 'Unstake')).toBe(0n)
    expect(total(events, 'Reserve') + total(events, 'Release')).toBe(0n)
    const committed = events.find((event) => event.name === 'WindowCommitted')
    if (committed?.name !== 'WindowCommitted') throw new Error('no window was committed')
    for (const signed of committedEntries(committed)) verifyEntry(signed)
  }, 60_000)

  it('is drawn on the chain as by proto', async () => {
    const { reader } = net
    const jobId = await startJob(net, { ...TERMS, sampleRate: 2n ** 63n }, 6n, ['solverA', 'solverB', 'solverC'])
    const onChain = await reader.quote(TERMS)
    expect(quote(TERMS)).toMatchObject(onChain)
    const events = await history(jobId)
    const bids = events.flatMap((event) => (event.name === 'Bid' && event.role === 'Solver' ? [event] : []))
    const fixed = events.find((event) => event.name === 'PoolFixed')
    if (fixed?.name !== 'PoolFixed') throw new Error('the pool is fixed by the assignment')
    const candidates = bids.map(({ account, stake }) => ({ address: addressBytes(account), stake }))
    const order = drawOrder(ORDER_TAG.solver, fromHex(fixed.seed), candidates, 3)
    expect(await reader.solversOf(jobId)).toEqual(order.map((i) => bids[i]?.account))
    const window = await commitAndSeed(net, jobId)
    const { seed } = await reader.windowOf(jobId, window)
    const pool = fixed.pool.map(({ account, weight }) => ({ address: addressBytes(account), stake: weight }))
    for (let index = 0; index < 4; index++) {
      const { entryHash } = await reader.entryOf(jobId, window, index)
      const drawn = await reader.drawn(jobId, window, index)
      expect(drawn.sampled).toBe(index < 2 || isSampled(fromHex(seed), fromHex(entryHash), 2n ** 63n))
      const expected = drawVerifier(fromHex(seed), fromHex(entryHash), 0, pool)
      if (drawn.sampled) expect(drawn.verifier).toBe(fixed.pool[expected ?? -1]?.account)
    }
  }, 60_000)

  it('slashes a forger that does not answer and goes on with the standby', async () => {
    const { reader, as } = net
    const jobId = await startJob(net, TERMS, 2n, ['solverA', 'solverB', 'solverC'])
    const first = await reader.cellsOf(jobId, 1)
    await commitAndSeed(net, jobId, 1)
    await giveVerdicts(net, jobId, 0, (index) => (index === 0 ? { accept: false, against: 1 } : accept(index)))
    const { entryHash } = await reader.entryOf(jobId, 0, 1)
    await expect(as.deployer.resolve(entryHash)).rejects.toSatisfy((e) => isContractError(e, 'RulingPending'))
    await refute(net, entryHash)
    const job = await reader.jobOf(jobId)
    const cells = await reader.cellsOf(jobId, 2)
    expect(job).toMatchObject({ phase: 'Active', epoch: 2, nextWindow: 0, root: TERMS.initRoot, replicas: 2 })
    expect(cells[0]).toBe(first[0])
    expect(cells).not.toContain(first[1])
    const events = await history(jobId)
    expect(total(events, 'Slash', first[1])).toBe(-TERMS.claimStake)
    expect(total(events, 'Compensation', first[0])).toBe(2n * TERMS.entryPrice)
    expect(total(events, 'Bounty')).toBeGreaterThan(0n)
    // The accuser made no move: the game was ended by somebody else.
    expect(total(events, 'GasRefund')).toBe(0n)
    const moved = ['Slash', 'Burn', 'Bounty', 'Compensation'] as const
    expect(moved.map((reason) => total(events, reason)).reduce((a, b) => a + b)).toBe(0n)
    for (let window = 0; window < 2; window++) {
      await commitAndSeed(net, jobId)
      await giveVerdicts(net, jobId, window, accept)
      await settle(net, jobId, window)
    }
    expect((await reader.jobOf(jobId)).phase).toBe('Settled')
  }, 60_000)

  it('upholds a claim against whoever gives up, and takes another challenge', async () => {
    const { reader, as } = net
    const jobId = await startJob(net, TERMS, 3n, ['solverA', 'solverB'])
    const cells = await reader.cellsOf(jobId, 1)
    await commitAndSeed(net, jobId)
    await giveVerdicts(net, jobId, 0, accept)
    const { entryHash, verifier } = await reader.entryOf(jobId, 0, 2)
    await as.whistleblower.challenge(jobId, 1, 0, 2)
    await expect(as.coordinator.settleWindow(jobId, 0)).rejects.toSatisfy((e) => isContractError(e, 'DisputeOpen'))
    await concede(net, entryHash, 'whistleblower')
    expect(await reader.rulingOf(entryHash)).toBe('Upheld')
    await as.deployer.resolve(entryHash)
    expect(await reader.disputeOf(entryHash)).toMatchObject({ ruling: 'Upheld', solver: cells[0], window: 0 })
    const half = TERMS.challengeBond / 2n
    expect(total(await history(jobId), 'Compensation', cells[0])).toBe(half)
    await expect(as.whistleblower.challenge(jobId, 1, 0, 2)).rejects.toSatisfy((e) =>
      isContractError(e, 'CannotAccuse'),
    )
    // Another one: the solver does not answer, whoever accepted the claim takes a seat.
    await as.submitter.deposit(TERMS.challengeBond)
    await as.submitter.challenge(jobId, 1, 0, 2)
    await desert(net, entryHash, 0, 1)
    const acceptor = actorOf(verifier)
    await player(net, acceptor).defend(reader.deployment.assay, entryHash)
    await concede(net, entryHash, 'submitter', 1)
    await as.deployer.resolve(entryHash)
    const events = await history(jobId)
    expect(total(events, 'Slash', cells[0])).toBe(-TERMS.claimStake)
    expect(total(events, 'Compensation', as[acceptor].address)).toBe((TERMS.claimStake + TERMS.challengeBond) / 2n)
    expect(await reader.cellsOf(jobId, 2)).toEqual([cells[1]])
    await settle(net, jobId, 0)
    expect((await reader.jobOf(jobId)).finalWindows).toBe(1)
  }, 60_000)

  it('refuses what is out of place, by name', async () => {
    const { reader, as } = net
    await expect(reader.quote({ ...TERMS, claimStake: 1n })).rejects.toSatisfy((e) =>
      isContractError(e, 'InvalidTerms'),
    )
    const rare = { ...TERMS, sampleRate: 1n, claimStake: 2n ** 70n }
    await expect(reader.quote(rare)).rejects.toSatisfy((e) => isContractError(e, 'InvalidTerms'))
    await expect(as.coordinator.withdraw(10n ** 30n)).rejects.toSatisfy((e) =>
      isContractError(e, 'InsufficientBalance'),
    )
    const job = await startJob(net, { ...TERMS, specHash: TERMS.dataRoot }, 5n, ['solverA', 'solverB'])
    const entries = await windowEntries(net, job)
    const forged = entries.map((one, i) =>
      i === 1 ? { ...one, signature: entries[0]?.signature ?? one.signature } : one,
    )
    await expect(as.coordinator.commitWindow(job, 1, 0, forged)).rejects.toSatisfy((e) =>
      isContractError(e, 'BadSignature'),
    )
    await expect(as.solverA.commitWindow(job, 1, 0, entries)).rejects.toSatisfy((e) =>
      isContractError(e, 'NotAuthorized'),
    )
    const [one] = entries
    if (one === undefined) throw new Error('the window has entries')
    const cells = await reader.cellsOf(job, 1)
    const other = signEntry(net.key(cells[0] ?? '0x'), { ...one.entry, rootAfter: fromHex(TERMS.dataRoot) })
    const sent = await as.whistleblower.equivocation(one, other)
    expect(sent.events.some((event) => event.name === 'Equivocated')).toBe(true)
    expect((await reader.seatOf(job, cells[0] ?? '')).equivocated).toBe(true)
  }, 60_000)
})
