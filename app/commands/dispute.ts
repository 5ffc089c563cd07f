/** `assay dispute list|show|replay`: the disputes of a network, move by move, from its chain alone. */
import type { Command } from 'commander'
import { networkOption } from '#app/client/options.ts'
import { findJob, readJobs } from '#app/client/watch.ts'
import { named, onlyOne } from '#app/dispute/find.ts'
import { listLines, summaryOf } from '#app/dispute/list.ts'
import { type DisputeRecord, readDisputes } from '#app/dispute/record.ts'
import { replayOf } from '#app/dispute/replay.ts'
import { type NameOf, replayLines, transcriptLines } from '#app/dispute/text.ts'
import { transcriptOf } from '#app/dispute/transcript.ts'
import { EXIT } from '#app/exit.ts'
import { interruptible } from '#app/interrupt.ts'
import { short } from '#app/terminal/format.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { openChain } from '#contracts/chain.ts'
import { AssayError } from '#proto/errors.ts'
import { toJson } from '#runtime/json.ts'
import { type Network, readNetwork } from '#runtime/network.ts'

interface Options {
  readonly network: string
  readonly json?: boolean
}

/** How long the chain may take to answer at first, ms. */
const OPEN_MS = 3_000

export function define(command: Command): void {
  command.exitOverride()
  const sub = (name: string, summary: string): Command =>
    networkOption(command.command(name).description(summary).exitOverride()).option('--json', 'print one JSON value')
  sub('list', 'list the disputes of a network, or of a job')
    .argument('[job]', 'job id, or its first digits')
    .action((job: string | undefined, options: Options) => interruptible((signal) => list(job, options, signal)))
  sub('show', 'show how a dispute was narrowed down to what the chain decided')
    .argument('<id>', 'entry hash or claim id of the dispute, or the first eight digits or more')
    .option('--moves', 'a line for each move, not for each list')
    .action((id: string, options: Options & { moves?: boolean }) =>
      interruptible((signal) => show(id, options, signal)),
    )
  sub('replay', 'play the games of a dispute again on this machine, and compare with the chain')
    .argument('<id>', 'entry hash or claim id of the dispute, or the first eight digits or more')
    .action((id: string, options: Options) => interruptible((signal) => replay(id, options, signal)))
}

const nameIn =
  ({ names }: Network): NameOf =>
  (account) =>
    names?.[account] ?? short(account)

async function list(job: string | undefined, options: Options, signal: AbortSignal): Promise<void> {
  const network = await readNetwork(options.network)
  const wanted = job === undefined ? undefined : findJob((await readJobs(network)).views, job).jobId
  const records = await recordsOf(network, (opened) => wanted === undefined || opened.jobId === wanted, signal)
  const transcripts = records.map(transcriptOf)
  if (options.json) {
    process.stdout.write(`${toJson(transcripts.map(summaryOf))}\n`)
    return
  }
  const terminal = terminalOf(process.stdout)
  const lines =
    transcripts.length === 0
      ? ['no disputes: nobody has challenged an entry']
      : listLines(transcripts, nameIn(network), terminal)
  for (const line of lines) terminal.write(`${line}\n`)
}

async function show(id: string, options: Options & { moves?: boolean }, signal: AbortSignal): Promise<void> {
  const network = await readNetwork(options.network)
  const transcript = transcriptOf(onlyOne(await recordsOf(network, named(id), signal), id))
  if (options.json) {
    process.stdout.write(`${toJson(transcript)}\n`)
    return
  }
  const terminal = terminalOf(process.stdout)
  const how = { terminal, name: nameIn(network), moves: options.moves === true }
  for (const line of transcriptLines(transcript, how)) terminal.write(`${line}\n`)
}

async function replay(id: string, options: Options, signal: AbortSignal): Promise<void> {
  const network = await readNetwork(options.network)
  const result = replayOf(onlyOne(await recordsOf(network, named(id), signal), id))
  if (options.json) process.stdout.write(`${toJson(result)}\n`)
  else for (const line of replayLines(result, nameIn(network))) process.stdout.write(`${line}\n`)
  if (result.difference !== null) process.exitCode = EXIT.failedCheck
}

async function recordsOf(
  network: Network,
  wanted: Parameters<typeof readDisputes>[2],
  signal: AbortSignal,
): Promise<DisputeRecord[]> {
  const provider = await openChain(network.rpc, OPEN_MS)
  try {
    return await readDisputes(provider, network.contracts, wanted, signal)
  } catch (error) {
    throw signal.aborted ? new AssayError('cancelled', 'stopped before everything was read', { cause: error }) : error
  } finally {
    provider.destroy()
  }
}
