/** `assay dispute list|show|replay`: the disputes of a network, move by move, from its chain alone. */
import type { Command } from 'commander'
import { networkOption } from '#app/client/options.ts'
import { findJob } from '#app/client/watch.ts'
import { named, onlyOne } from '#app/dispute/find.ts'
import { listLines, summaryOf } from '#app/dispute/list.ts'
import { type DisputeRecord, readDisputes, type Wanted } from '#app/dispute/record.ts'
import { replayOf } from '#app/dispute/replay.ts'
import { type NameOf, replayLines, transcriptLines } from '#app/dispute/text.ts'
import { transcriptOf } from '#app/dispute/transcript.ts'
import { EXIT } from '#app/exit.ts'
import { interruptible } from '#app/interrupt.ts'
import { short } from '#app/terminal/format.ts'
import { type Terminal, terminalOf } from '#app/terminal/terminal.ts'
import { type ChainSource, openSource } from '#app/verify/source.ts'
import { AssayReader } from '#contracts/reader.ts'
import { AssayError } from '#proto/errors.ts'
import type { Hex } from '#proto/terms.ts'
import { JobBook } from '#runtime/book.ts'
import { toJson } from '#runtime/json.ts'

interface Options {
  readonly network: string
  readonly rpc?: string
  readonly json?: boolean
}

const ID = 'entry hash or claim id of the dispute, or its first eight digits or more'

export function define(command: Command): void {
  const sub = (name: string, summary: string): Command =>
    networkOption(command.command(name).description(summary).exitOverride())
      .option('--rpc <url>', "a node of the chain, instead of the network file's")
      .option('--json', 'print one JSON value')
      .option('--verbose', 'print the stack and the causes of an error')
  sub('list', 'list the disputes of a network, or of a job')
    .argument('[job]', 'job id, or its first digits')
    .action((job: string | undefined, options: Options) => at(options, (chain) => list(chain, job, options)))
  sub('show', 'show how a dispute was narrowed down to what the chain decided')
    .argument('<id>', ID)
    .option('--moves', 'a line for each move, not for each list')
    .action((id: string, options: Options & { moves?: boolean }) => at(options, (chain) => show(chain, id, options)))
  sub('replay', 'play the games of a dispute again on this machine, and compare with the chain')
    .argument('<id>', ID)
    .action((id: string, options: Options) => at(options, (chain) => replay(chain, id, options)))
}

/** The chain of a command, and what accounts are called there. */
interface Chain {
  readonly source: ChainSource
  readonly name: NameOf
  readonly terminal: Terminal
  records(wanted?: Wanted): Promise<DisputeRecord[]>
}

/** Runs `work` at the chain of a network; at a copy of what it kept, if that is a devnet's and its node is gone. */
function at(options: Options, work: (chain: Chain) => Promise<void>): Promise<void> {
  return interruptible(async (signal) => {
    const source = await openSource(options)
    const name = (account: string): string => source.names[account] ?? short(account)
    const records = (wanted?: Wanted): Promise<DisputeRecord[]> =>
      readDisputes(source.provider, source.deployment, wanted, signal)
    try {
      await work({ source, name, terminal: terminalOf(process.stdout), records })
    } catch (error) {
      throw signal.aborted ? new AssayError('cancelled', 'stopped before everything was read') : error
    } finally {
      await source.close()
    }
  })
}

async function list(chain: Chain, job: string | undefined, { json }: Options): Promise<void> {
  const wanted = job === undefined ? undefined : await jobNamed(chain, job)
  const records = await chain.records((opened) => wanted === undefined || opened.jobId === wanted)
  const transcripts = records.map(transcriptOf)
  if (json) process.stdout.write(`${toJson(transcripts.map(summaryOf))}\n`)
  else if (transcripts.length === 0) chain.terminal.write('no disputes: nobody has challenged an entry\n')
  else for (const line of listLines(transcripts, chain.name, chain.terminal)) chain.terminal.write(`${line}\n`)
}

/** @throws AssayError `not-found`, `bad-input` */
async function jobNamed({ source: { provider, deployment } }: Chain, id: string): Promise<Hex> {
  const reader = new AssayReader(provider, deployment)
  const book = new JobBook()
  const block = await reader.blockNumber()
  book.apply(await reader.events(deployment.fromBlock, block), block)
  return findJob(book.views, id).jobId
}

async function show(chain: Chain, id: string, { json, moves }: Options & { moves?: boolean }): Promise<void> {
  const transcript = transcriptOf(onlyOne(await chain.records(named(id)), id))
  if (json) {
    process.stdout.write(`${toJson(transcript)}\n`)
    return
  }
  const { terminal, name } = chain
  for (const line of transcriptLines(transcript, { terminal, name, moves: moves === true })) terminal.write(`${line}\n`)
}

async function replay(chain: Chain, id: string, { json }: Options): Promise<void> {
  const result = replayOf(onlyOne(await chain.records(named(id)), id))
  if (json) process.stdout.write(`${toJson(result)}\n`)
  else for (const line of replayLines(result, chain.name)) chain.terminal.write(`${line}\n`)
  if (result.difference !== null) process.exitCode = EXIT.failedCheck
}
