/** `assay verifier`: replays the entries it is drawn for and is paid for its verdicts. */
import { type Command, Option } from 'commander'
import { type ComputeOptions, engineOptions, ready, roleOptions, runRole } from '#app/commands/role.ts'
import { workerThreads } from '#runtime/session.ts'
import { runVerifier, VERIFIER_LIES, type VerifierLie } from '#verifier/role.ts'

interface Options extends ComputeOptions {
  readonly lie?: VerifierLie
}

export function define(command: Command): void {
  engineOptions(roleOptions(command, 'verifier'))
    .addOption(new Option('--lie <name>', 'cheat in this way, to see it caught').choices(VERIFIER_LIES))
    .action((options: Options) =>
      runRole('verifier', options, async (node, shell) => {
        ready(shell, node)
        await runVerifier(node, workerThreads(node.store, options, node.signal), { lie: options.lie })
      }),
    )
}
