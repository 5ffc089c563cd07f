/** `assay cancel JOB`: ends a job as early as the work already done allows, and gets the rest of its escrow back. */
import type { Command } from 'commander'
import { formatEther } from 'ethers'
import { withAccount } from '#app/client/account.ts'
import { networkOption, passwordOption, submitterKey } from '#app/client/options.ts'
import { labelled } from '#app/report.ts'
import { plural } from '#app/terminal/format.ts'
import { passphraseFrom } from '#app/terminal/passphrase.ts'
import { type Terminal, terminalOf } from '#app/terminal/terminal.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import { isContractError } from '#contracts/errors.ts'
import { AssayError } from '#proto/errors.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { windowSteps } from '#proto/windows.ts'
import { readNetwork } from '#runtime/network.ts'

interface Options {
  readonly network: string
  readonly key?: string
  readonly passwordFile?: string
  readonly json?: boolean
}

/** How a cancelled job stands. */
interface Cancelled {
  readonly job: string
  /** `training` while windows that are paid for are still worked on or judged; otherwise the job has ended. */
  readonly phase: 'training' | 'settled' | 'cancelled'
  /** Windows after which the job ends, and the steps they hold. */
  readonly windows: number
  readonly steps: number
  /** Wei that came back with the transaction. */
  readonly refund: string
}

export function define(command: Command): void {
  passwordOption(networkOption(command.argument('<job>', 'job id, or its first digits')))
    .option('--key <file>', "account secret of the submitter (default: the devnet's)")
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: Options) => {
      const network = await readNetwork(options.network)
      const key = options.key ?? submitterKey(options.network)
      const passphrase = passphraseFrom(options.passwordFile)
      const result = await withAccount(network, key, passphrase, async ({ sender, job }) => {
        const view = await job(id)
        return cancelled(view, (await sender.cancel(view.jobId).catch(explained)).events)
      })
      if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
      else report(result, terminalOf(process.stdout))
    })
}

/** The contract's refusals in a submitter's words. */
function explained(error: unknown): never {
  if (isContractError(error, 'NothingToCancel')) {
    throw new AssayError('wrong-state', 'every window that is left is committed or under way', {
      next: 'The job ends by itself soon: assay watch.',
      cause: error,
    })
  }
  if (isContractError(error, 'NotAuthorized')) {
    throw new AssayError('bad-input', 'only the account that submitted the job can cancel it', {
      next: 'Name its key with --key.',
      cause: error,
    })
  }
  if (isContractError(error, 'WrongPhase')) {
    throw new AssayError('wrong-state', 'the job has ended', { next: 'See assay status.', cause: error })
  }
  throw error
}

function cancelled(view: JobView, events: readonly ChainEvent[]): Cancelled {
  const names = events.map(({ name }) => name)
  const shortened = events.find((event) => event.name === 'JobShortened')
  const windows = shortened?.totalWindows ?? 0
  const refund = events.reduce(
    (sum, event) => (event.name === 'Ledger' && event.reason === 'Refund' ? sum + event.amount : sum),
    0n,
  )
  return {
    job: view.jobId,
    phase: names.includes('JobCancelled') ? 'cancelled' : names.includes('JobSettled') ? 'settled' : 'training',
    windows,
    steps: windows === 0 ? 0 : windowSteps(view.terms, windows - 1).to,
    refund: refund.toString(),
  }
}

function report({ phase, windows, steps, refund }: Cancelled, terminal: Terminal): void {
  const after = `${plural(windows, 'window')}, ${plural(steps, 'step')}`
  const lines: [string, string][] =
    phase === 'training'
      ? [
          ['cancelled', `the job ends after ${after}: what is committed or under way is judged and paid`],
          ['refund', 'the rest of the escrow comes back with the last window'],
        ]
      : [
          ['cancelled', phase === 'settled' ? `the job has settled after ${after}` : 'the job has ended untrained'],
          ['refund', `${formatEther(refund)} ether to the account's balance in the contract`],
        ]
  for (const [label, text] of lines) terminal.write(`${labelled(terminal, label, text)}\n`)
}
