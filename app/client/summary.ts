/** How a job on a network ended: for a person, and as one JSON object. */
import { arithmeticLines, type DisputeRow, disputeLines, disputeRows } from '#app/client/disputes.ts'
import type { NameOf } from '#app/dispute/text.ts'
import type { Transcript } from '#app/dispute/transcript.ts'
import { labelled } from '#app/report.ts'
import { curve } from '#app/terminal/curve.ts'
import { byteCount, count, duration, figure, percent, printable, short } from '#app/terminal/format.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'
import { type JobView, plannedSteps } from '#proto/machines/job-view.ts'
import type { Metrics } from '#runtime/evaluate.ts'
import type { Network } from '#runtime/network.ts'
import { ledgerTable, type NamedRow, namedLedger } from './ledger.ts'
import type { Sight } from './watch.ts'

/** What `--json` prints. A "segment" is an entry: the steps that one replica claims at a time. */
export interface NetworkResult {
  readonly job: string
  readonly steps: number
  readonly firstLoss: number | null
  readonly finalLoss: number | null
  readonly losses: readonly (number | null)[]
  /** Root of the final state, without 0x: the same as `assay run` prints. */
  readonly stateRoot: string | null
  readonly segmentsCommitted: number
  /** Drawn for verification. */
  readonly segmentsSampled: number
  /** Replayed and accepted. */
  readonly segmentsVerified: number
  readonly rejected: number
  readonly windowsVoided: number
  readonly settled: boolean
  readonly phase: string
  readonly epochs: number
  readonly ledger: readonly NamedRow[]
  readonly disputes: readonly DisputeRow[]
  /** Folder of the pulled weights. */
  readonly weights: string | null
  readonly metrics: Metrics | null
  readonly text: string | null
  readonly seconds: number
  readonly bytesSent: number | null
}

export interface Extras {
  readonly weights: string | null
  readonly metrics: Metrics | null
  readonly text: string | null
  readonly seconds: number
  readonly bytesSent: number | null
}

/** @param transcripts of the job's disputes */
export function resultOf(
  { job, losses }: Sight,
  network: Network,
  transcripts: readonly Transcript[],
  extras: Extras,
): NetworkResult {
  const { counts } = job
  return {
    job: job.jobId,
    steps: plannedSteps(job),
    firstLoss: losses[0] ?? null,
    finalLoss: losses.at(-1) ?? null,
    losses,
    stateRoot: job.finalRoot?.slice(2) ?? null,
    segmentsCommitted: counts.entriesCommitted,
    segmentsSampled: counts.entriesSampled,
    segmentsVerified: counts.entriesAccepted,
    rejected: counts.entriesRejected,
    windowsVoided: counts.windowsVoided,
    settled: job.phase === 'settled',
    phase: job.phase,
    epochs: job.epoch,
    ledger: namedLedger(job, network),
    disputes: disputeRows(transcripts, nameIn(network)),
    ...extras,
  }
}

const nameIn =
  (network: Network): NameOf =>
  (account) =>
    network.names?.[account] ?? short(account)

/** The readable summary. */
export function summaryLines(
  result: NetworkResult,
  job: JobView,
  network: Network,
  transcripts: readonly Transcript[],
  terminal: Terminal,
): string[] {
  const drawn = result.losses.map((loss) => loss ?? Number.NaN)
  const line = (label: string, text: string): string => labelled(terminal, label, text)
  const lines = ['', ...curve(drawn, { width: Math.min(terminal.width, 100), unicode: terminal.unicode, first: 1 }), '']
  lines.push(
    line('loss', `${lossText(result.firstLoss)} -> ${lossText(result.finalLoss)} in ${count(result.steps)} steps`),
  )
  if (result.metrics) {
    const { loss, accuracy, records } = result.metrics
    const right = accuracy === undefined ? '' : `, accuracy ${percent(accuracy, 2)}`
    lines.push(line('held out', `loss ${figure(loss)}${right} on ${count(records)} records`))
  }
  const share = percent(result.segmentsSampled / Math.max(1, result.segmentsCommitted), 0)
  const seen = `${result.segmentsCommitted} entries committed, ${result.segmentsSampled} drawn (${share})`
  lines.push(line('verified', `${seen}: ${result.segmentsVerified} accepted, ${result.rejected} rejected`))
  lines.push(...disputeLines(result.disputes, terminal))
  if (result.windowsVoided > 0) {
    lines.push(
      line('rollback', `${result.windowsVoided} windows voided and trained again, ${result.epochs} plan epochs`),
    )
  }
  const end = result.settled ? paint(terminal, 'green', 'settled') : paint(terminal, 'red', result.phase)
  lines.push(line('job', `${end} in ${duration(result.seconds * 1000)}`), line('state', result.stateRoot ?? '-'))
  if (result.bytesSent !== null) lines.push(line('network', `${byteCount(result.bytesSent)} sent by the coordinator`))
  if (result.weights !== null) lines.push(line('weights', result.weights))
  lines.push(...arithmeticLines(transcripts, nameIn(network), terminal))
  lines.push('', 'ledger', ...ledgerTable(job, network, terminal))
  if (result.text !== null) lines.push('', 'text from the trained weights', printable(result.text, true))
  return lines
}

function lossText(loss: number | null): string {
  return loss === null ? '-' : figure(loss)
}
