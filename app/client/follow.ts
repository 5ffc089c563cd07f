/** Shows a job's progress until it ends: a bar of steps, and a line for each thing that happens. */
import { plural, short } from '#app/terminal/format.ts'
import { createProgress } from '#app/terminal/progress.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'
import { type JobView, plannedSteps, waitsForMoney } from '#proto/machines/job-view.ts'
import type { Network } from '#runtime/network.ts'
import { type Sight, watchJob } from './watch.ts'

/** Watches job `id` with a progress bar; returns the last sight. Throws what `watchJob` throws. */
export async function followJob(network: Network, id: string, terminal: Terminal, signal: AbortSignal): Promise<Sight> {
  let progress: ReturnType<typeof createProgress> | undefined
  let before: JobView | undefined
  try {
    return await watchJob(
      network,
      id,
      ({ job, losses }) => {
        progress ??= createProgress(terminal, { label: 'training', total: job.terms.steps })
        for (const line of news(before, job, network, terminal)) progress.log(line)
        before = job
        const loss = losses.at(-1)
        const note = `${job.finalWindows} final of ${plural(job.nextWindow, 'window')} committed`
        progress.update(losses.length, { note, ...(typeof loss === 'number' ? { loss } : {}) })
      },
      signal,
    )
  } finally {
    progress?.stop()
  }
}

/** What happened between two sights of a job. */
export function news(before: JobView | undefined, job: JobView, network: Network, terminal: Terminal): string[] {
  const name = (account: string): string => network.names?.[account] ?? short(account)
  const lines: string[] = []
  if (job.epoch > (before?.epoch ?? 0)) {
    const from = job.epochWindow === 0 ? 'the start' : `window ${job.epochWindow}`
    lines.push(`plan epoch ${job.epoch}: ${job.cells.map(name).join(', ') || 'no solver left'} from ${from}`)
  }
  for (const dispute of job.disputes.values()) {
    const earlier = before?.disputes.get(dispute.entryHash)
    const entry = `entry ${dispute.index} of window ${dispute.window} by ${name(dispute.solver)}`
    if (!earlier)
      lines.push(paint(terminal, 'yellow', `rejected: ${entry}, by ${dispute.accusers.map(name).join(', ')}`))
    if (dispute.ruling !== 'Pending' && (earlier?.ruling ?? 'Pending') === 'Pending') {
      const words = {
        Refuted: 'refuted: slashed',
        Upheld: 'upheld',
        Pending: '',
      }
      lines.push(paint(terminal, dispute.ruling === 'Refuted' ? 'red' : 'yellow', `${words[dispute.ruling]}: ${entry}`))
    }
  }
  for (const replica of job.summons.keys()) {
    if (!before?.summons.has(replica)) lines.push(`summoned: ${name(job.cells[replica] ?? '')}, who is overdue`)
  }
  if (job.totalWindows < (before?.totalWindows ?? job.totalWindows)) {
    lines.push(paint(terminal, 'yellow', `cancelled: training ends with step ${plannedSteps(job)}`))
  }
  const waits = (view: JobView | undefined): boolean => view !== undefined && waitsForMoney(view)
  if (waits(job) && !waits(before)) {
    lines.push(paint(terminal, 'yellow', `window ${job.nextWindow} is not paid for: assay topup ${short(job.jobId)}`))
  }
  if (job.phase !== before?.phase) lines.push(`job ${short(job.jobId)}: ${job.phase}`)
  return lines
}
