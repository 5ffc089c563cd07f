/** `assay verify JOB|DIR`: an audit of a finished job from chain and blobs, or of pulled weights; nobody is asked anything. */
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { networkOption, whole } from '#app/client/options.ts'
import { EXIT } from '#app/exit.ts'
import { interruptible } from '#app/interrupt.ts'
import { labelled } from '#app/report.ts'
import { createProgress, type Progress } from '#app/terminal/progress.ts'
import { type Terminal, terminalOf } from '#app/terminal/terminal.ts'
import type { CheckResult } from '#app/verify/finding.ts'
import { BlobFolders } from '#app/verify/folders.ts'
import { auditJob } from '#app/verify/job.ts'
import { checkLines, verdictLines } from '#app/verify/report.ts'
import { openSource } from '#app/verify/source.ts'
import { auditWeights } from '#app/verify/weights.ts'
import { ENGINE_CHOICES, type ExactEngineName } from '#engine/conformance/exact.ts'
import { AssayError } from '#proto/errors.ts'
import type { Hex } from '#proto/terms.ts'

interface Options {
  readonly network: string
  readonly rpc?: string
  readonly contract?: Hex
  readonly blobs?: readonly string[]
  readonly all?: boolean
  readonly engine: ExactEngineName
  readonly threads: number
  readonly json?: boolean
}

export function define(command: Command): void {
  networkOption(command.argument('<job|dir>', 'job id, or its first digits; or the folder of pulled weights'))
    .option('--rpc <url>', "a node of the chain, instead of the network file's")
    .option('--contract <address>', 'the Assay contract, instead of a network file', address)
    .option('--blobs <dir...>', "folders of roles, or of a devnet (default: the network file's folder)")
    .option('--all', 'replay every step, not only what was sampled')
    .addOption(new Option('--engine <name>', 'engine that replays').choices(ENGINE_CHOICES).default('auto'))
    .option('--threads <n>', 'threads of the engine', whole(1, 256), 1)
    .option('--json', 'print one JSON object as the last line of the output; everything else goes to stderr')
    .action((subject: string, options: Options) =>
      interruptible(async (signal) => {
        const terminal = terminalOf(options.json ? process.stderr : process.stdout)
        const given = command.getOptionValueSource('network') !== 'default'
        const audit = (await isFolder(subject))
          ? verifyWeights(subject, options, given, terminal, signal)
          : verifyJob(subject, options, terminal, signal)
        const result = await audit.catch((error: unknown) => {
          throw signal.aborted ? new AssayError('cancelled', 'stopped before everything was checked') : error
        })
        if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
        if (!result.holds) process.exitCode = EXIT.failedCheck
        else if (result.missing.length > 0) process.exitCode = EXIT.notFound
      }),
    )
}

function address(text: string): Hex {
  const lower = text.toLowerCase()
  if (!/^0x[0-9a-f]{40}$/.test(lower)) throw new InvalidArgumentError('It must be 0x and 40 hexadecimal digits.')
  return lower as Hex
}

/** What `--json` prints. */
interface Result {
  readonly holds: boolean
  readonly missing: readonly string[]
  readonly checks: readonly CheckResult[]
}

/** Prints each check as it is made, and steps while something is replayed. */
class Screen {
  readonly #terminal: Terminal
  #before: CheckResult | undefined
  #progress: Progress | undefined

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  readonly onCheck = (result: CheckResult): void => {
    this.stop()
    for (const line of checkLines(result, this.#before, this.#terminal)) this.#terminal.write(`${line}\n`)
    this.#before = result
  }

  readonly onStep = (done: number, total: number): void => {
    this.#progress ??= createProgress(this.#terminal, { label: 'replaying', total })
    this.#progress.update(done)
  }

  stop(): void {
    this.#progress?.stop()
    this.#progress = undefined
  }
}

async function verifyJob(id: string, options: Options, terminal: Terminal, signal: AbortSignal): Promise<Result> {
  const screen = new Screen(terminal)
  const source = await openSource(options)
  try {
    const folders = await BlobFolders.open(options.blobs ?? (await ownFolder(options)))
    try {
      terminal.write(`${labelled(terminal, 'chain', `${source.chainId}, ${source.from}`)}\n`)
      terminal.write(`${labelled(terminal, 'blobs', `${folders.size} folders`)}\n\n`)
      const audit = await auditJob(source, folders, id, {
        all: options.all === true,
        engine: options.engine,
        threads: options.threads,
        signal,
        onCheck: screen.onCheck,
        onStep: screen.onStep,
      })
      const trusted = `that ${audit.blockHash} is block ${audit.block} of chain ${source.chainId}`
      for (const line of verdictLines({ subject: `job ${audit.job}`, trusted, ...audit }, terminal))
        terminal.write(`${line}\n`)
      return { holds: audit.checks.every(({ findings }) => findings.length === 0), ...audit }
    } finally {
      screen.stop()
      await folders.close()
    }
  } finally {
    await source.close()
  }
}

/** Weights are checked by themselves where no network is named and none is at hand. */
async function verifyWeights(
  folder: string,
  options: Options,
  given: boolean,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Result> {
  const screen = new Screen(terminal)
  const wanted = given || options.rpc !== undefined || options.contract !== undefined
  const source = wanted || (await isFile(options.network)) ? await openSource(options) : undefined
  try {
    const audit = await auditWeights(folder, source, signal, screen.onCheck)
    const trusted = source ? `the node at ${source.from}` : 'whoever gave you proof.json'
    for (const line of verdictLines({ subject: `the folder ${folder}`, trusted, ...audit }, terminal))
      terminal.write(`${line}\n`)
    return { holds: audit.checks.every(({ findings }) => findings.length === 0), ...audit }
  } finally {
    await source?.close()
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

/** The folder of the network file, if it is that of a devnet: its processes keep their blobs there. */
async function ownFolder({ network, contract }: Options): Promise<string[]> {
  const folder = dirname(network)
  return contract === undefined && (await isFile(join(folder, 'devnet.json'))) ? [folder] : []
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
