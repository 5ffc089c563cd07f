/** `assay whistleblower`: audits what verifiers accepted, and challenges what is false. */
import type { Command } from 'commander'
import { share } from '#app/client/options.ts'
import { type ComputeOptions, engineOptions, ready, roleOptions, runRole } from '#app/commands/role.ts'
import { workerThreads } from '#runtime/session.ts'
import { runWhistleblower } from '#whistleblower/role.ts'

interface Options extends ComputeOptions {
  readonly rate: number
}

export function define(command: Command): void {
  engineOptions(roleOptions(command, 'whistleblower'))
    .option('--rate <share>', 'share of entries to audit, 0 to 1', share, 0.1)
    .action((options: Options) =>
      runRole('whistleblower', options, async (node, shell) => {
        ready(shell, node)
        await runWhistleblower(node, workerThreads(node.store, options, node.signal), options.rate)
      }),
    )
}
