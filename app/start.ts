/** `npm start`: the main job, end to end: a devnet, a job, its verification and settlement, a summary. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, Option } from 'commander'
import { disputesOf } from '#app/client/disputes.ts'
import { finishJob } from '#app/client/finish.ts'
import { followJob } from '#app/client/follow.ts'
import { whole } from '#app/client/options.ts'
import { submitJob } from '#app/client/submit.ts'
import { type NetworkResult, resultOf, summaryLines } from '#app/client/summary.ts'
import { DEVNET_DEFAULTS, type Devnet, LIARS, type LiarRole, startDevnet } from '#app/devnet/devnet.ts'
import { checkFolder } from '#app/devnet/folder.ts'
import { supervised } from '#app/devnet/supervise.ts'
import { EXIT, errorReport, exitCodeOf, printError } from '#app/exit.ts'
import { interruptedCode, interruptible } from '#app/interrupt.ts'
import { type LoadedJob, loadJob } from '#app/job/load.ts'
import { describeJob } from '#app/report.ts'
import { short } from '#app/terminal/format.ts'
import { paint, type Terminal, terminalOf } from '#app/terminal/terminal.ts'
import { PRESETS, type Preset } from '#proto/presets.ts'

interface Options {
  readonly data?: string
  readonly job?: string
  readonly liar?: LiarRole
  readonly keep?: string
  readonly solvers: number
  readonly json?: boolean
  readonly verbose?: boolean
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DEFAULT_JOB = join(ROOT, 'examples', 'start.yaml')

const command = new Command('npm start --')
  .description('Trains a model on a network of processes on this machine, verifies it, settles it on a chain.')
  .option('--data <file>', "text to train on instead of the project's own")
  .option('--job <file>', 'another job file than the default one')
  .addOption(
    new Option('--liar <role>', 'let processes of this role cheat; a verifier together with a solver').choices(LIARS),
  )
  .option('--keep <dir>', "keep the network's folder here: chain state, blobs, logs, weights")
  .option('--solvers <n>', 'solver processes', whole(1, 8), DEVNET_DEFAULTS.solvers)
  .option('--json', 'print one JSON object as the last line of the output; everything else goes to stderr')
  .option('--verbose', 'print the stack and the causes of an error')
  .exitOverride()
  .action((options: Options) => interruptible((signal) => run(options, signal)))

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const terminal = terminalOf(options.json ? process.stderr : process.stdout)
  const folder = options.keep ? resolve(options.keep) : await mkdtemp(join(tmpdir(), 'assay-'))
  let devnet: Devnet | undefined
  try {
    await checkFolder(folder)
    await mkdir(folder, { recursive: true })
    const data = options.data ?? (options.job ? undefined : await ownText(folder))
    const job = await loadJob(options.job ?? DEFAULT_JOB, { dataPath: data, signal })
    for (const line of describeJob(job, terminal)) terminal.write(`${line}\n`)
    const { solvers, liar } = options
    const up = ({ name }: { name: string }): void => terminal.write(`${paint(terminal, 'green', 'up')} ${name}\n`)
    devnet = await startDevnet({ ...DEVNET_DEFAULTS, solvers, liar, folder }, up, signal)
    const network = devnet
    const result = await supervised(network.group, terminal, signal, (until) =>
      train(network, job, options, terminal, until),
    )
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    if (!result.settled) process.exitCode = EXIT.unsettled
  } finally {
    await devnet?.stop()
    if (!options.keep) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Where verifiers lie the whistleblower replays every entry: it needs the time. */
const WATCHFUL: Preset = {
  ...PRESETS.devnet,
  periods: { ...PRESETS.devnet.periods, challengePeriod: 6 * PRESETS.devnet.periods.challengePeriod },
}

async function train(
  { network, folder, submitterKey }: Devnet,
  job: LoadedJob,
  options: Options,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<NetworkResult> {
  const started = performance.now()
  const preset = options.liar === 'verifier' ? WATCHFUL : PRESETS.devnet
  const { jobId } = await submitJob(network, job, submitterKey, preset, signal)
  terminal.write(`\nsubmitted ${short(jobId)}: bidding, then training\n`)
  const sight = await followJob(network, jobId, terminal, signal)
  const seconds = (performance.now() - started) / 1000
  const weights = options.keep ? join(folder, 'weights') : resolve('.assay', 'weights', short(jobId))
  const done =
    sight.job.phase === 'settled'
      ? await finishJob(network, sight.job, weights, signal)
      : { weights: null, metrics: null, text: null }
  const transcripts = await disputesOf(network, sight.job, signal)
  const result = resultOf(sight, network, transcripts, { ...done, seconds, bytesSent: await bytesSent(network.api) })
  for (const line of summaryLines(result, sight.job, network, transcripts, terminal)) terminal.write(`${line}\n`)
  return result
}

/** Bytes that the coordinator sent; null if it does not say. */
async function bytesSent(api: string): Promise<number | null> {
  try {
    const stats = (await (await fetch(new URL('/stats', api))).json()) as { bytesSent?: number }
    return stats.bytesSent ?? null
  } catch {
    return null
  }
}

/** The project's own text - its documents, in the order of their paths - as one file. */
async function ownText(folder: string): Promise<string> {
  const documents = await readdir(join(ROOT, 'docs'), { recursive: true })
  const names = [...(await readdir(ROOT)), ...documents.map((name) => join('docs', name))]
    .filter((name) => name.endsWith('.md'))
    .sort()
  const texts = await Promise.all(names.map((name) => readFile(join(ROOT, name), 'utf8')))
  const file = join(folder, 'text.txt')
  await writeFile(file, texts.join('\n'))
  return file
}

try {
  await command.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage
  } else {
    printError(terminalOf(process.stderr), error, process.argv.includes('--verbose'))
    if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(errorReport(error))}\n`)
    process.exitCode = interruptedCode() ?? exitCodeOf(error)
  }
}
