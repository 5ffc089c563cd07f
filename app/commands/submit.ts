/** `assay submit FILE`: puts a job on a network. */
import { type Command, Option } from 'commander'
import { formatEther } from 'ethers'
import { networkOption, submitterKey } from '#app/client/options.ts'
import { submitJob } from '#app/client/submit.ts'
import { interruptible } from '#app/interrupt.ts'
import { loadJob } from '#app/job/load.ts'
import { describeJob, labelled } from '#app/report.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { toHex } from '#proto/bytes.ts'
import { PRESETS, type PresetName } from '#proto/presets.ts'
import { readNetwork } from '#runtime/network.ts'

interface Options {
  readonly network: string
  readonly key?: string
  readonly data?: string
  readonly preset: PresetName
  readonly json?: boolean
}

export function define(command: Command): void {
  networkOption(command.argument('<file>', 'job file, YAML or JSON (docs/job-file.md)'))
    .option('--key <file>', "account secret of the submitter (default: the devnet's)")
    .option('--data <path>', 'data file to use instead of the one that the job names')
    .addOption(new Option('--preset <name>', 'prices and periods').choices(Object.keys(PRESETS)).default('devnet'))
    .option('--json', 'print one JSON object as the last line')
    .action((file: string, options: Options) => interruptible((signal) => run(file, options, signal)))
}

async function run(file: string, options: Options, signal: AbortSignal): Promise<void> {
  const terminal = terminalOf(options.json ? process.stderr : process.stdout)
  const network = await readNetwork(options.network)
  const job = await loadJob(file, { dataPath: options.data, signal })
  for (const line of describeJob(job, terminal)) terminal.write(`${line}\n`)
  terminal.write(
    `${labelled(terminal, 'note', 'solvers and verifiers of the network can read the job and its data')}\n`,
  )
  const key = options.key ?? submitterKey(options.network)
  const { jobId, escrow } = await submitJob(network, job, key, PRESETS[options.preset], signal)
  terminal.write(`${labelled(terminal, 'escrow', `${formatEther(escrow)} ether; what is unused comes back`)}\n`)
  terminal.write(
    `${labelled(terminal, 'submitted', jobId)}\n${labelled(terminal, 'next', `npx assay watch ${jobId.slice(0, 10)}`)}\n`,
  )
  const result = { job: jobId, specHash: toHex(job.specHash), escrow: escrow.toString() }
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
}
