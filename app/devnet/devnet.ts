/** A whole network on this machine: a chain and every role, each a process of its own, in one folder. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Wallet } from 'ethers'
import { deriveAccounts } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { deploy } from '#contracts/deploy.ts'
import { peerIdOf } from '#net/identity.ts'
import { fromHex } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { PRESETS } from '#proto/presets.ts'
import { identityOf, saveSecret } from '#runtime/keys.ts'
import { type Network, parseNetwork } from '#runtime/network.ts'
import { type Plan, planOf } from './folder.ts'
import { type Member, ProcessGroup } from './processes.ts'

export interface DevnetOptions {
  /** Folder of keys, chain state, blobs and logs; made if missing, continued if it holds a devnet. */
  readonly folder: string
  readonly solvers: number
  readonly verifiers: number
  readonly whistleblowers: number
  /** Threads of each computing process. */
  readonly threads: number
  /** Who cheats. */
  readonly liar?: LiarRole | undefined
  /** Whether processes that die are started again. Default true. */
  readonly respawn?: boolean | undefined
}

export const DEVNET_DEFAULTS = { solvers: 2, verifiers: 2, whistleblowers: 1, threads: 1 } as const

/**
 * Whose processes may cheat. `solver`: the last one sends wrong sums, and concedes when it is accused. `verifier`: besides, all
 * verifiers accept anything, and they and that solver defend what it has signed to the end.
 */
export const LIARS = ['solver', 'verifier'] as const
export type LiarRole = (typeof LIARS)[number]

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url))
const CHAIN = fileURLToPath(new URL('./chain.ts', import.meta.url))

/** A running devnet. */
export interface Devnet {
  readonly folder: string
  readonly network: Network
  /** The file that commands and roles read. */
  readonly networkFile: string
  /** Account secret file of the devnet's submitter. */
  readonly submitterKey: string
  readonly group: ProcessGroup
  stop(): Promise<void>
}

/** Roles and their processes, in the order of their accounts: account 0 deploys, 1 submits. */
function cast(options: DevnetOptions): { role: string; name: string }[] {
  const many = (role: string, count: number): { role: string; name: string }[] =>
    Array.from({ length: count }, (_, i) => ({ role, name: `${role}-${i + 1}` }))
  return [
    { role: 'coordinator', name: 'coordinator' },
    ...many('solver', options.solvers),
    ...many('verifier', options.verifiers),
    ...many('whistleblower', options.whistleblowers),
  ]
}

/**
 * Starts a devnet and returns when every process is ready.
 * @param onStarted told of each process
 * @param signal stops what has started, also later
 * @throws AssayError of the process that did not come up; whatever had started is stopped then
 */
export async function startDevnet(
  options: DevnetOptions,
  onStarted: (member: Member) => void = () => {},
  signal?: AbortSignal,
): Promise<Devnet> {
  const folder = resolve(options.folder)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const group = new ProcessGroup(join(folder, 'logs'), options.respawn === false ? null : undefined)
  const abandon = (): void => void group.stop()
  signal?.addEventListener('abort', abandon, { once: true })
  try {
    return await start(folder, options, group, onStarted)
  } catch (error) {
    await group.stop()
    if (signal?.aborted) fail('cancelled', 'stopped while the network was starting')
    throw error
  }
}

async function start(
  folder: string,
  options: DevnetOptions,
  group: ProcessGroup,
  onStarted: (member: Member) => void,
): Promise<Devnet> {
  const members = cast(options)
  const plan = await planOf(folder, ['chain', 'api', ...members.map(({ name }) => name)])
  const accounts = deriveAccounts(plan.mnemonic, members.length + 2)
  const chainArgs = ['--state', join(folder, 'chain', 'state'), '--log', join(folder, 'logs', 'anvil.log')]
  const chain = await group.start(
    'chain',
    CHAIN,
    // The chain knows whom to fund, and no secret.
    [...chainArgs, '--port', `${plan.ports.chain}`, '--fund', accounts.map(({ address }) => address).join(',')],
  )
  onStarted(chain)
  for (const [i, { name }] of [{ name: 'submitter' }, ...members].entries()) {
    await saveSecret(join(folder, name, 'key'), fromHex(accounts[i + 1]?.privateKey ?? ''))
  }
  const networkFile = join(folder, 'network.json')
  const network = await networkOf(networkFile, String(chain.ready.rpc), plan, accounts, members)
  const common = ['--network', networkFile, '--attached']
  const launch = async ({ role, name }: { role: string; name: string }): Promise<void> => {
    const args = [role, ...common, '--home', join(folder, name), ...roleArgs(role, name, plan, options)]
    onStarted(await group.start(name, CLI, args))
  }
  // Everyone joins through the coordinator; the others can start side by side.
  await launch(members[0] as { role: string; name: string })
  await Promise.all(members.slice(1).map(launch))
  return {
    folder,
    network,
    networkFile,
    submitterKey: join(folder, 'submitter', 'key'),
    group,
    stop: () => group.stop(),
  }
}

function roleArgs(role: string, name: string, plan: Plan, options: DevnetOptions): string[] {
  // A process that comes back is found where it was.
  const listen = ['--listen', `/ip4/127.0.0.1/tcp/${plan.ports[name]}`]
  if (role === 'coordinator') return ['--port', `${plan.ports.api}`, ...listen]
  return [...listen, '--threads', `${options.threads}`, ...lieArgs(role, name, options)]
}

function lieArgs(role: string, name: string, { liar, solvers }: DevnetOptions): string[] {
  if (liar === undefined) return []
  if (name === `solver-${solvers}`) return ['--lie', 'sum', ...(liar === 'verifier' ? ['--stubborn'] : [])]
  if (liar !== 'verifier') return []
  if (role === 'verifier') return ['--lie', 'accept']
  return role === 'whistleblower' ? ['--rate', '1'] : []
}

/** The network file: kept if it is of this chain, else written after deploying the contracts. */
async function networkOf(
  file: string,
  rpc: string,
  plan: Plan,
  accounts: ReturnType<typeof deriveAccounts>,
  members: readonly { name: string }[],
): Promise<Network> {
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept !== undefined) return parseNetwork(JSON.parse(kept), file)
  const provider = await openChain(rpc)
  try {
    const contracts = await deploy(new Wallet(accounts[0]?.privateKey ?? '', provider))
    const { peerKey } = identityOf(fromHex(accounts[2]?.privateKey ?? ''))
    const network: Network = {
      rpc,
      chainId: Number((await provider.getNetwork()).chainId),
      contracts,
      blockSeconds: PRESETS.devnet.blockSeconds,
      confirmations: PRESETS.devnet.confirmations,
      bootstrap: [`/ip4/127.0.0.1/tcp/${plan.ports.coordinator}/p2p/${await peerIdOf(peerKey)}`],
      api: `http://127.0.0.1:${plan.ports.api}`,
      names: Object.fromEntries(
        ['deployer', 'submitter', ...members.map(({ name }) => name)].map((name, i) => [
          accounts[i]?.address ?? '',
          name,
        ]),
      ),
    }
    await writeFile(file, `${JSON.stringify(network, null, 2)}\n`)
    return network
  } finally {
    provider.destroy()
  }
}
