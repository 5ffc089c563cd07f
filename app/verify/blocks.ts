/**
 * Blocks proven by themselves: a header hashes to the block's hash, its receipts and transactions lead to the roots in it,
 * and the logs that a node hands out are those of the receipts. What is left to trust is the hash of a block.
 */
import { type AccessListish, concat, encodeRlp, type JsonRpcProvider, keccak256, Transaction, toQuantity } from 'ethers'
import { chainError } from '#contracts/errors.ts'
import { Findings, type Outcome } from './finding.ts'
import { askAll } from './parallel.ts'
import { type ChainRecord, logPlace } from './record.ts'
import { quantity, trieRoot } from './trie.ts'

type Text = Readonly<Record<string, string | undefined>>

interface RpcLog {
  readonly address: string
  readonly topics: readonly string[]
  readonly data: string
  readonly logIndex: string
}

interface RpcReceipt {
  readonly type?: string
  readonly status: string
  readonly cumulativeGasUsed: string
  readonly logsBloom: string
  readonly logs: readonly RpcLog[]
}

type RpcTransaction = Text & { readonly accessList?: AccessListish }

interface RpcBlock {
  readonly header: Text
  readonly transactions: readonly RpcTransaction[]
}

/** A transaction whose bytes hash to its hash. */
export interface ProvenTransaction {
  /** Whose signature it bears: recovered when asked for. */
  readonly from: string
  readonly to: string
  readonly data: string
}

export interface ProvenBlocks {
  readonly outcome: Outcome
  readonly transactions: ReadonlyMap<string, ProvenTransaction>
}

/** Header fields in the order in which they are hashed; later ones exist from some fork on. */
const HEADER = [
  'parentHash',
  'sha3Uncles',
  'miner',
  'stateRoot',
  'transactionsRoot',
  'receiptsRoot',
  'logsBloom',
  'difficulty',
  'number',
  'gasLimit',
  'gasUsed',
  'timestamp',
  'extraData',
  'mixHash',
  'nonce',
  'baseFeePerGas',
  'withdrawalsRoot',
  'blobGasUsed',
  'excessBlobGas',
  'parentBeaconBlockRoot',
  'requestsHash',
] as const
const REQUIRED = 15
const INTEGERS: readonly string[] = [
  'difficulty',
  'number',
  'gasLimit',
  'gasUsed',
  'timestamp',
  'baseFeePerGas',
  'blobGasUsed',
  'excessBlobGas',
]
/** The last transaction type whose receipts have the known form: a set code transaction. */
const LAST_TYPE = 4
/** Blocks held in memory at a time. */
const IN_MEMORY = 64
/** Transaction types whose encoding is known here: legacy, access list, dynamic fee. */
const TYPES = [0, 1, 2]

/** Hash of a block's header from its fields. */
export function headerHash(header: Text): string {
  const fields = HEADER.filter((name, i) => i < REQUIRED || header[name] !== undefined)
  return keccak256(
    encodeRlp(
      fields.map((name) => (INTEGERS.includes(name) ? quantity(header[name] ?? '0x0') : (header[name] ?? '0x'))),
    ),
  )
}

/** @throws AssayError `chain` when the node does not answer or has no such block */
export async function readHeader(provider: JsonRpcProvider, block: number): Promise<Text> {
  return (await request(provider, 'eth_getBlockByNumber', [toQuantity(block), false])) as Text
}

/**
 * Proves every block between `from` and `to` in which the contracts have logs.
 * Why: whatever else is checked rests on the events; here a changed bit of any event, header or transaction shows, and where.
 */
export async function proveBlocks(
  provider: JsonRpcProvider,
  record: ChainRecord,
  [from, to]: readonly [number, number],
  signal: AbortSignal,
): Promise<ProvenBlocks> {
  const findings = new Findings()
  const transactions = new Map<string, ProvenTransaction>()
  const inside = record.logs.filter(({ log }) => log.blockNumber >= from && log.blockNumber <= to)
  const numbers = [...new Set(inside.map(({ log }) => log.blockNumber))]
  let foreign = 0
  const prove = (number: number, header: Text, receipts: readonly RpcReceipt[]): void => {
    const block = { header, transactions: header['transactions'] as unknown as RpcTransaction[] }
    const known = receipts.every(({ type }) => Number(type ?? 0) <= LAST_TYPE)
    if (!known) foreign++
    findings.same(`block ${number}`, 'the hash of its header', headerHash(header), header['hash'])
    if (known) checkReceipts(findings, number, header, receipts)
    checkTransactions(findings, number, block, transactions)
    checkLogs(findings, record, number, receipts)
  }
  const ask = (method: string, params: readonly unknown[]) => (number: number) =>
    request(provider, method, [toQuantity(number), ...params])
  for (let at = 0; at < numbers.length; at += IN_MEMORY) {
    const some = numbers.slice(at, at + IN_MEMORY)
    const blocks = (await askAll(some, signal, ask('eth_getBlockByNumber', [true]))) as Text[]
    const receipts = (await askAll(some, signal, ask('eth_getBlockReceipts', []))) as RpcReceipt[][]
    for (const [i, number] of some.entries()) prove(number, blocks[i] as Text, receipts[i] as RpcReceipt[])
  }
  const notes = foreign > 0 ? [`${foreign} blocks hold receipts of a kind that is unknown here: not proven`] : []
  const last = numbers.at(-1)
  const seen = `${inside.length} logs in ${numbers.length} blocks up to ${last ?? from}`
  return { outcome: findings.outcome(seen, notes), transactions }
}

