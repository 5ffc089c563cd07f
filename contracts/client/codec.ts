/** Decoded values as the generated types name them: small integers as numbers, enums as words, hex in lower case. */
import { AbiCoder, type EventFragment, Interface, type LogParams, type Result } from 'ethers'
import artifacts from '#contracts/abi/artifacts.generated.json' with { type: 'json' }
import { type ContractEvent, ENUMS } from '#contracts/abi/types.generated.ts'
import { check, fail } from '#proto/errors.ts'

/**
 * Longest data of a log and longest result of a call, bytes: a window of 64 entries has 35 KB. The decoder's time grows with
 * the square of the length, a node's answer may not.
 */
const MAX_ANSWER_BYTES = 131_072

// Nor may an answer be read more than a few times over, through pointers to the same place.
AbiCoder._setDefaultMaxInflation(4)

/** A parameter in the compiler's JSON, which, unlike the ABI types of ethers, tells enums from integers. */
interface JsonParam {
  readonly name: string
  readonly type: string
  readonly internalType?: string
  readonly components?: readonly JsonParam[]
}

interface JsonItem {
  readonly type: string
  readonly name?: string
  readonly inputs?: readonly JsonParam[]
  readonly outputs?: readonly JsonParam[]
}

/** One contract's ABI: for ethers, and as the compiler wrote it. */
export class ContractCodec {
  readonly interface: Interface
  private readonly items = new Map<string, JsonItem>()
  /** By topic: ethers would hash the signature of every event for every log. */
  private readonly events = new Map<string, EventFragment>()

  constructor(abi: readonly JsonItem[]) {
    this.interface = new Interface(abi)
    for (const item of abi) this.items.set(`${item.type} ${item.name ?? ''}`, item)
    this.interface.forEachEvent((event) => this.events.set(event.topicHash, event))
  }

  /**
   * What a node answers to a call, decoded: the function's only output, or all of them in an array. Throws `chain` for too
   * long an answer, and as ethers does for a malformed one.
   */
  result(name: string, data: string): unknown {
    bounded(data)
    const values = this.interface.decodeFunctionResult(name, data)
    const outputs = this.items.get(`function ${name}`)?.outputs ?? fail('bad-input', `no function ${name}`)
    const decoded = outputs.map((param, i) => normalise(param, values[i]))
    return decoded.length === 1 ? decoded[0] : decoded
  }

  /** The event in a log, or undefined for a log that is none of this contract's. Throws `chain` for too long a one. */
  event(log: { readonly topics: readonly string[]; readonly data: string }): ContractEvent | undefined {
    const event = this.events.get(log.topics[0] ?? '')
    if (event === undefined) return undefined
    bounded(log.data)
    const args = this.interface.decodeEventLog(event, log.data, log.topics)
    const inputs = this.items.get(`event ${event.name}`)?.inputs ?? []
    const fields = inputs.map((param, i) => [param.name, normalise(param, args[i])])
    return { name: event.name, ...Object.fromEntries(fields) } as ContractEvent
  }
}

/** @param data 0x text */
function bounded(data: string): void {
  check(data.length <= 2 + 2 * MAX_ANSWER_BYTES, 'chain', `the node answers with ${data.length} digits`, {
    next: 'Ask another node.',
  })
}

export const ASSAY = new ContractCodec(artifacts.Assay.abi)
export const ARBITER = new ContractCodec(artifacts.PinpointArbiter.abi)
export const RANDOMNESS = new ContractCodec(artifacts.BlockRandomness.abi)

/** Where an event stands in the chain. */
export interface EventPlace {
  readonly blockNumber: number
  readonly transactionHash: string
  readonly logIndex: number
}

/** An event of any of the contracts, told apart by `name`, with its place. */
export type ChainEvent = ContractEvent & EventPlace

export const placeOf = (log: LogParams): EventPlace => ({
  blockNumber: log.blockNumber,
  transactionHash: log.transactionHash,
  logIndex: log.index,
})

function normalise(param: JsonParam, value: unknown): unknown {
  const internal = param.internalType ?? param.type
  if (param.type.endsWith('[]')) {
    const item = { ...param, type: param.type.slice(0, -2), internalType: internal.slice(0, -2) }
    return Array.from(value as Result, (one) => normalise(item, one))
  }
  if (param.components !== undefined) {
    const fields = param.components.map((field, i) => [field.name, normalise(field, (value as Result)[i])])
    return Object.fromEntries(fields)
  }
  if (internal.startsWith('enum ')) return enumMember(internal.replace(/^enum (\w+\.)?/, ''), Number(value))
  const integer = /^u?int(\d+)$/.exec(param.type)
  if (integer !== null) return Number(integer[1]) <= 48 ? Number(value) : value
  return typeof value === 'string' ? value.toLowerCase() : value
}

function enumMember(name: string, index: number): string {
  return ENUMS[name]?.[index] ?? fail('chain', `${name} has no member ${index}`, { next: 'Update the client.' })
}
