/** What a chain's node answers: logs and results of calls, through the reader that the roles use. */
import { AbiCoder, type JsonRpcProvider, type ParamType } from 'ethers'
import { ARBITER, ASSAY, RANDOMNESS } from '#contracts/codec.ts'
import { parseRevert } from '#contracts/errors.ts'
import { AssayReader } from '#contracts/reader.ts'
import { concatBytes, fromHex, to0x } from '#proto/bytes.ts'
import { committedEntries, entryFromHex, type JobEventOf } from '#proto/machines/events.ts'
import type { Hex } from '#proto/terms.ts'
import type { SeededRandom, Target } from '#test/fuzz/target.ts'

const CODECS = [ASSAY, ARBITER, RANDOMNESS] as const
const ADDRESSES = ['a', 'b', 'c'].map((digit) => `0x${digit.repeat(40)}` as Hex)
const [assay, arbiter, randomness] = ADDRESSES as [Hex, Hex, Hex]
const DEPLOYMENT = { assay, arbiter, randomness, fromBlock: 0 }

/** The decoder copies the whole answer for each word that it reads: hence its bound on the length. */
const COPIES = (size: number): number => 262_144 + 2048 * size + (size * size) / 16

/** A value of an ABI type; enums are u8 in the ABI, so small integers are likely members. */
function aValue(type: ParamType, random: SeededRandom): unknown {
  if (type.isArray()) {
    const length = type.arrayLength === -1 ? random.below(4) : (type.arrayLength as number)
    return Array.from({ length }, () => aValue(type.arrayChildren as ParamType, random))
  }
  if (type.isTuple()) return (type.components ?? []).map((one) => aValue(one, random))
  if (type.baseType === 'bool') return random.bool()
  if (type.baseType === 'address') return to0x(random.bytes(20))
  if (type.baseType === 'string') return 'x'.repeat(random.below(9))
  if (type.baseType === 'bytes') return to0x(random.bytes(random.pick([0, 65, 65, 65])))
  const bytes = /^bytes(\d+)$/.exec(type.baseType)
  if (bytes !== null) return to0x(random.bytes(Number(bytes[1])))
  const bits = Number(/^u?int(\d+)$/.exec(type.baseType)?.[1] ?? 256)
  return bits === 8 ? random.below(3) : random.u64() & ((1n << BigInt(Math.min(bits, 64))) - 1n)
}

const EVENTS = CODECS.map((codec) => {
  const events: Parameters<Parameters<typeof codec.interface.forEachEvent>[0]>[0][] = []
  codec.interface.forEachEvent((event) => void events.push(event))
  return events
})

/** Byte of the contract, byte of the number of topics, the topics, the data. */
const log: Target = {
  name: 'chain-log',
  covers: [],
  unit: 32,
  valid: (random) => {
    const contract = random.pick([0, 0, 0, 1, 2].filter((i) => (EVENTS[i] ?? []).length > 0))
    const event = random.pick(EVENTS[contract] as (typeof EVENTS)[number])
    const values = event.inputs.map((type) => aValue(type, random))
    const { topics, data } = (CODECS[contract] as (typeof CODECS)[number]).interface.encodeEventLog(event, values)
    return concatBytes(Uint8Array.of(contract, topics.length), ...topics.map((one) => fromHex(one)), fromHex(data))
  },
  decode: async (bytes) => {
    const count = Math.min(bytes[1] ?? 0, 4)
    const topics = Array.from({ length: count }, (_, i) => to0x(bytes.subarray(2 + 32 * i, 34 + 32 * i)))
    const data = to0x(bytes.subarray(2 + 32 * count))
    const address = ADDRESSES[(bytes[0] ?? 0) % 3]
    const one = { address, topics, data, blockNumber: 1, transactionHash: to0x(new Uint8Array(32)), index: 0 }
    const provider = { getLogs: () => Promise.resolve([one]) } as unknown as JsonRpcProvider
    const [event] = await new AssayReader(provider, DEPLOYMENT).events(0, 0)
    // What the job machine makes of it next.
    if (event?.name === 'WindowCommitted') committedEntries(event as unknown as JobEventOf<'WindowCommitted'>)
    return event
  },
  codes: ['chain', 'bad-encoding'],
  bombs: () => [
    ['a megabyte of pointers to the same bytes', bytesBomb(20_000, 300_000)],
    ['as many as fit', bytesBomb(1_800, 64_000)],
  ],
  allocates: COPIES,
  slowness: 4,
}

