/** A local chain: one anvil process with funded accounts, kept in a file. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { dirname } from 'node:path'
import { HDNodeWallet, Mnemonic } from 'ethers'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { askChainId } from '#contracts/chain.ts'
import { foundryTool } from '#contracts/foundry.ts'
import { ChainKeeper, unpackState } from '#contracts/keeper.ts'
import { AssayError, fail } from '#proto/errors.ts'

export interface AnvilOptions {
  /**
   * File the chain's state is kept in, and read from when it exists: whole at any moment, at most some seconds old after a
   * sudden end. Without it nothing is kept.
   */
  readonly state?: string
  /** File for the process's output. Without it the output is dropped. */
  readonly log?: string
  /** 0 or missing: a free one. */
  readonly port?: number
  /** Default: a random one. It stays in this process: command lines can be read by every user of the machine. */
  readonly mnemonic?: string
  /** Funded accounts of the mnemonic. Default 16. */
  readonly accounts?: number
  /** Addresses to fund in their place, for whoever keeps the secrets elsewhere. */
  readonly fund?: readonly string[]
  /** Seconds between blocks. Default 0.2. 0: none are made but on demand (`evm_mine`). */
  readonly blockTime?: number
  /** Timestamp of the first block, seconds. Default: now. */
  readonly genesisTime?: number
  readonly chainId?: number
}

export interface Account {
  readonly address: Hex
  readonly privateKey: Hex
}

export interface Anvil {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly mnemonic: string
  readonly accounts: readonly Account[]
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<void>
  /** Ends the process after it has written its state. Idempotent. */
  stop(): Promise<void>
}

const READY_MS = 15_000
const STOP_MS = 5000
export const DEVNET_CHAIN_ID = 31_337

/** The accounts that anvil funds for a mnemonic, in order. */
export function deriveAccounts(mnemonic: string, count: number): Account[] {
  const root = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(mnemonic), "m/44'/60'/0'/0")
  return Array.from({ length: count }, (_, i) => {
    const child = root.deriveChild(i)
    return { address: child.address.toLowerCase() as Hex, privateKey: child.privateKey as Hex }
  })
}

export function randomMnemonic(): string {
  return HDNodeWallet.createRandom().mnemonic?.phrase ?? fail('internal', 'a random wallet has a mnemonic')
}

/** Below the ports that systems give to outgoing connections: while its owner is away nobody gets one of these by chance. */
const PORTS = [15_000, 30_000] as const

/** A TCP port of the loopback that nobody used a moment ago, and that no outgoing connection takes. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await listenBriefly(randomInt(...PORTS)).catch(() => undefined)
    if (port !== undefined) return port
  }
}

/** Whether nobody listens on a port of this machine. */
export const isFree = (port: number): Promise<boolean> =>
  listenBriefly(port).then(
    () => true,
    () => false,
  )

/** Listens on a port, 0 for any, and gives it back at once. Rejects when somebody else listens there. */
function listenBriefly(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      const { port: taken } = server.address() as AddressInfo
      server.close(() => resolve(taken))
    })
  })
}

/** Starts anvil and waits until it answers. Throws `not-found` without an anvil, `chain` when it does not come up. */
export async function startAnvil(options: AnvilOptions = {}): Promise<Anvil> {
  const binary = foundryTool('anvil')
  const { accounts = 16, blockTime = 0.2, chainId = DEVNET_CHAIN_ID, mnemonic = randomMnemonic() } = options
  // Whoever listens on the port already would answer in the place of ours.
  const port = await (options.port ? listenBriefly(options.port) : freePort()).catch((cause: unknown) =>
    fail('chain', `port ${options.port} is taken`, { next: 'End what listens there, or choose another port.', cause }),
  )
  const args = ['--host', '127.0.0.1', '--port', `${port}`, '--chain-id', `${chainId}`, '--hardfork', 'osaka']
  // Where the state is kept, blocks are made by the keeper.
  const { state } = options
  args.push(...(blockTime > 0 && state === undefined ? ['--block-time', `${blockTime}`] : ['--no-mining']))
  args.push('--gas-limit', '1000000000', '--order', 'fifo', '--no-request-size-limit')
  if (options.genesisTime !== undefined) args.push('--timestamp', `${options.genesisTime}`)
  args.push('--accounts', '0')
  if (state !== undefined) await mkdir(dirname(state), { recursive: true })
  const saved = state === undefined ? undefined : await unpackState(state)
  if (saved !== undefined) args.push('--load-state', saved)
  const logged = options.log !== undefined
  const child = spawn(binary, args, { stdio: ['ignore', logged ? 'pipe' : 'ignore', logged ? 'pipe' : 'ignore'] })
  if (options.log !== undefined) {
    await mkdir(dirname(options.log), { recursive: true })
    const file = createWriteStream(options.log, { flags: 'a' })
    child.stdout?.pipe(file, { end: false })
    child.stderr?.pipe(file, { end: false })
  }
  const leash = leashOf(child.pid)
  let ended = false
  let keeper: ChainKeeper | undefined
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      ended = true
      leash?.kill()
      keeper?.halt()
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
  const stop = async (): Promise<void> => {
    if (ended) return
    await keeper?.stop()
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(timer)
  }
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + READY_MS
  const answers = async (): Promise<boolean> => (await askChainId(url, 1000)) === BigInt(chainId)
  while (!(await answers()) || ended) {
    if (ended || Date.now() > deadline) {
      await stop()
      throw new AssayError('chain', `anvil did not come up on port ${port}`, { next: 'See its log, or free the port.' })
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const funded = options.fund === undefined ? deriveAccounts(mnemonic, accounts) : []
  if (saved === undefined) await fundAccounts(url, options.fund ?? funded.map(({ address }) => address))
  if (state !== undefined) {
    keeper = new ChainKeeper(url, state, blockTime * 1000)
    keeper.start()
  }
  if (saved !== undefined) await rm(saved, { force: true })
  return { url, port, pid: child.pid ?? 0, mnemonic, accounts: funded, exited, stop }
}

/** What each account of a fresh chain has: a million ether. */
const BALANCE = `0x${(10n ** 24n).toString(16)}`

/** Gives each account its balance. @throws AssayError `chain` */
async function fundAccounts(url: string, addresses: readonly string[]): Promise<void> {
  const calls = addresses.map((address, id) => ({
    jsonrpc: '2.0',
    id,
    method: 'anvil_setBalance',
    params: [address, BALANCE],
  }))
  if (calls.length === 0) return
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(calls) })
  const answers = (await response.json()) as readonly { readonly error?: { readonly message?: string } }[]
  const refused = answers.find(({ error }) => error !== undefined)
  if (refused) fail('chain', `an account could not be funded: ${refused.error?.message}`)
}

/**
 * A shell that ends process `pid` when this one is gone, even killed: it waits for the end of its standard input, which
 * this process alone holds. Undefined on Windows, which has no such shell.
 */
function leashOf(pid: number | undefined): ChildProcess | undefined {
  if (pid === undefined || process.platform === 'win32') return undefined
  const leash = spawn('/bin/sh', ['-c', 'read _; kill -9 "$1"', 'leash', `${pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Out of reach of a signal to this process's whole group.
    detached: true,
  })
  leash.on('error', () => {})
  leash.stdin?.on('error', () => {})
  leash.unref()
  return leash
}
