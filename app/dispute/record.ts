/** What a chain keeps of a dispute: the claim's events, the transactions behind them, and what the court has made of it. */
import type { JsonRpcProvider } from 'ethers'
import { askAll } from '#app/verify/parallel.ts'
import { type ClaimEvent, ClaimReader, type Placed } from '#contracts/claims.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import type { Deployment } from '#contracts/deploy.ts'
import { chainError } from '#contracts/errors.ts'
import { AssayReader } from '#contracts/reader.ts'
import { fail } from '#proto/errors.ts'
import type { Hex } from '#proto/terms.ts'

export interface Sent {
  readonly from: Hex
  readonly to: Hex | null
  readonly input: string
  readonly gasUsed: number
}

export interface DisputeRecord {
  readonly arbiter: Hex
  readonly opened: Placed<'ClaimOpened'>
  /** Of the claim and its games, in order. */
  readonly events: readonly ClaimEvent[]
  /** Transactions behind the events, by hash. */
  readonly sent: ReadonlyMap<string, Sent>
  /** Time of each block with an event, seconds. */
  readonly times: ReadonlyMap<number, number>
  /** What the court's contract says about the job, in order. */
  readonly job: readonly ChainEvent[]
  /** Last block that was read. */
  readonly head: number
}

/** Says which claims to read. */
export type Wanted = (opened: Placed<'ClaimOpened'>) => boolean

/** The records of a network's disputes, of those that `wanted` names. */
export async function readDisputes(
  provider: JsonRpcProvider,
  deployment: Deployment,
  wanted: Wanted = () => true,
  signal: AbortSignal = new AbortController().signal,
): Promise<DisputeRecord[]> {
  const { arbiter, assay, fromBlock } = deployment
  const reader = new AssayReader(provider, deployment)
  const head = await reader.blockNumber().catch((error: unknown) => {
    throw chainError('eth_blockNumber', error)
  })
  const claims = new ClaimReader(provider, arbiter, { from: fromBlock, to: head })
  const found = (await claims.claimsOf(assay)).filter(wanted)
  if (found.length === 0) return []
  const all = await reader.events(fromBlock, head)
  const records: DisputeRecord[] = []
  for (const opened of found) {
    const events = await claims.eventsOf(opened)
    const job = all.filter((event) => 'jobId' in event && event.jobId === opened.jobId && event.name !== 'ClaimOpened')
    const [sent, times] = await Promise.all([sentBehind(provider, events, signal), timesOf(provider, events, signal)])
    records.push({ arbiter, opened, events, sent, times, job, head })
  }
  return records
}

async function sentBehind(
  provider: JsonRpcProvider,
  events: readonly ClaimEvent[],
  signal: AbortSignal,
): Promise<Map<string, Sent>> {
  const hashes = [...new Set(events.map(({ transactionHash }) => transactionHash))]
  const found = await askAll(hashes, signal, async (hash): Promise<Sent> => {
    const [sent, receipt] = await answered('eth_getTransactionByHash', () =>
      Promise.all([provider.getTransaction(hash), provider.getTransactionReceipt(hash)]),
    )
    if (sent === null || receipt === null)
      fail('chain', `the node has no transaction ${hash}`, { next: 'Ask a node that keeps all blocks.' })
    const lower = (address: string): Hex => address.toLowerCase() as Hex
    const to = sent.to === null ? null : lower(sent.to)
    return { from: lower(sent.from), to, input: sent.data, gasUsed: Number(receipt.gasUsed) }
  })
  return new Map(hashes.map((hash, i) => [hash, found[i] as Sent]))
}

async function timesOf(
  provider: JsonRpcProvider,
  events: readonly ClaimEvent[],
  signal: AbortSignal,
): Promise<Map<number, number>> {
  const blocks = [...new Set(events.map(({ blockNumber }) => blockNumber))]
  const times = await askAll(blocks, signal, async (number) => {
    const block = await answered('eth_getBlockByNumber', () => provider.getBlock(number))
    return block?.timestamp ?? fail('chain', `the node has no block ${number}`, { next: 'Ask another node.' })
  })
  return new Map(blocks.map((block, i) => [block, times[i] as number]))
}

async function answered<T>(call: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw chainError(call, error)
  }
}
