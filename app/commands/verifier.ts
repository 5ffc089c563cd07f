/** `assay verifier`: replays the entries it is drawn for and is paid for its verdicts. */
import type { Command } from 'commander'
import { type ComputeOptions, engineOptions, ready, roleOptions, runRole } from '#app/commands/role.ts'
import { workerThreads } from '#runtime/session.ts'
import { runVerifier } from '#verifier/role.ts'

export function define(command: Command): void {
  engineOptions(roleOptions(command, 'verifier')).action((options: ComputeOptions) =>
    runRole('verifier', options, async (node, shell) => {
      ready(shell, node)
      await runVerifier(node, workerThreads(node.store, options, node.signal))
    }),
  )
}
