/** `assay challenge JOB --window W --entry I`: challenges an entry from an account of one's own, and plays it to the end. */
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import { pino } from 'pino'
import { challengeEntry, standingOf } from '#app/client/challenge.ts'
import { networkOption, passwordOption, whole } from '#app/client/options.ts'
import { findJob, readJobs } from '#app/client/watch.ts'
import { type ComputeOptions, engineOptions } from '#app/commands/role.ts'
import { summaryOf } from '#app/dispute/list.ts'
import { transcriptLines } from '#app/dispute/text.ts'
import type { Transcript } from '#app/dispute/transcript.ts'
import { EXIT } from '#app/exit.ts'
import { interruptible } from '#app/interrupt.ts'
import { short } from '#app/terminal/format.ts'
import { givenPassphrase, passphraseFrom } from '#app/terminal/passphrase.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import type { Hex } from '#proto/terms.ts'
import { toJson } from '#runtime/json.ts'
import { describeKey, exists } from '#runtime/keys.ts'
import { type Network, readNetwork } from '#runtime/network.ts'
import { openNode, type RoleNode } from '#runtime/node.ts'
import { workerThreads } from '#runtime/session.ts'
import type { Shell } from '#runtime/shell.ts'

interface Options extends Pick<ComputeOptions, 'network' | 'passwordFile' | 'listen' | 'engine' | 'threads'> {
  readonly home?: string
  readonly window: number
  readonly entry: number
  readonly json?: boolean
}

/** Blocks that it leaves others for upkeep, as a whistleblower does. */
const GRACE = 80

export function define(command: Command): void {
  const uint32 = whole(0, 2 ** 32 - 1)
  engineOptions(passwordOption(networkOption(command.argument('<job>', 'job id, or its first digits'))))
    .requiredOption('--window <n>', 'window of the entry', uint32)
    .requiredOption('--entry <n>', 'number of the entry in its window', uint32)
    .option('--home <dir>', "folder of the account: key, database, blobs (default: the devnet's submitter)")
    .option('--listen <multiaddr...>', 'libp2p addresses to listen on (default: a free port of the loopback)')
    .option('--json', 'print one JSON object as the last line')
    .action((job: string, options: Options) => interruptible((signal) => challenge(job, options, signal)))
}

async function challenge(id: string, options: Options, signal: AbortSignal): Promise<void> {
  const network = await readNetwork(options.network)
  const { views, block } = await readJobs(network)
  const job = findJob(views, id)
  const target = { jobId: job.jobId, window: options.window, index: options.entry }
  const home = options.home ?? join(dirname(options.network), 'submitter')
  // What cannot be challenged is refused before anything is started.
  standingOf(job, target, await accountIn(home), block)
  const terminal = terminalOf(options.json ? process.stderr : process.stdout)
  const name = (account: string): string => network.names?.[account] ?? short(account)
  const tell = (line: string): void => terminal.write(`${line}\n`)
  const transcript = await withNode(network, home, options, signal, (node) => {
    const workers = workerThreads(node.store, options, node.signal)
    return challengeEntry(node, workers, target, { name, tell })
  })
  for (const line of ['', ...transcriptLines(transcript, { terminal, name })]) tell(line)
  if (options.json) process.stdout.write(`${toJson(summaryOf(transcript))}\n`)
  if (transcript.ruling !== 'Refuted') process.exitCode = EXIT.failedCheck
}

/** The account of a folder; none where its key is yet to be made. */
async function accountIn(home: string): Promise<Hex> {
  const file = join(home, 'key')
  const account = (await exists(file)) ? (await describeKey(file)).account : undefined
  return (account ?? '0x') as Hex
}

/** Runs `work` with a node of the account's folder; everything that it has opened is closed afterwards, the last first. */
async function withNode(
  network: Network,
  home: string,
  { listen, passwordFile }: Options,
  signal: AbortSignal,
  work: (node: RoleNode) => Promise<Transcript>,
): Promise<Transcript> {
  const controller = new AbortController()
  const closers: (() => Promise<void> | void)[] = []
  const shell: Shell = {
    log: pino({ level: process.env['ASSAY_LOG'] ?? 'silent' }, pino.destination({ dest: 2, sync: true })),
    signal: AbortSignal.any([signal, controller.signal]),
    stop: () => controller.abort(),
    onStop: (close) => void closers.push(close),
    ready: () => {},
  }
  try {
    const freshPassphrase = await givenPassphrase(passwordFile)
    const node = await openNode(shell, {
      ...{ role: 'whistleblower', home, network, grace: GRACE, passphrase: passphraseFrom(passwordFile) },
      ...(freshPassphrase === undefined ? {} : { freshPassphrase }),
      ...(listen && { listen }),
    })
    return await work(node)
  } finally {
    controller.abort()
    for (const close of closers.reverse()) await close()
  }
}
