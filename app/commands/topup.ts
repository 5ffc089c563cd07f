/** `assay topup JOB`: pays for further windows of a job, and gives it more time. */
import { type Command, InvalidArgumentError } from 'commander'
import { formatEther, parseEther } from 'ethers'
import { withAccount } from '#app/client/account.ts'
import { networkOption, passwordOption, submitterKey, whole } from '#app/client/options.ts'
import { labelled } from '#app/report.ts'
import { passphraseFrom } from '#app/terminal/passphrase.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { isContractError } from '#contracts/errors.ts'
import { AssayError, check } from '#proto/errors.ts'
import { fundedWindows, type JobView } from '#proto/machines/job-view.ts'
import { escrowFor } from '#proto/terms.ts'
import { hasEnded } from '#runtime/book.ts'
import { readNetwork } from '#runtime/network.ts'

interface Options {
  readonly network: string
  readonly key?: string
  readonly passwordFile?: string
  readonly ether?: bigint
  readonly windows?: number
  readonly blocks: number
  readonly json?: boolean
}

export function define(command: Command): void {
  passwordOption(networkOption(command.argument('<job>', 'job id, or its first digits')))
    .option('--key <file>', "account secret of who pays (default: the devnet's submitter)")
    .option('--ether <amount>', 'this much (default: what the job still lacks to its end)', ether)
    .option('--windows <n>', 'as much as this many further windows lack', whole(1, 2 ** 32 - 1))
    .option('--blocks <n>', "move the job's deadline by so many blocks; the submitter alone", whole(0, 2 ** 32 - 1), 0)
    .option('--json', 'print one JSON object')
    .action((id: string, options: Options) => run(id, options))
}

function ether(text: string): bigint {
  try {
    const value = parseEther(text)
    if (value > 0n) return value
  } catch {
    // said below
  }
  throw new InvalidArgumentError('It must be an amount of ether such as 0.5.')
}

async function run(id: string, options: Options): Promise<void> {
  const network = await readNetwork(options.network)
  const key = options.key ?? submitterKey(options.network)
  const passphrase = passphraseFrom(options.passwordFile)
  const result = await withAccount(network, key, passphrase, async ({ sender, job }) => {
    const view = await job(id)
    const amount = options.ether ?? lacking(view, options.windows)
    check(!hasEnded(view), 'wrong-state', 'the job has ended', { next: 'See assay status.' })
    check(amount > 0n || options.blocks > 0, 'bad-input', 'the job is paid for to its end', {
      next: 'Give it more time with --blocks, or name an amount with --ether.',
    })
    const { events } = await sender.topUp(view.jobId, amount, options.blocks).catch(explained)
    const event = events.find(({ name }) => name === 'JobToppedUp')
    const after = { ...view, escrow: view.escrow + amount }
    const deadline = event?.name === 'JobToppedUp' ? event.deadline : view.deadline
    return { job: view.jobId, paid: amount, escrow: after.escrow, lacking: lacking(after), deadline }
  })
  if (options.json) {
    const wei = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)
    process.stdout.write(`${JSON.stringify(result, wei)}\n`)
    return
  }
  const terminal = terminalOf(process.stdout)
  const rest = result.lacking > 0n ? `${formatEther(result.lacking)} ether lack to the end` : 'paid for to the end'
  terminal.write(`${labelled(terminal, 'paid', `${formatEther(result.paid)} ether; ${rest}`)}\n`)
  terminal.write(`${labelled(terminal, 'deadline', `block ${result.deadline}`)}\n`)
}

/** Wei that a job lacks for all its windows, or for so many beyond those that are paid for. */
function lacking(job: JobView, more?: number): bigint {
  const to = more === undefined ? job.totalWindows : Math.min(job.totalWindows, fundedWindows(job) + more)
  const missing = escrowFor(job.terms, job.finalWindows, to) - job.escrow
  return missing > 0n ? missing : 0n
}

/** The contract's refusals in a payer's words. */
function explained(error: unknown): never {
  if (isContractError(error, 'TooLate')) {
    throw new AssayError('bad-input', `a job's deadline is block ${String(error.args.until)} at the latest`, {
      next: 'Ask for fewer blocks: a deadline moves to twice the period that the job was registered with.',
      cause: error,
    })
  }
  if (isContractError(error, 'NotAuthorized')) {
    throw new AssayError('bad-input', 'only the account that submitted the job can move its deadline', {
      next: 'Name its key with --key, or pay without --blocks.',
      cause: error,
    })
  }
  throw error
}
