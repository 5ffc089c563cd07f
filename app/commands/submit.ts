/** `assay submit FILE`: puts a job on a network. */
import { type Command, Option } from 'commander'
import { formatEther } from 'ethers'
import { networkOption, passwordOption, submitterKey, whole } from '#app/client/options.ts'
import { consent, readersNotice } from '#app/client/readers.ts'
import { submitJob } from '#app/client/submit.ts'
import { interruptible } from '#app/interrupt.ts'
import { loadJob } from '#app/job/load.ts'
import { describeJob, labelled } from '#app/report.ts'
import { passphraseFrom } from '#app/terminal/passphrase.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { toHex } from '#proto/bytes.ts'
import { PRESETS, type PresetName } from '#proto/presets.ts'
import { windowCount } from '#proto/windows.ts'
import { readNetwork } from '#runtime/network.ts'

interface Options {
  readonly network: string
  readonly key?: string
  readonly passwordFile?: string
  readonly data?: string
  readonly preset: PresetName
  readonly windows?: number
  readonly yes?: boolean
  readonly json?: boolean
}

export function define(command: Command): void {
  passwordOption(networkOption(command.argument('<file>', 'job file, YAML or JSON (docs/job-file.md)')))
    .option('--key <file>', "account secret of the submitter (default: the devnet's)")
    .option('--data <path>', 'data file to use instead of the one that the job names')
    .addOption(new Option('--preset <name>', 'prices and periods').choices(Object.keys(PRESETS)).default('devnet'))
    .option('--windows <n>', 'pay for the first windows only; assay topup pays for more', whole(1, 2 ** 32 - 1))
    .option('--yes', 'consent to everyone reading the data; otherwise a terminal asks, unless it is a devnet')
    .option('--json', 'print one JSON object as the last line')
    .action((file: string, options: Options) => interruptible((signal) => run(file, options, signal)))
}

async function run(file: string, options: Options, signal: AbortSignal): Promise<void> {
  const terminal = terminalOf(options.json ? process.stderr : process.stdout)
  const network = await readNetwork(options.network)
  const job = await loadJob(file, { dataPath: options.data, signal })
  for (const line of [...describeJob(job, terminal), ...readersNotice(terminal)]) terminal.write(`${line}\n`)
  await consent(network, options.yes === true, !options.json && process.stdin.isTTY === true)
  const key = options.key ?? submitterKey(options.network)
  const { jobId, escrow, terms } = await submitJob(network, job, key, PRESETS[options.preset], signal, {
    passphrase: passphraseFrom(options.passwordFile),
    windows: options.windows,
  })
  const all = windowCount(terms)
  const paid = Math.min(options.windows ?? all, all)
  const share = paid < all ? `for ${paid} of ${all} windows: assay topup pays for more` : 'what is unused comes back'
  terminal.write(`${labelled(terminal, 'escrow', `${formatEther(escrow)} ether; ${share}`)}\n`)
  terminal.write(
    `${labelled(terminal, 'submitted', jobId)}\n${labelled(terminal, 'next', `npx assay watch ${jobId.slice(0, 10)}`)}\n`,
  )
  const result = { job: jobId, specHash: toHex(job.specHash), escrow: escrow.toString(), windows: paid }
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
}
