/** The disputes of a job as its summary shows them: each decided game in figures, and how the chain came to compute one block. */
import { figuresOf, type GameFigures } from '#app/dispute/figures.ts'
import { readDisputes } from '#app/dispute/record.ts'
import { type NameOf, transcriptLines } from '#app/dispute/text.ts'
import { type Transcript, transcriptOf } from '#app/dispute/transcript.ts'
import { labelled } from '#app/report.ts'
import { count, plural } from '#app/terminal/format.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'
import { openChain } from '#contracts/chain.ts'
import type { Ruling } from '#proto/machines/events.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Network } from '#runtime/network.ts'

/** A decided game of a dispute. */
export interface DisputeRow extends GameFigures {
  /** Hash of the disputed entry, and its place. */
  readonly entry: string
  readonly window: number | null
  readonly index: number | null
  /** Who signed it. */
  readonly solver: string
  /** What became of the claim. */
  readonly ruling: Ruling
}

/** Transcripts of all disputes of a job. @throws AssayError `chain` */
export async function disputesOf(network: Network, job: JobView, signal: AbortSignal): Promise<Transcript[]> {
  if (job.disputes.size === 0) return []
  const provider = await openChain(network.rpc)
  try {
    const records = await readDisputes(provider, network.contracts, ({ jobId }) => jobId === job.jobId, signal)
    return records.map(transcriptOf)
  } finally {
    provider.destroy()
  }
}

export function disputeRows(transcripts: readonly Transcript[], name: NameOf): DisputeRow[] {
  return transcripts.flatMap((transcript) => {
    const { entryHash: entry, window, index, ruling, seats } = transcript
    const solver = name(seats[0]?.account ?? '')
    return figuresOf([transcript]).map((figures) => ({ entry, window, index, solver, ruling, ...figures }))
  })
}

/** A line for each game. */
export function disputeLines(rows: readonly DisputeRow[], terminal: Terminal): string[] {
  return rows.map(({ solver, window, index, ruling, winner, loser, level, rounds, gas }) => {
    const verdict = ruling === 'Refuted' ? paint(terminal, 'red', 'refuted, slashed') : ruling.toLowerCase()
    const game = `${winner} beat ${loser} at the level ${level}, ${plural(rounds, 'round')}, ${count(gas)} gas`
    return labelled(terminal, 'dispute', `${solver}, entry ${index} of window ${window}: ${verdict}; ${game}`)
  })
}

/** The whole transcript of the first dispute in which the chain computed the operation itself, and how to see the others. */
export function arithmeticLines(transcripts: readonly Transcript[], name: NameOf, terminal: Terminal): string[] {
  const [first] = transcripts.filter((transcript) =>
    figuresOf([transcript]).some(({ level }) => level === 'arithmetic'),
  )
  if (first === undefined) return []
  const lines = ['', ...transcriptLines(first, { terminal, name })]
  if (transcripts.length > 1)
    lines.push('', 'The others are told by `npx assay dispute list` and `npx assay dispute show ID`.')
  return lines
}
