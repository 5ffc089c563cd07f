/** `assay solver`: trains cells of jobs and is paid for it. */
import { type Command, Option } from 'commander'
import { type ComputeOptions, engineOptions, ready, roleOptions, runRole } from '#app/commands/role.ts'
import { standIn } from '#coordinator/stand-in.ts'
import { DrainWatch } from '#runtime/drain.ts'
import { workerThreads } from '#runtime/session.ts'
import { LIES, type LieName } from '#solver/lies.ts'
import { runSolver } from '#solver/role.ts'

interface Options extends ComputeOptions {
  readonly lie?: LieName
  readonly stubborn?: boolean
}

export function define(command: Command): void {
  engineOptions(roleOptions(command, 'solver'))
    .addOption(new Option('--lie <name>', 'cheat in this way, to see it caught').choices(LIES))
    .option('--stubborn', 'defend the lie to the end, instead of conceding')
    .action((options: Options) =>
      runRole('solver', options, async (node, shell) => {
        const drain = await DrainWatch.open(options.home, shell.log)
        shell.onStop(() => drain.close())
        standIn(node)
        ready(shell, node)
        await runSolver(node, {
          workers: workerThreads(node.store, options, node.signal),
          lie: options.lie,
          stubborn: options.stubborn,
          drain,
          left: () => void drain.done().finally(() => shell.stop()),
        })
      }),
    )
}