/** `bytes[]` whose items all point at one long string: decoding multiplies it. */
function bytesBomb(items: number, size: number): Uint8Array {
  const coder = AbiCoder.defaultAbiCoder()
  const event = ASSAY.interface.getEvent('WindowCommitted')
  if (event === null) throw new Error('no such event')
  const word = (value: number): Uint8Array => fromHex(coder.encode(['uint256'], [value]))
  const list = [word(items), ...Array.from({ length: items }, () => word(32 * items)), word(size), new Uint8Array(size)]
  const topics = [
    fromHex(event.topicHash),
    ...event.inputs.filter(({ indexed }) => indexed).map(() => new Uint8Array(32)),
  ]
  const heads = event.inputs.filter(({ indexed }) => !indexed).map(() => word(32 * 16))
  const padding = new Uint8Array(32 * 16 - 32 * heads.length)
  return concatBytes(Uint8Array.of(0, topics.length), ...topics, ...heads, padding, ...list)
}

/** Calls whose results the roles read, by the reader's own methods. */
const CALLS: readonly (readonly [contract: number, name: string, call: (reader: AssayReader) => Promise<unknown>])[] = [
  [0, 'termsOf', (reader) => reader.termsOf(ZERO)],
  [0, 'jobOf', (reader) => reader.jobOf(ZERO)],
  [0, 'windowOf', (reader) => reader.windowOf(ZERO, 0)],
  [0, 'entryOf', (reader) => reader.entryOf(ZERO, 0, 0)],
  [0, 'disputeOf', (reader) => reader.disputeOf(ZERO)],
  [0, 'seatOf', (reader) => reader.seatOf(ZERO, assay)],
  [0, 'cellsOf', (reader) => reader.cellsOf(ZERO, 0)],
  [0, 'poolOf', (reader) => reader.poolOf(ZERO)],
  [0, 'drawn', (reader) => reader.drawn(ZERO, 0, 0)],
  [0, 'balanceOf', (reader) => reader.balanceOf(assay)],
  [1, 'ruling', (reader) => reader.rulingOf(ZERO)],
]
const ZERO = to0x(new Uint8Array(32))

const result: Target = {
  name: 'chain-result',
  covers: [],
  unit: 32,
  valid: (random) => {
    const at = random.below(CALLS.length)
    const [contract, name] = CALLS[at] as (typeof CALLS)[number]
    const codec = (CODECS[contract] as (typeof CODECS)[number]).interface
    const outputs = codec.getFunction(name)?.outputs ?? []
    const values = outputs.map((type) => aValue(type, random))
    return concatBytes(Uint8Array.of(at), fromHex(codec.encodeFunctionResult(name, values)))
  },
  decode: async (bytes) => {
    const provider = { call: () => Promise.resolve(to0x(bytes.subarray(1))) } as unknown as JsonRpcProvider
    const [, , call] = CALLS[(bytes[0] ?? 0) % CALLS.length] as (typeof CALLS)[number]
    return await call(new AssayReader(provider, DEPLOYMENT))
  },
  codes: ['chain'],
  allocates: COPIES,
  slowness: 4,
}

const ERRORS = CODECS.flatMap((codec) => {
  const errors: (readonly [typeof codec, string, readonly ParamType[]])[] = []
  codec.interface.forEachError((error) => void errors.push([codec, error.name, error.inputs]))
  return errors
})

const revert: Target = {
  name: 'chain-revert',
  covers: ['contracts/client/errors.ts#parseRevert'],
  unit: 32,
  valid: (random) => {
    const [codec, name, inputs] = random.pick(ERRORS)
    return fromHex(
      codec.interface.encodeErrorResult(
        name,
        inputs.map((type) => aValue(type, random)),
      ),
    )
  },
  decode: (bytes) => parseRevert(to0x(bytes))?.name,
  codes: [],
  slowness: 4,
}

/** An entry as text, field by field: what the chain's client hands to the job machine. */
const entryText: Target = {
  name: 'chain-entry',
  covers: ['proto/machines/events.ts#entryFromHex'],
  unit: 32,
  valid: (random) => concatBytes(random.bytes(180)),
  decode: (bytes) => {
    const hex = (from: number, to: number): Hex => to0x(bytes.subarray(from, to)) as Hex
    const numbers = { epoch: 1, replica: 0, window: 1, stepFrom: 0, stepTo: 1 }
    return entryFromHex({
      ...numbers,
      jobId: hex(0, 32),
      rootBefore: hex(32, 64),
      rootAfter: hex(64, 96),
      lanesRoot: hex(96, 128),
      metricsRoot: hex(128, 160),
      solver: hex(160, 180),
    })
  },
  codes: ['bad-encoding'],
}

export const CHAIN = [log, result, revert, entryText] as readonly Target[]
