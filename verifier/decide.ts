/** What a verifier does about a job at a block: replay what it was drawn for, reveal when all have committed. Pure. */
import {
  drawnVerifier,
  type EntryView,
  type JobView,
  type VerdictView,
  type WindowView,
} from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'

export type VerifierAction = {
  readonly key: string
  readonly type: 'verify' | 'reveal'
  readonly job: JobView
  readonly window: number
  readonly index: number
}

/** The last verdict given on an entry in the present round of its window. */
function verdictOf(window: WindowView, entry: EntryView): VerdictView | undefined {
  return entry.verdicts.findLast(({ round }) => round === window.round)
}

/** Drawn entries whose verdict is still wanted: neither accepted nor rejected in an earlier round. */
function wanted(entry: EntryView): boolean {
  return entry.sampled && !entry.accepted && !entry.verdicts.some(({ status }) => status === 'rejected')
}

export function decide(job: JobView, me: Hex, block: number): VerifierAction[] {
  const actions: VerifierAction[] = []
  for (const window of job.windows.values()) {
    if (window.status !== 'seeded') continue
    const open = window.entries.filter(wanted)
    // Nobody is left who could copy: the contract takes reveals from here on.
    const spoken = open.every((entry) => verdictOf(window, entry) !== undefined)
    const mayReveal = spoken || block > window.seededAt + job.terms.verdictPeriod
    for (const [index, entry] of window.entries.entries()) {
      if (!wanted(entry) || drawnVerifier(job, window.window, index) !== me) continue
      const verdict = verdictOf(window, entry)
      const of = (type: 'verify' | 'reveal'): VerifierAction => ({
        key: `${entry.entryHash}:${window.round}:${type}`,
        type,
        job,
        window: window.window,
        index,
      })
      if (verdict === undefined && block < window.seededAt + job.terms.verdictPeriod) actions.push(of('verify'))
      if (verdict?.status === 'committed' && verdict.verifier === me && mayReveal) actions.push(of('reveal'))
    }
  }
  return actions
}
