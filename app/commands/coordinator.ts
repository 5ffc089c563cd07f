/** `assay coordinator`: takes jobs in and commits windows. */
import type { Command } from 'commander'
import { whole } from '#app/client/options.ts'
import { type RoleOptions, ready, roleOptions, runRole } from '#app/commands/role.ts'
import { runCoordinator } from '#coordinator/role.ts'

interface Options extends RoleOptions {
  readonly host: string
  readonly port: number
}

export function define(command: Command): void {
  roleOptions(command, 'coordinator')
    .option('--host <address>', 'address of the HTTP interface', '127.0.0.1')
    .option('--port <n>', 'port of the HTTP interface; 0: a free one', whole(0, 65_535), 8740)
    .action((options: Options) =>
      runRole('coordinator', options, (node, shell) =>
        runCoordinator(node, { host: options.host, port: options.port }, (api) => ready(shell, node, { api })),
      ),
    )
}
