/** When an accusation of one's own is needed beside those of others. */
import { expect, test } from 'vitest'
import type { DisputeView, JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { decide } from './decide.ts'

const ME: Hex = '0x01'
const OTHER: Hex = '0x02'
const ENTRY: Hex = `0x${'0e'.repeat(32)}`
const findings = new Map([[ENTRY, { against: 0 }]])

/** Whether it challenges the entry at a block; the window takes challenges until block 100. */
function challenges(block: number, dispute?: Pick<DisputeView, 'accusers' | 'beaten' | 'ruling'>): boolean {
  const window = { window: 0, status: 'verified', challengesUntil: 100, entries: [{ entryHash: ENTRY }] }
  const job = {
    jobId: '0x',
    terms: { challengePeriod: 20 },
    windows: new Map([[0, window]]),
    disputes: new Map(dispute && [[ENTRY, dispute]]),
  } as unknown as JobView
  return decide(job, ME, findings, new Uint8Array(32), 0, block).some(({ type }) => type === 'challenge')
}

test('others’ accusations make an own one needless, unless they are lost or may be', () => {
  expect([80, 99, 100].map((block) => challenges(block))).toEqual([true, true, false])
  const pending = { accusers: [OTHER], beaten: [], ruling: 'Pending' } as const
  expect([80, 89, 90, 99, 100].map((block) => challenges(block, pending))).toEqual([false, false, true, true, false])
  const upheld = { accusers: [OTHER], beaten: [OTHER], ruling: 'Upheld' } as const
  expect([80, 99, 100].map((block) => challenges(block, upheld))).toEqual([true, true, false])
  const refuted = { ...pending, ruling: 'Refuted' } as const
  expect([80, 95].map((block) => challenges(block, refuted))).toEqual([false, false])
})

test('an accusation of one’s own is enough, however it ends', () => {
  for (const ruling of ['Pending', 'Upheld', 'Refuted'] as const) {
    expect(challenges(95, { accusers: [OTHER, ME], beaten: [], ruling })).toBe(false)
    expect(challenges(95, { accusers: [OTHER], beaten: [ME], ruling })).toBe(false)
  }
})

test('a game of one’s own is enough while there is time, and one for each window before its challenges end', () => {
  const entries = [{ entryHash: ENTRY }, { entryHash: `0x${'0f'.repeat(32)}` as Hex }]
  const at = (window: number) => ({ window, status: 'verified', challengesUntil: 100, entries })
  const open = { window: 0, accusers: [ME], beaten: [], ruling: 'Pending' }
  const job = {
    jobId: '0x',
    terms: { challengePeriod: 20 },
    windows: new Map([0, 1].map((window) => [window, at(window)])),
    disputes: new Map([['0xaa', open]]),
  } as unknown as JobView
  const challenged = (block: number) =>
    decide(job, ME, findings, new Uint8Array(32), 0, block).flatMap(({ type, window }) =>
      type === 'challenge' ? [window] : [],
    )
  expect(challenged(80)).toEqual([])
  expect(challenged(95)).toEqual([1])
})
