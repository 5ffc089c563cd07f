import { describe, expect, test } from 'vitest'
import { to0x } from '#proto/bytes.ts'
import { drawVerifier } from '#proto/draw.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { AssayError } from '#proto/errors.ts'
import {
  type EventPlace,
  entryToHex,
  type JobEvent,
  type JobEventName,
  type JobEventOf,
} from '#proto/machines/events.ts'
import { applyEvents } from '#proto/machines/job.ts'
import { drawnVerifier, isCommittable, type JobView, openDisputes, trainableSteps } from '#proto/machines/job-view.ts'
import { PRESETS } from '#proto/presets.ts'
import { createTerms, escrowFor, type Hex, quote } from '#proto/terms.ts'
import { sampleJob, seededRandom } from '#proto/testing.ts'
import { slotSteps, windowSlots } from '#proto/windows.ts'

const spec = sampleJob()
const terms = createTerms(spec, PRESETS.devnet, new Uint8Array(32).fill(1))
const address = (n: number): Hex => to0x(new Uint8Array(20).fill(n)) as Hex
const b32 = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const hex32 = (n: number): Hex => to0x(b32(n)) as Hex
const jobId = hex32(1)
const [submitter, coordinator, solverA, solverB, solverC, verifierA, verifierB] = [1, 2, 3, 4, 5, 6, 7].map(
  address,
) as [Hex, Hex, Hex, Hex, Hex, Hex, Hex]
const pool = [
  { account: verifierA, weight: 10n },
  { account: verifierB, weight: 30n },
]

type Placed = JobEvent & EventPlace

/** Writes down a history, one event a block. */
class History {
  readonly events: Placed[] = []

  add<N extends JobEventName>(name: N, fields: Omit<JobEventOf<N>, 'name' | 'jobId'>): this {
    this.events.push({ name, jobId, ...fields, blockNumber: 100 + this.events.length, logIndex: 0 } as Placed & {
      name: N
    })
    return this
  }

  start(): this {
    return this.add('JobRegistered', { submitter, nonce: 0n, escrow: quote(terms).escrow, terms })
      .add('BiddingOpened', { bidsClose: 120 })
      .add('Bid', { account: solverA, role: 'Solver', stake: 9n })
      .add('PoolFixed', { seed: hex32(9), pool, coordinators: [coordinator] })
      .add('LeaseTaken', { holder: coordinator })
      .assign(1, [solverA, solverB], 0, hex32(0))
  }

  assign(epoch: number, cells: Hex[], fromWindow: number, fromRoot: Hex): this {
    return this.add('Assigned', { epoch, cells, fromWindow, fromRoot })
  }

  commit(window: number, epoch: number, cells: Hex[]): this {
    const entries = windowSlots(terms, window).flatMap((slot) =>
      cells.map((_, replica) => entryOf(window, epoch, slot, replica, cells)),
    )
    return this.add('WindowCommitted', {
      window,
      epoch,
      coordinator,
      seedRound: 5,
      entries: entries.map(entryToHex),
      signatures: entries.map(() => to0x(new Uint8Array(65)) as Hex),
    })
  }

  judge(window: number, epoch: number, index: number, accept: boolean, against = index): this {
    return this.add('VerdictCommitted', { window, epoch, index, verifier: verifierA, commitment: hex32(7) }).add(
      'VerdictRevealed',
      { window, epoch, index, verifier: verifierA, accept, against, digest: hex32(8) },
    )
  }

  /** A window of which everything is sampled and accepted. */
  pass(window: number, epoch: number, cells: Hex[]): this {
    this.commit(window, epoch, cells).add('SeedFixed', { window, epoch, seed: hex32(3), sampled: 15n })
    for (let index = 0; index < 2 * cells.length; index++) this.judge(window, epoch, index, true)
    return this.add('WindowVerified', { window, epoch, challengesUntil: 900 }).add('WindowFinal', {
      window,
      epoch,
      rootAfter: hex32(50 + 2 * window + 1),
    })
  }

  view(): JobView {
    return applyEvents(null, jobId, this.events) as JobView
  }
}

function entryOf(window: number, epoch: number, slot: number, replica: number, cells: Hex[]): Entry {
  const { from, to } = slotSteps(terms, slot)
  return {
    jobId: b32(1),
    epoch,
    replica,
    window,
    stepFrom: from,
    stepTo: to,
    rootBefore: b32(49 + slot),
    rootAfter: b32(50 + slot),
    lanesRoot: b32(replica),
    metricsRoot: b32(2),
    solver: Uint8Array.from(Buffer.from((cells[replica] as string).slice(2), 'hex')),
  }
}

