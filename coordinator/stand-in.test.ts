import { expect, test } from 'vitest'
import { fromHex } from '#proto/bytes.ts'
import type { Entry, SignedEntry } from '#proto/entry.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { decide, type EntryPool, slotKey } from './decide.ts'
import { decideStandIn } from './stand-in.ts'

const cells = ['aa', 'bb'].map((byte) => `0x${byte.repeat(20)}` as Hex)
const [me, other] = cells as [Hex, Hex]
const coordinator = `0x${'cc'.repeat(20)}` as Hex
const jobId = `0x${'01'.repeat(32)}` as Hex
const root = new Uint8Array(32)

/** Overdue 10 blocks after block 100, lapsed 5 blocks later. */
function jobOf(change: Partial<JobView>): JobView {
  const prices = { entryPrice: 1n, verdictFee: 0n, windowFee: 0n }
  const periods = { commitPeriod: 10, responsePeriod: 5 }
  return {
    jobId,
    phase: 'training',
    terms: { steps: 4, entrySteps: 1, entriesPerWindow: 2, depth: 2, replicas: 2, ...prices, ...periods },
    cells,
    lease: coordinator,
    coordinators: [coordinator],
    epoch: 1,
    nextWindow: 0,
    finalWindows: 0,
    totalWindows: 2,
    escrow: 100n,
    clock: 100,
    summons: new Map(),
    strikes: new Map(),
    ...change,
  } as unknown as JobView
}

const signed = (replica: number, step: number, change: Partial<Entry> = {}): SignedEntry => {
  const roots = { rootBefore: root, rootAfter: root, lanesRoot: root, metricsRoot: root, ...change }
  return { entry: { replica, stepFrom: step, ...roots, solver: fromHex(cells[replica] as Hex) } } as never
}

const poolOf = (...entries: SignedEntry[]): EntryPool =>
  new Map(
    [0, 1].map((slot) => {
      const claims = entries.filter(({ entry }) => entry.stepFrom === slot)
      return [slotKey(jobId, 1, slot), new Map(claims.map((claim) => [claim.entry.replica, claim]))]
    }),
  )

const whole = [signed(0, 0), signed(1, 0), signed(0, 1), signed(1, 1)]
const types = (job: JobView, pool: EntryPool, block: number, who = me): string[] =>
  decideStandIn(job, pool, who, block).map(({ type }) => type)

test('a cell takes a lapsed lease once coordinators have had their time, and commits then', () => {
  expect(types(jobOf({}), poolOf(...whole), 135)).toEqual([])
  expect(types(jobOf({}), poolOf(...whole), 136)).toEqual(['claimLease'])
  const [commit] = decideStandIn(jobOf({ lease: me }), poolOf(...whole), me, 101)
  expect(commit).toMatchObject({ type: 'commitWindow', window: 0, entries: whole })
})

test('who answered a summons in vain need not wait for the lease to lapse', () => {
  const strikes = new Map([[0, 1]])
  expect(types(jobOf({ strikes }), poolOf(...whole), 121)).toEqual(['claimLease'])
  expect(types(jobOf({ strikes }), poolOf(...whole), 121, other)).toEqual([])
  expect(types(jobOf({ strikes, summons: new Map([[1, 200]]) }), poolOf(...whole), 121)).toEqual([])
})

test('it takes nothing that it could not commit at once, and nobody else takes anything', () => {
  expect(types(jobOf({}), poolOf(...whole.slice(1)), 500)).toEqual([])
  for (const field of ['rootBefore', 'rootAfter', 'lanesRoot', 'metricsRoot'] as const) {
    const alone = signed(1, 1, { [field]: new Uint8Array(32).fill(1) })
    expect(types(jobOf({}), poolOf(...whole.slice(0, 3), alone), 500), field).toEqual([])
  }
  expect(types(jobOf({}), poolOf(...whole), 500, `0x${'dd'.repeat(20)}`)).toEqual([])
  expect(types(jobOf({ escrow: 0n }), poolOf(...whole), 500)).toEqual([])
})

test('of cells that disagree another one is replaced first each time', () => {
  const pool = poolOf(...whole.slice(0, 3), signed(1, 1, { lanesRoot: new Uint8Array(32).fill(1) }))
  const strikes = new Map([0, 1].map((replica) => [replica, 2]))
  const orders = [100, 101].map((clock) =>
    decide(jobOf({ clock, strikes, lease: me }), pool, me, 500).map((action) => 'replica' in action && action.replica),
  )
  expect(orders).toEqual([
    [0, 1],
    [1, 0],
  ])
})
