/** The contract's own view of the job, asked by calls, against what its events add up to. */
import type { JsonRpcProvider } from 'ethers'
import type { AssayReader } from '#contracts/reader.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { entryPlace } from './entries.ts'
import { Findings, type Outcome } from './finding.ts'
import type { History } from './history.ts'
import { askAll } from './parallel.ts'
import { type ChainRecord, readerAt } from './record.ts'

const PHASES = {
  bidding: 'Bidding',
  assigning: 'Active',
  training: 'Active',
  settled: 'Settled',
  cancelled: 'Cancelled',
  expired: 'Expired',
} as const

const ZERO = `0x${'00'.repeat(32)}`

/**
 * The contract's storage says of the job, its windows and entries what the events say.
 * Why: events and storage reach an auditor by different ways; a record that was cut short or changed disagrees.
 */
export async function checkView(
  provider: JsonRpcProvider,
  record: ChainRecord,
  history: History,
  job: JobView,
  signal: AbortSignal,
): Promise<Outcome> {
  const reader = readerAt(provider, record)
  const findings = new Findings()
  const { jobId } = history
  const of = await reader.jobOf(jobId)
  const same = (what: string, found: unknown, expected: unknown): void =>
    findings.same(`the contract's view of the job`, what, found, expected)
  same('the phase', of.phase, PHASES[job.phase])
  same('the submitter', of.submitter, job.submitter)
  same('the plan epoch', of.epoch, job.epoch)
  same('the first window of the epoch', of.epochWindow, job.epochWindow)
  same('the next window', of.nextWindow, job.nextWindow)
  same('the number of final windows', of.finalWindows, job.finalWindows)
  same('the number of all windows', of.totalWindows, job.totalWindows)
  same('the deadline', of.deadline, job.deadline)
  same('the lease', of.lease, job.lease ?? `0x${'00'.repeat(20)}`)
  same('the block of registration', of.registeredAt, job.registeredAt)
  same('the final root', of.finalRoot, job.finalRoot ?? job.terms.initRoot)
  same(
    'the number of open disputes',
    of.openDisputes,
    [...job.disputes.values()].filter((d) => d.ruling === 'Pending').length,
  )
  same('its terms', await reader.termsOf(jobId), job.terms)
  same('the pool', await reader.poolOf(jobId), job.pool)
  same('the coordinators', await reader.coordinatorsOf(jobId), job.coordinators)
  for (const [epoch, cells] of history.cells)
    same(`the cells of epoch ${epoch}`, await reader.cellsOf(jobId, epoch), cells)
  for (const dispute of job.disputes.values()) {
    const { ruling, solver, window, epoch, index } = await reader.disputeOf(dispute.entryHash)
    const { entryHash, ...expected } = dispute
    const kept = {
      ruling: expected.ruling,
      solver: expected.solver,
      window: expected.window,
      epoch: expected.epoch,
      index: expected.index,
    }
    findings.same(
      `the dispute over ${entryHash}`,
      "the contract's view",
      { ruling, solver, window, epoch, index },
      kept,
    )
  }
  const entries = await checkWindows(findings, reader, job, signal)
  return findings.outcome(`${job.windows.size} windows and ${entries} entries in the contract's storage`)
}

async function checkWindows(
  findings: Findings,
  reader: AssayReader,
  job: JobView,
  signal: AbortSignal,
): Promise<number> {
  let entries = 0
  const calls: (() => Promise<void>)[] = []
  for (const window of job.windows.values()) {
    const place = `window ${window.window}`
    calls.push(async () => {
      const of = await reader.windowOf(job.jobId, window.window)
      const status = window.status === 'final' ? 'Final' : window.status === 'void' ? 'Void' : 'Committed'
      const sampled = window.entries.reduce((mask, entry, i) => (entry.sampled ? mask | (1n << BigInt(i)) : mask), 0n)
      const found = { ...of, sampled: String(of.sampled), seed: of.seed }
      const says = {
        status,
        epoch: window.epoch,
        entries: window.entries.length,
        round: window.round,
        seeded: window.seed !== null,
        committedAt: window.committedAt,
        seedRound: window.seedRound,
        challengesUntil: window.challengesUntil,
        sampled: String(sampled),
        coordinator: window.coordinator,
        rootBefore: window.rootBefore,
        rootAfter: window.rootAfter,
        seed: window.seed ?? ZERO,
      }
      for (const [name, expected] of Object.entries(says))
        findings.same(place, `the contract's ${name}`, found[name as keyof typeof says], expected)
    })
    for (const [index, entry] of window.entries.entries()) {
      entries++
      calls.push(async () => {
        const of = await reader.entryOf(job.jobId, window.window, index)
        const spoken = entry.verdicts.findLast(({ status }) => status === 'accepted' || status === 'rejected')
        const at = entryPlace(window, index)
        findings.same(at, `the contract's hash`, of.entryHash, entry.entryHash)
        if (spoken) findings.same(at, `the contract's verifier`, of.verifier, spoken.verifier)
        const own = entry.verdicts.some(({ status }) => status === 'accepted')
        findings.same(at, `the contract's acceptance`, of.accepted, own)
      })
    }
  }
  await askAll(calls, signal, (call) => call())
  return entries
}
