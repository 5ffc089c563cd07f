/** Entries as the chain recorded them: who signed them, what place they have, how they join. */
import { bytesEqual, fromHex, to0x } from '#proto/bytes.ts'
import { verifyEntry } from '#proto/entry.ts'
import type { JobView, WindowView } from '#proto/machines/job-view.ts'
import { checkEntry, placeOfEntry, slotSteps, windowSlots } from '#proto/windows.ts'
import { Findings, type Outcome } from './finding.ts'
import type { History } from './history.ts'

const ZERO = `0x${'00'.repeat(32)}`

/** `window 1 of epoch 2, entry 3`: how findings name an entry. */
export function entryPlace(window: Pick<WindowView, 'window' | 'epoch'>, index: number): string {
  return `window ${window.window} of epoch ${window.epoch}, entry ${index}`
}

/**
 * Every committed entry is signed by the solver that it names.
 * Why: a signature is what makes somebody answer for a claim; any changed bit of an entry breaks it.
 */
export function checkSignatures(history: History): Outcome {
  const findings = new Findings()
  const signers = new Set<string>()
  let count = 0
  for (const window of history.windows) {
    for (const [index, signed] of window.entries.entries()) {
      count++
      try {
        verifyEntry(signed)
        signers.add(to0x(signed.entry.solver))
      } catch (error) {
        findings.add(entryPlace(window, index), (error as Error).message)
      }
    }
  }
  return findings.outcome(`${count} entries signed by ${signers.size} solvers`)
}

/**
 * Every entry covers its slot, for the replica and cell that the plan of its epoch gave it; a window has all of them.
 * Why: the contract promises it; a record in which it does not hold is not the contract's.
 */
export function checkPlaces(history: History, job: JobView): Outcome {
  const findings = new Findings()
  let count = 0
  for (const window of history.windows) {
    const cells = (history.cells.get(window.epoch) ?? []).map((cell) => fromHex(cell, 20))
    const slots = windowSlots(job.terms, window.window)
    findings.same(
      `window ${window.window} of epoch ${window.epoch}`,
      'the number of its entries',
      window.entries.length,
      slots.length * cells.length,
    )
    for (const [index, { entry }] of window.entries.entries()) {
      count++
      const place = entryPlace(window, index)
      try {
        checkEntry(job.terms, { jobId: fromHex(history.jobId, 32), epoch: window.epoch, cells }, entry)
        const { slot, replica } = placeOfEntry(job.terms, window.window, index, Math.max(1, cells.length))
        findings.same(place, 'its replica', entry.replica, replica)
        findings.same(place, 'its first step', entry.stepFrom, slotSteps(job.terms, slot).from)
      } catch (error) {
        findings.add(place, (error as Error).message)
      }
    }
  }
  return findings.outcome(`${count} entries in ${history.windows.length} committed windows`)
}

/**
 * State roots join: all replicas of a slot claim one root, each slot starts from the root before it, each epoch from the last
 * final window, and the final windows lead to the root that the job settled with.
 * Why: a chain of states without a gap is what makes the final root the result of training.
 */
export function checkContinuity(history: History, job: JobView): Outcome {
  const findings = new Findings()
  const starts = new Map(
    history.events.flatMap((event) => (event.name === 'Assigned' ? [[event.epoch, event.fromRoot] as const] : [])),
  )
  let epoch = -1
  let root: string = ZERO
  for (const window of history.windows) {
    if (window.epoch !== epoch) root = starts.get(window.epoch) ?? ZERO
    epoch = window.epoch
    root = joinWindow(findings, window, root)
  }
  const last = history.windows.filter(({ status }) => status === 'final').sort((a, b) => a.window - b.window)
  for (const [i, window] of last.entries()) {
    const before = last[i - 1]
    if (before) findings.same(`window ${window.window}`, 'the root before it', window.rootBefore, before.rootAfter)
    findings.same(`final window ${i}`, 'its number', window.window, i)
  }
  for (const event of history.events) {
    if (event.name !== 'WindowFinal') continue
    const { rootAfter } = last[event.window] ?? {}
    findings.same(
      `window ${event.window}, settled in block ${event.blockNumber}`,
      'its root',
      event.rootAfter,
      rootAfter,
    )
  }
  if (job.phase === 'settled') {
    findings.same('the end of the job', 'the root it settled with', job.finalRoot, last.at(-1)?.rootAfter)
  }
  return findings.outcome(
    `${last.length} final windows, from state root ${cut(last[0]?.rootBefore)} to ${cut(last.at(-1)?.rootAfter)}`,
  )
}

function joinWindow(findings: Findings, window: WindowView, from: string): string {
  let [before, after] = [from, from]
  for (const [index, { entry }] of window.entries.entries()) {
    const place = entryPlace(window, index)
    if (entry.replica === 0) before = after
    // The first entry of a job may claim the root of the init state; the replay holds it to that.
    if (before === ZERO && entry.stepFrom === 0) before = to0x(entry.rootBefore)
    findings.same(place, 'the root before it', to0x(entry.rootBefore), before)
    if (entry.replica === 0) after = to0x(entry.rootAfter)
    const first = window.entries[index - entry.replica]?.entry.rootAfter
    if (first && !bytesEqual(first, entry.rootAfter)) findings.add(place, 'its replicas do not claim one root')
  }
  return after
}

function cut(root: string | undefined): string {
  return root?.slice(0, 10) ?? '-'
}
