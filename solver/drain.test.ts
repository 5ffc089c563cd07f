import { expect, test } from 'vitest'
import { fromHex } from '#proto/bytes.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { upkeep } from '#runtime/upkeep.ts'
import { waitsFor } from './drain.ts'

const me = `0x${'aa'.repeat(20)}` as Hex
const other = `0x${'bb'.repeat(20)}` as Hex

function jobOf(change: Partial<JobView>): JobView {
  const terms = { steps: 8, entrySteps: 1, entriesPerWindow: 2, jobPeriod: 1e6, commitPeriod: 9, responsePeriod: 9 }
  return {
    jobId: `0x${'01'.repeat(32)}`,
    phase: 'training',
    terms,
    registeredAt: 0,
    bidsClose: 1,
    bids: [{ account: me, role: 'Solver', stake: 5n }],
    cells: [me, other],
    left: new Set(),
    unbonded: new Set(),
    summons: new Map(),
    disputes: new Map(),
    windows: new Map(),
    finalWindows: 1,
    nextWindow: 1,
    epoch: 1,
    ledger: [{ block: 1, account: me, amount: -5n, reason: 'Stake', window: null, index: null }],
    ...change,
  } as unknown as JobView
}

const windows = (status: string) => new Map([[1, { window: 1, status, entries: [{ entry: { solver: fromHex(me) } }] }]])
const replaced = { cells: [other], left: new Set([me]) }
const unbonds = (job: JobView): boolean => upkeep(job, 100, 0, me).some(({ type }) => type === 'unbond')

test('a leaving solver waits for the end of what it has begun, or to be replaced', () => {
  expect(waitsFor(jobOf({}), me, 'finish')).toContain('trains to its end (1 of 4 windows are final)')
  expect(waitsFor(jobOf({}), me, 'leave')).toContain('waits to be replaced')
  expect(waitsFor(jobOf({ cells: [other] }), me, 'leave')).toContain('stands by')
  expect(waitsFor(jobOf({ bids: [] }), me, 'leave')).toBeUndefined()
})

test('once replaced it answers for its claims until their windows are final, then takes its seat back', () => {
  for (const status of ['committed', 'seeded', 'verified']) {
    const job = jobOf({ ...replaced, windows: windows(status) as never })
    expect(waitsFor(job, me, 'leave')).toContain('answers for its last windows')
    expect(unbonds(job)).toBe(false)
  }
  for (const status of ['final', 'void']) {
    const job = jobOf({ ...replaced, windows: windows(status) as never })
    expect(waitsFor(job, me, 'leave')).toContain('its stake comes back')
    expect(unbonds(job)).toBe(true)
    expect(waitsFor({ ...job, unbonded: new Set([me]) }, me, 'leave')).toBeUndefined()
  }
})

test('a seat is not taken back while a dispute over a claim of its account is open', () => {
  const dispute = { entryHash: '0x', solver: me, accusers: [], openedAt: 1e5, ruling: 'Pending', window: 0, epoch: 1 }
  const job = jobOf({ ...replaced, disputes: new Map([['0x', dispute]]) as never })
  expect(unbonds(job)).toBe(false)
  expect(unbonds(jobOf({ ...replaced }))).toBe(true)
  // whoever trains on has nothing to take back yet
  expect(unbonds(jobOf({}))).toBe(false)
})
