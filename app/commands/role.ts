/** What the commands of the four roles share: options, node, ready line. */
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { networkOption, passwordOption, whole } from '#app/client/options.ts'
import { isDevnet } from '#app/client/readers.ts'
import { givenPassphrase, passphraseFrom } from '#app/terminal/passphrase.ts'
import { ENGINE_CHOICES, type ExactEngineName } from '#engine/conformance/exact.ts'
import type { Role } from '#proto/messages.ts'
import { describeKey } from '#runtime/keys.ts'
import { readNetwork } from '#runtime/network.ts'
import { openNode, type RoleNode } from '#runtime/node.ts'
import { runShell, type Shell } from '#runtime/shell.ts'

export interface RoleOptions {
  readonly network: string
  readonly home: string
  readonly passwordFile?: string
  readonly maxStorage?: number
  readonly listen?: string[]
  readonly mdns?: boolean
  readonly attached?: boolean
}

export interface ComputeOptions extends RoleOptions {
  readonly engine: ExactEngineName
  readonly threads: number
}

/** Blocks that everyone but the coordinator leaves it for upkeep. */
const GRACE = { coordinator: 0, solver: 40, verifier: 60, whistleblower: 80, submitter: 100 } as const

/** Adds the options of every role. */
export function roleOptions(command: Command, role: Role): Command {
  return passwordOption(networkOption(command))
    .option('--home <dir>', 'folder of this process: key, database, blobs', `.assay/${role}`)
    .option('--listen <multiaddr...>', 'libp2p addresses to listen on (default: a free port of the loopback)')
    .option('--mdns', 'look for peers of the same network on the local site by multicast DNS')
    .option('--max-storage <gib>', 'space for data sets and checkpoints (default: half of the free disk)', gibibytes)
    .addOption(new Option('--attached', 'end when standard input closes').hideHelp())
}

function gibibytes(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0 && value <= 2 ** 20)) {
    throw new InvalidArgumentError('It must be a number of GiB above zero, such as 20 or 0.5.')
  }
  return Math.floor(value * 2 ** 30)
}

/** Adds the options of roles that compute. */
export function engineOptions(command: Command): Command {
  return command
    .addOption(new Option('--engine <name>', 'engine that computes').choices(ENGINE_CHOICES).default('auto'))
    .option('--threads <n>', 'threads of the engine; never changes the result', whole(1, 256), 1)
}

/** Runs a role's process until it is stopped. */
export async function runRole(
  role: Role,
  options: RoleOptions,
  main: (node: RoleNode, shell: Shell) => Promise<void>,
): Promise<void> {
  const network = await readNetwork(options.network)
  await runShell(role, options.attached === true, async (shell) => {
    const { home, listen, mdns } = options
    const freshPassphrase = await givenPassphrase(options.passwordFile)
    const node = await openNode(shell, {
      role,
      home,
      network,
      grace: GRACE[role as keyof typeof GRACE],
      passphrase: passphraseFrom(options.passwordFile),
      ...(options.maxStorage === undefined ? {} : { maxStorage: options.maxStorage }),
      ...(freshPassphrase === undefined ? {} : { freshPassphrase }),
      ...(listen && { listen }),
      ...(mdns && { mdns }),
    })
    const { encrypted } = await describeKey(join(home, 'key'))
    if (!encrypted && !isDevnet(network)) {
      shell.log.warn({ next: `assay key encrypt ${join(home, 'key')}` }, 'the account of this process is not encrypted')
    }
    shell.log.info({ account: node.me, peer: node.peer.id, addresses: node.peer.addresses() }, 'started')
    await main(node, shell)
  })
}

/** The ready line of a role. */
export function ready(shell: Shell, node: RoleNode, details: Record<string, unknown> = {}): void {
  shell.ready({ account: node.me, peer: node.peer.id, addresses: node.peer.addresses(), ...details })
}
