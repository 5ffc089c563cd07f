/** What the chain recorded of a deployment: every log of its contracts up to one block, decoded one by one. */
import { type JsonRpcProvider, type Log, toQuantity } from 'ethers'
import { ARBITER, ASSAY, type ChainEvent, type ContractCodec, placeOf, RANDOMNESS } from '#contracts/codec.ts'
import type { Deployment } from '#contracts/deploy.ts'
import { chainError } from '#contracts/errors.ts'
import { AssayReader } from '#contracts/reader.ts'
import type { Finding } from './finding.ts'

/** Blocks asked for in one query of logs. */
const LOG_SPAN = 2000

/** A log as the node gave it, and the event it is, if it can be read. */
export interface RecordedLog {
  readonly log: Log
  readonly event: ChainEvent | undefined
}

export interface ChainRecord {
  readonly deployment: Deployment
  /** Everything is read as of this block. */
  readonly head: number
  readonly logs: readonly RecordedLog[]
  readonly events: readonly ChainEvent[]
  /** Logs that are no event of their contract, or not well-formed. */
  readonly unreadable: readonly Finding[]
}

/** `block 57, log 3`: how findings name a log. */
export function logPlace(place: { readonly blockNumber: number; readonly logIndex: number }): string {
  return `block ${place.blockNumber}, log ${place.logIndex}`
}

/** Reads all logs up to `head`. @throws AssayError `chain` when the node does not answer */
export async function readRecord(
  provider: JsonRpcProvider,
  deployment: Deployment,
  head: number,
  signal: AbortSignal,
): Promise<ChainRecord> {
  const { assay, arbiter, randomness, fromBlock } = deployment
  const codecs = new Map<string, ContractCodec>([
    [assay, ASSAY],
    [arbiter, ARBITER],
    [randomness, RANDOMNESS],
  ])
  const logs: RecordedLog[] = []
  const unreadable: Finding[] = []
  for (let from = fromBlock; from <= head; from += LOG_SPAN) {
    signal.throwIfAborted()
    const to = Math.min(head, from + LOG_SPAN - 1)
    for (const log of await span(provider, [assay, arbiter, randomness], from, to)) {
      const event = decode(codecs, log, unreadable)
      logs.push({ log, event })
    }
  }
  const order = (a: RecordedLog, b: RecordedLog): number =>
    a.log.blockNumber - b.log.blockNumber || a.log.index - b.log.index
  logs.sort(order)
  return { deployment, head, logs, events: logs.flatMap(({ event }) => event ?? []), unreadable }
}

/** Reads the contracts' storage as of the record's block. */
export function readerAt(provider: JsonRpcProvider, { deployment, head }: ChainRecord): AssayReader {
  const call: JsonRpcProvider['call'] = (request) => provider.call({ ...request, blockTag: head })
  return new AssayReader(Object.create(provider, { call: { value: call } }) as JsonRpcProvider, deployment)
}

async function span(provider: JsonRpcProvider, address: string[], from: number, to: number): Promise<Log[]> {
  try {
    return await provider.getLogs({ address, fromBlock: toQuantity(from), toBlock: toQuantity(to) })
  } catch (error) {
    throw chainError('eth_getLogs', error)
  }
}

/** Unlike a reader of live events, an audit does not pass over a log that it cannot read. */
function decode(codecs: ReadonlyMap<string, ContractCodec>, log: Log, unreadable: Finding[]): ChainEvent | undefined {
  const place = placeOf(log)
  try {
    const event = codecs.get(log.address.toLowerCase())?.event(log)
    if (event !== undefined) return { ...event, ...place }
    unreadable.push({ place: logPlace(place), message: `no event of the contracts has the topic ${log.topics[0]}` })
  } catch (error) {
    unreadable.push({ place: logPlace(place), message: `the log cannot be decoded: ${(error as Error).message}` })
  }
  return undefined
}