const cells = [solverA, solverB]

function refuted(): History {
  const history = new History().start().pass(0, 1, cells).commit(1, 1, cells)
  const entryHash = to0x(entryDigest(entryOf(1, 1, 2, 0, cells))) as Hex
  return history
    .add('SeedFixed', { window: 1, epoch: 1, seed: hex32(4), sampled: 2n })
    .judge(1, 1, 1, false, 0)
    .add('Challenged', { entryHash, accuser: verifierA, solver: solverA, window: 1, epoch: 1, index: 0 })
    .add('DisputeResolved', { entryHash, solver: solverA, ruling: 'Refuted', deserted: true, accusers: [] })
    .add('Ledger', { account: solverA, amount: -40n, reason: 'Slash', window: 1, index: 0 })
    .add('Ledger', { account: verifierA, amount: 10n, reason: 'Bounty', window: 1, index: 0 })
    .add('WindowVoided', { window: 1, epoch: 1 })
    .add('SolverLeft', { solver: solverA })
    .assign(2, [solverC, solverB], 1, hex32(51))
}

function errorOf(run: () => unknown): AssayError {
  try {
    run()
  } catch (error) {
    if (error instanceof AssayError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a job', () => {
  test('goes from bids to settlement', () => {
    const history = new History().start()
    const training = history.view()
    expect(training).toMatchObject({ phase: 'training', epoch: 1, cells, lease: coordinator, epochRoot: null })
    expect(trainableSteps(training)).toBe(8)
    history.pass(0, 1, cells).pass(1, 1, cells)
    expect(history.view()).toMatchObject({ finalWindows: 2, nextWindow: 2, finalRoot: hex32(53) })
    expect(trainableSteps(history.view())).toBe(12)
    history.pass(2, 1, cells).add('JobSettled', { finalRoot: hex32(55) })
    const view = history.view()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: hex32(55) })
    expect(view.counts).toEqual({
      entriesCommitted: 12,
      entriesSampled: 12,
      entriesAccepted: 12,
      entriesRejected: 0,
      windowsVoided: 0,
      windowsLapsed: 0,
    })
  })

  test('rolls back after a refuted claim and goes on in the next epoch', () => {
    const history = refuted()
    const view = history.view()
    expect(view).toMatchObject({
      phase: 'training',
      epoch: 2,
      cells: [solverC, solverB],
      nextWindow: 1,
      finalWindows: 1,
    })
    expect(view.epochRoot).toBe(hex32(51))
    expect(view.windows.get(1)?.status).toBe('void')
    expect([...view.left]).toEqual([solverA])
    expect(view.ledger).toHaveLength(2)
    expect(view.ledger[0]).toMatchObject({ account: solverA, amount: -40n, reason: 'Slash', window: 1, index: 0 })
    expect([...view.disputes.values()]).toMatchObject([{ solver: solverA, accusers: [verifierA], ruling: 'Refuted' }])
    expect(openDisputes(view)).toEqual([])
    const again = history.pass(1, 2, [solverC, solverB]).view()
    expect(again.windows.get(1)).toMatchObject({ status: 'final', epoch: 2 })
    expect(again.counts).toMatchObject({ entriesRejected: 1, windowsVoided: 1, entriesCommitted: 12 })
  })

  test('waits for solvers when none is left, and can expire or be cancelled', () => {
    const none = new History().start().assign(2, [], 0, hex32(0)).add('BiddingOpened', { bidsClose: 400 })
    expect(none.view()).toMatchObject({ phase: 'assigning', bidsClose: 400 })
    expect(none.assign(3, [solverC], 0, hex32(0)).view().phase).toBe('training')
    const expired = refuted().add('JobExpired', { finalWindows: 1 }).view()
    expect(expired).toMatchObject({ phase: 'expired', nextWindow: 1 })
    const cancelled = new History().add('JobRegistered', { submitter, nonce: 0n, escrow: quote(terms).escrow, terms })
    expect(cancelled.add('JobCancelled', {}).view().phase).toBe('cancelled')
  })

  test('trains only what the escrow pays for', () => {
    const windows = (n: number): bigint => escrowFor(terms, 0, n)
    const history = new History()
      .add('JobRegistered', { submitter, nonce: 0n, escrow: windows(1) + 3n, terms })
      .assign(1, cells, 0, hex32(0))
    expect(trainableSteps(history.view())).toBe(4)
    expect(isCommittable(history.view())).toBe(true)
    history.pass(0, 1, cells)
    for (const reason of ['Payout', 'VerdictFee', 'CoordinatorFee'] as const) {
      const amount = reason === 'Payout' ? windows(1) - 2n : 1n
      history.add('Ledger', { account: solverA, amount, reason, window: 0, index: 0 })
    }
    const unpaid = history.view()
    expect(unpaid.escrow).toBe(3n)
    expect(trainableSteps(unpaid)).toBe(4)
    expect(isCommittable(unpaid)).toBe(false)
    const { deadline } = unpaid
    history.add('JobToppedUp', { account: solverB, amount: windows(1) - 4n, deadline })
    expect(history.view().clock).toBe(unpaid.clock)
    history.add('JobToppedUp', { account: solverB, amount: 1n, deadline: deadline + 9 })
    const paid = history.view()
    expect(isCommittable(paid)).toBe(true)
    expect(paid).toMatchObject({ deadline: deadline + 9, clock: paid.place.blockNumber })
  })

  test('ends early when its submitter cancels', () => {
    const history = new History().start().pass(0, 1, cells).add('JobShortened', { totalWindows: 2 })
    expect(trainableSteps(history.view())).toBe(8)
    history.pass(1, 1, cells)
    expect(isCommittable(history.view())).toBe(false)
    expect(history.add('JobSettled', { finalRoot: hex32(53) }).view()).toMatchObject({ phase: 'settled' })
    const idle = new History().start().assign(2, [], 0, hex32(0)).add('JobShortened', { totalWindows: 0 })
    expect(idle.add('JobCancelled', {}).view().phase).toBe('cancelled')
  })

  test('counts an upheld entry as accepted', () => {
    const history = new History().start().commit(0, 1, cells)
    const entryHash = to0x(entryDigest(entryOf(0, 1, 0, 1, cells))) as Hex
    const view = history
      .add('SeedFixed', { window: 0, epoch: 1, seed: hex32(4), sampled: 3n })
      .judge(0, 1, 0, false, 1)
      .judge(0, 1, 1, true)
      .add('Challenged', { entryHash, accuser: verifierA, solver: solverB, window: 0, epoch: 1, index: 1 })
      .add('DisputeResolved', {
        entryHash,
        solver: solverB,
        ruling: 'Upheld',
        deserted: false,
        accusers: [{ account: verifierA, bonded: false, lost: true, passage: 'None', next: 0, gas: 0n }],
      })
      .add('WindowVerified', { window: 0, epoch: 1, challengesUntil: 900 })
      .view()
    expect(view.windows.get(0)?.entries.map((entry) => entry.accepted)).toEqual([true, true, false, false])
    expect(view.windows.get(0)?.entries[0]?.verdicts).toMatchObject([{ status: 'rejected', against: 1 }])
    expect(view.disputes.get(entryHash)).toMatchObject({ ruling: 'Upheld', beaten: [verifierA] })
    const again = history
      .add('Challenged', { entryHash, accuser: solverC, solver: solverB, window: 0, epoch: 1, index: 1 })
      .view()
    const accused = { ruling: 'Pending', accusers: [solverC], beaten: [verifierA] }
    expect(again.disputes.get(entryHash)).toMatchObject(accused)
    expect(again.disputes.get(entryHash)?.slot.map((entry) => entry.entry.replica)).toEqual([0, 1])
  })

  test('follows a rejection that is passed on to another entry', () => {
    const [first, second] = [0, 1].map((i) => to0x(entryDigest(entryOf(0, 1, 0, i, cells))) as Hex) as [Hex, Hex]
    const accuser = { account: verifierA, bonded: false, lost: true, gas: 0n } as const
    const history = new History()
      .start()
      .commit(0, 1, cells)
      .add('SeedFixed', { window: 0, epoch: 1, seed: hex32(4), sampled: 3n })
      .judge(0, 1, 0, false, 0)
      .judge(0, 1, 1, true)
      .add('Challenged', { entryHash: first, accuser: verifierA, solver: solverA, window: 0, epoch: 1, index: 0 })
      .add('DisputeResolved', {
        ...{ entryHash: first, solver: solverA, ruling: 'Upheld', deserted: false },
        accusers: [{ ...accuser, passage: 'Onward', next: 1 }],
      })
      .add('Challenged', { entryHash: second, accuser: verifierA, solver: solverB, window: 0, epoch: 1, index: 1 })
    const passed = history.view()
    expect(passed.windows.get(0)?.entries[0]).toMatchObject({
      accepted: false,
      verdicts: [{ status: 'rejected', against: 0, passedTo: 1 }],
    })
    expect(passed.disputes.get(first)).toMatchObject({ ruling: 'Upheld', beaten: [verifierA] })
    expect(passed.disputes.get(second)).toMatchObject({ ruling: 'Pending', accusers: [verifierA] })
    const over = history.add('DisputeResolved', {
      ...{ entryHash: second, solver: solverB, ruling: 'Upheld', deserted: false },
      accusers: [{ ...accuser, passage: 'None', next: 0 }],
    })
    expect(over.view().windows.get(0)?.entries[0]).toMatchObject({ accepted: true })
  })

  test('knows the drawn verifier of each round', () => {
    const history = new History().start().commit(0, 1, cells)
    expect(drawnVerifier(history.view(), 0, 0)).toBeNull()
    history.add('SeedFixed', { window: 0, epoch: 1, seed: hex32(4), sampled: 1n })
    const digest = entryDigest(entryOf(0, 1, 0, 0, cells))
    const candidates = pool.map(({ weight }, i) => ({ address: new Uint8Array(20).fill(i), stake: weight }))
    const first = drawVerifier(b32(4), digest, 0, candidates) as number
    expect(drawnVerifier(history.view(), 0, 0)).toBe(pool[first]?.account)
    expect(drawnVerifier(history.view(), 0, 1)).toBeNull()
    history.add('VerdictAbstained', { window: 0, epoch: 1, index: 0, verifier: verifierA })
    history.add('Redrawn', { window: 0, epoch: 1, round: 1, missing: 1n })
    expect(drawnVerifier(history.view(), 0, 0)).toBe(pool[1 - first]?.account)
    history.add('Redrawn', { window: 0, epoch: 1, round: 2, missing: 1n })
    expect(drawnVerifier(history.view(), 0, 0)).toBeNull()
  })

  test('keeps the summonses of the present window', () => {
    const history = new History().start()
    history.add('Summoned', { epoch: 1, replica: 1, solver: solverB, window: 0, until: 300 })
    expect([...history.view().summons]).toEqual([[1, 300]])
    history.add('Presented', { epoch: 1, replica: 1, solver: solverB, strikes: 1 })
    expect(history.view().summons.size).toBe(0)
  })

  test('refuses what cannot happen', () => {
    const wrong: [History, string][] = [
      [new History().add('JobCancelled', {}), 'JobCancelled'],
      [new History().start().start(), 'JobRegistered'],
      [new History().start().commit(1, 1, cells), 'not the next'],
      [new History().start().commit(0, 2, cells), 'of epoch 2'],
      [new History().start().commit(0, 1, cells).commit(0, 1, cells), 'which is committed'],
      [new History().start().add('SeedFixed', { window: 0, epoch: 1, seed: hex32(4), sampled: 1n }), 'which is none'],
      [new History().start().commit(0, 1, cells).judge(0, 1, 0, true), 'which is committed'],
      [new History().start().assign(3, cells, 0, hex32(0)), 'follows'],
      [new History().start().pass(0, 1, cells).add('WindowVoided', { window: 0, epoch: 1 }), 'which is final'],
    ]
    for (const [history, message] of wrong) {
      expect(errorOf(() => history.view())).toMatchObject({ code: 'wrong-state' })
      expect(() => history.view()).toThrow(message)
    }
  })

  test('does not depend on how its history is cut, repeated or mixed with others', () => {
    const history = refuted().pass(1, 2, [solverC, solverB])
    const whole = history.view()
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed)
      let view: JobView | null = null
      for (let at = 0; at < history.events.length; ) {
        const from = Math.max(0, at - random.below(4))
        at += 1 + random.below(6)
        const batch = history.events.slice(from, at)
        const foreign = { name: 'JobCancelled', jobId: hex32(2), blockNumber: 1000, logIndex: 0 } as const
        const other = { name: 'Recorded', blockNumber: 1000, logIndex: 1 }
        const before = structuredClone(view)
        const next: JobView | null = applyEvents(view, jobId, [...batch, foreign, other])
        expect(view, `seed ${seed}`).toEqual(before)
        view = next
      }
      expect(view).toEqual(whole)
    }
  })

  test('a shuffled history throws wrong-state or is lawful, never breaks', () => {
    const history = refuted().pass(1, 2, [solverC, solverB])
    for (let seed = 1; seed <= 300; seed++) {
      const random = seededRandom(seed)
      const kept = history.events.filter(() => random.bool(0.85))
      const i = random.below(kept.length)
      const j = random.below(kept.length)
      ;[kept[i], kept[j]] = [kept[j] as Placed, kept[i] as Placed]
      const events = kept.map((event, n) => ({ ...event, blockNumber: n }))
      try {
        applyEvents(null, jobId, events)
      } catch (error) {
        expect((error as AssayError).code, `seed ${seed}: ${String(error)}`).toBe('wrong-state')
      }
    }
  })
})