function checkReceipts(findings: Findings, number: number, header: Text, receipts: readonly RpcReceipt[]): void {
  const encoded = receipts.map((receipt) => {
    const logs = receipt.logs.map(({ address, topics, data }) => [address, [...topics], data])
    const body = encodeRlp([quantity(receipt.status), quantity(receipt.cumulativeGasUsed), receipt.logsBloom, logs])
    return envelope(Number(receipt.type ?? 0), body)
  })
  findings.same(`block ${number}`, 'the root of its receipts', trieRoot(encoded), header['receiptsRoot'])
}

function checkTransactions(
  findings: Findings,
  number: number,
  { header, transactions }: RpcBlock,
  proven: Map<string, ProvenTransaction>,
): void {
  const encoded: string[] = []
  for (const one of transactions) {
    if (!TYPES.includes(Number(one['type'] ?? 0))) continue
    const place = `block ${number}, transaction ${one['hash']}`
    try {
      const signed = transactionOf(one)
      encoded.push(signed.serialized)
      findings.same(place, 'its hash', signed.hash, one['hash'])
      proven.set(one['hash'] ?? '', new Signed(signed))
    } catch (error) {
      findings.add(place, `it is malformed: ${(error as Error).message}`)
    }
  }
  if (encoded.length === transactions.length)
    findings.same(`block ${number}`, 'the root of its transactions', trieRoot(encoded), header['transactionsRoot'])
}

class Signed implements ProvenTransaction {
  readonly #signed: Transaction
  readonly to: string
  readonly data: string

  constructor(signed: Transaction) {
    this.#signed = signed
    this.to = signed.to?.toLowerCase() ?? ''
    this.data = signed.data
  }

  get from(): string {
    return this.#signed.from?.toLowerCase() ?? ''
  }
}

function transactionOf(one: RpcTransaction): Transaction {
  const type = Number(one['type'] ?? 0)
  const fee =
    type === 2
      ? { maxFeePerGas: one['maxFeePerGas'] ?? 0, maxPriorityFeePerGas: one['maxPriorityFeePerGas'] ?? 0 }
      : { gasPrice: one['gasPrice'] ?? 0 }
  return Transaction.from({
    type,
    to: one['to'] ?? null,
    nonce: Number(one['nonce']),
    gasLimit: one['gas'] ?? 0,
    data: one['input'] ?? '0x',
    value: one['value'] ?? 0,
    chainId: one['chainId'] ?? 0,
    ...fee,
    ...(type > 0 ? { accessList: one.accessList ?? [] } : {}),
    signature: { r: one['r'] ?? '', s: one['s'] ?? '', v: Number(one['yParity'] ?? one['v']) },
  })
}

/** The logs that were handed out are those that the block's receipts hold, all of them. */
function checkLogs(findings: Findings, record: ChainRecord, number: number, receipts: readonly RpcReceipt[]): void {
  const { assay, arbiter, randomness } = record.deployment
  const ours = (address: string): boolean => [assay, arbiter, randomness].some((a) => a === address.toLowerCase())
  const proven = new Map(
    receipts.flatMap(({ logs }) => logs.filter((log) => ours(log.address)).map((log) => [Number(log.logIndex), log])),
  )
  for (const { log } of record.logs) {
    if (log.blockNumber !== number) continue
    const place = logPlace({ blockNumber: number, logIndex: log.index })
    const kept = proven.get(log.index)
    proven.delete(log.index)
    if (kept === undefined) {
      findings.add(place, 'no receipt of the block holds this log')
      continue
    }
    findings.same(place, 'its address', log.address.toLowerCase(), kept.address.toLowerCase())
    findings.same(place, 'its topics', log.topics, kept.topics)
    const byte = firstDifference(log.data, kept.data)
    findings.expect(byte === undefined, place, () => `its data differ from the receipt's at byte ${byte}`)
  }
  for (const index of proven.keys())
    findings.add(logPlace({ blockNumber: number, logIndex: index }), 'the node left out this log of a receipt')
}

/** The first byte at which two hex texts differ. */
function firstDifference(a: string, b: string): number | undefined {
  if (a === b) return undefined
  let at = 2
  while (a[at] === b[at]) at++
  return Math.floor(at / 2) - 1
}

function envelope(type: number, body: string): string {
  return type === 0 ? body : concat([Uint8Array.of(type), body])
}

async function request(provider: JsonRpcProvider, method: string, params: unknown[]): Promise<unknown> {
  try {
    const answer: unknown = await provider.send(method, params)
    if (answer !== null && answer !== undefined) return answer
  } catch (error) {
    throw chainError(method, error)
  }
  throw chainError(method, new Error(`the node has nothing for ${JSON.stringify(params)}`))
}
