/** `assay plan FILE`: who would take which part of a job, how long a step would take, and why no other grid. */
import { availableParallelism } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { whole } from '#app/client/options.ts'
import { loadJob } from '#app/job/load.ts'
import { type Assumed, biddersOf, bytesOf, likeThis, readBidders } from '#app/plan/bidders.ts'
import { measureRates, readRates, saveRates } from '#app/plan/rates.ts'
import { type PlanResult, resultOf } from '#app/plan/result.ts'
import { describePlan } from '#app/plan/text.ts'
import { describeJob } from '#app/report.ts'
import { plural } from '#app/terminal/format.ts'
import { type Terminal, terminalOf } from '#app/terminal/terminal.ts'
import { ENGINE_CHOICES, type ExactEngineName } from '#engine/conformance/exact.ts'
import { MAX_BIDDERS } from '#graph/plan/bidder.ts'
import { MAX_PLAN_STAGES, planner } from '#graph/plan/choose.ts'
import type { Rates } from '#runtime/speed/rates.ts'

interface Options extends Assumed {
  readonly bidders?: string
  readonly likeThis?: number
  readonly replicas?: number
  readonly stages?: number
  readonly rates?: string
  readonly saveRates?: string
  readonly engine: ExactEngineName
  readonly threads: number
  readonly data?: string
  readonly explain?: boolean
  readonly json?: boolean
}

const DEFAULT_BIDDERS = 4
/** More threads than this rarely pay before somebody asks for them. */
const DEFAULT_THREADS = 4

function memory(text: string): number {
  return bytesOf(text) ?? invalid('It must be a number of bytes, or text such as 512MiB.')
}

function invalid(message: string): never {
  throw new InvalidArgumentError(message)
}

/** Parses a decimal number of a range. */
function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    const isNumber = /^\d{1,12}(\.\d{1,9})?$/.test(text)
    return isNumber && value >= min && value <= max ? value : invalid(`It must be a number from ${min} to ${max}.`)
  }
}

export function define(command: Command): void {
  command
    .argument('<file>', 'job file, YAML or JSON (docs/job-file.md)')
    .option('--bidders <file>', 'list of bidders, YAML or JSON (docs/cli.md)')
    .option(
      '--like-this <n>',
      `so many bidders like this machine (default without --bidders: ${DEFAULT_BIDDERS})`,
      whole(1, MAX_BIDDERS),
    )
    .option('--replicas <n>', 'only plans of so many replicas, a power of two', whole(1, 256))
    .option('--stages <n>', 'only plans of so many stages', whole(1, MAX_PLAN_STAGES))
    .addOption(
      new Option('--memory <bytes>', 'of each bidder that states none: 512MiB, 2GiB')
        .argParser(memory)
        .default(process.availableMemory(), 'what is free here'),
    )
    .option('--rate <mbit>', 'of its link in each direction, in Mbit/s', decimal(0.001, 1e7), 100)
    .option('--latency <ms>', 'of its link one way, in milliseconds', decimal(0, 60_000), 20)
    .option('--explain', 'say of every grid that was considered how long a step takes, and why it was not chosen')
    .option('--rates <file>', 'calibration to use instead of measuring this machine')
    .option('--save-rates <file>', 'write the calibration of this machine, for a file of bidders elsewhere')
    .addOption(new Option('--engine <name>', 'engine to measure').choices(ENGINE_CHOICES).default('auto'))
    .option('--threads <n>', 'threads of it', whole(1, 256), Math.min(availableParallelism(), DEFAULT_THREADS))
    .option('--data <path>', 'data file to use instead of the one that the job names')
    .option('--json', 'print one JSON object as the last line of the output; everything else goes to stderr')
    .action(async (file: string, options: Options) => {
      const terminal = terminalOf(options.json ? process.stderr : process.stdout)
      const result = await plan(file, options, terminal)
      if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    })
}

async function plan(file: string, options: Options, terminal: Terminal): Promise<PlanResult> {
  const job = await loadJob(file, { dataPath: options.data })
  for (const line of describeJob(job, terminal)) terminal.write(`${line}\n`)
  const stated = options.bidders === undefined ? [] : await readBidders(options.bidders, options)
  const like = options.likeThis ?? (options.bidders === undefined ? DEFAULT_BIDDERS : 0)
  const here = machine(options, terminal)
  if (options.saveRates !== undefined) await saveRates(options.saveRates, await here())
  const bidders = await biddersOf(job.program, [...stated, ...likeThis(like, options)], here)
  terminal.write(`planning for ${plural(bidders.length, 'bidder')}\n`)
  const choice = planner(job.program, job.spec)(bidders, options)
  const result = resultOf(job, bidders.length, choice)
  for (const line of describePlan(result, terminal, options.explain ?? false)) terminal.write(`${line}\n`)
  return result
}

/** The rates of this machine: measured when first asked for. */
function machine({ rates, engine, threads }: Options, terminal: Terminal): () => Promise<Rates> {
  let known: Promise<Rates> | undefined
  const find = async (): Promise<Rates> => {
    if (rates !== undefined) return await readRates(rates)
    terminal.write(`measuring this machine with ${plural(threads, 'thread')}, about two seconds\n`)
    return await measureRates(engine, threads)
  }
  return () => {
    known ??= find()
    return known
  }
}
