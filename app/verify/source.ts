/** The chain that an audit reads: a node that answers, or a devnet's own chain, started again from what it kept. */
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { JsonRpcProvider } from 'ethers'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { ASSAY } from '#contracts/codec.ts'
import type { Deployment } from '#contracts/deploy.ts'
import { chainError } from '#contracts/errors.ts'
import { isAssayError } from '#proto/errors.ts'
import { readNetwork } from '#runtime/network.ts'

export interface SourceOptions {
  /** Network file; not read if `contract` is given. */
  readonly network: string
  /** URL of a node, instead of the network file's. */
  readonly rpc?: string | undefined
  /** Address of the Assay contract, instead of a network file. */
  readonly contract?: Hex | undefined
}

export interface ChainSource {
  readonly provider: JsonRpcProvider
  readonly deployment: Deployment
  readonly chainId: bigint
  /** What accounts are called. */
  readonly names: Readonly<Record<string, string>>
  /** Where the chain is read. */
  readonly from: string
  close(): Promise<void>
}

/** How long a node may take to answer at first, ms. */
const OPEN_MS = 3_000
const DEFAULT_RPC = 'http://127.0.0.1:8545'

/** @throws AssayError `not-found` without a network file, `chain` when no node answers and no kept chain is there */
export async function openSource(options: SourceOptions): Promise<ChainSource> {
  if (options.contract !== undefined) {
    const rpc = options.rpc ?? DEFAULT_RPC
    const provider = await openChain(rpc, OPEN_MS)
    const deployment = { ...(await partsOf(provider, options.contract)), assay: options.contract, fromBlock: 0 }
    return sourceOf(provider, deployment, {}, rpc)
  }
  const network = await readNetwork(options.network)
  const rpc = options.rpc ?? network.rpc
  try {
    return await sourceOf(await openChain(rpc, OPEN_MS), network.contracts, network.names ?? {}, rpc)
  } catch (error) {
    const kept = join(dirname(options.network), 'chain', 'state')
    if (options.rpc !== undefined || !isAssayError(error, 'chain') || !(await exists(kept))) throw error
    return revive(kept, network.contracts, network.chainId, network.names ?? {})
  }
}

/** A chain that makes no more blocks, from a copy of what another one kept. */
async function revive(
  kept: string,
  deployment: Deployment,
  chainId: number,
  names: Readonly<Record<string, string>>,
): Promise<ChainSource> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-chain-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  try {
    await copyFile(kept, join(folder, 'state'))
    const anvil = await startAnvil({ state: join(folder, 'state'), blockTime: 0, chainId })
    const source = await sourceOf(await openChain(anvil.url), deployment, names, `${kept}, started again`)
    const close = async (): Promise<void> => {
      await source.close()
      await anvil.stop()
      await remove()
    }
    return { ...source, close }
  } catch (error) {
    await remove()
    throw error
  }
}

async function sourceOf(
  provider: JsonRpcProvider,
  deployment: Deployment,
  names: Readonly<Record<string, string>>,
  from: string,
): Promise<ChainSource> {
  const { chainId } = await provider.getNetwork()
  return { provider, deployment, chainId, names, from, close: () => Promise.resolve(provider.destroy()) }
}

/** The contracts that an Assay contract says it works with. @throws AssayError `chain` if it does not say so */
export async function partsOf(provider: JsonRpcProvider, assay: Hex): Promise<{ randomness: Hex; arbiter: Hex }> {
  const ask = async (name: 'randomness' | 'arbiter'): Promise<Hex> => {
    try {
      const data = ASSAY.interface.encodeFunctionData(name)
      const answer = await provider.call({ to: assay, data })
      return ASSAY.result(name, answer) as Hex
    } catch (error) {
      throw chainError(`${name} of ${assay}`, error)
    }
  }
  return { randomness: await ask('randomness'), arbiter: await ask('arbiter') }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  )
}
