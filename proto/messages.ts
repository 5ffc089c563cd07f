/**
 * Messages between peers: protobuf on the wire (proto/wire/*.proto), typed and bounded here. Sizes are checked before
 * decoding, every field after it; a signature covers our own canonical bytes, never protobuf
 * (docs/spec/protocol.md, "Messages").
 */
import type { SigningKey } from 'ethers'
import { bytesEqual } from '#proto/bytes.ts'
import {
  bytes,
  type Codec,
  count,
  encode,
  fixed,
  hash,
  list,
  type Of,
  oneOf,
  struct,
  text,
  u8,
  u16,
  u32,
} from '#proto/codec.ts'
import {
  decodeSignedEntry,
  recoverSigner,
  SIGNED_ENTRY_BYTES,
  type SignedEntry,
  signDigest,
  verifyEntry,
} from '#proto/entry.ts'
import { AssayError, check } from '#proto/errors.ts'
import { sha256, taggedHash } from '#proto/hash.ts'
import { ADDRESS_BYTES, type Address, addressText, type Hash } from '#proto/ids.ts'
import { decodeJob, type JobSpec, MAX_JOB_BYTES } from '#proto/job.ts'
import { Packed } from '#proto/packed.ts'
import { assay } from '#proto/wire/generated/wire.js'

const wire = assay.v1

/** Most addresses of a peer, and bytes of each. */
export const MAX_ADDRESSES = 8
export const MAX_ADDRESS_TEXT = 256
/** No list has so many items that its tree were higher. */
const MAX_TREE_HEIGHT = 16
/** Most peers named as serving something. */
export const MAX_PROVIDERS = 8

export const PROVIDER = struct({
  peerId: text(128),
  addresses: list(text(MAX_ADDRESS_TEXT), 0, MAX_ADDRESSES),
})
export type Provider = Of<typeof PROVIDER>

const head = {
  /** `networkId` of the chain and contract: a message of one network means nothing in another. */
  network: hash,
  /** Greater than in the signer's earlier messages of the kind (`SequenceGuard`): milliseconds of its clock will do. */
  sequence: count(0, Number.MAX_SAFE_INTEGER),
}

export const ROLES = ['coordinator', 'solver', 'verifier', 'whistleblower', 'submitter'] as const
export type Role = (typeof ROLES)[number]

/** What is signed of each kind: the canonical bytes of these fields, in this order. */
export const ANNOUNCEMENTS = {
  peer: struct({ ...head, role: oneOf(ROLES), account: fixed(ADDRESS_BYTES), provider: PROVIDER }),
  job: struct({
    ...head,
    submitter: fixed(ADDRESS_BYTES),
    nonce: count(0, Number.MAX_SAFE_INTEGER),
    spec: bytes(MAX_JOB_BYTES),
    providers: list(PROVIDER, 0, MAX_PROVIDERS),
  }),
  entry: struct({ ...head, entry: fixed(SIGNED_ENTRY_BYTES), providers: list(PROVIDER, 0, MAX_PROVIDERS) }),
} as const

export type AnnouncementKind = keyof typeof ANNOUNCEMENTS
export type PeerAnnouncement = Of<(typeof ANNOUNCEMENTS)['peer']>
export type JobAnnouncement = Of<(typeof ANNOUNCEMENTS)['job']>
export type EntryAnnouncement = Of<(typeof ANNOUNCEMENTS)['entry']>
export type Announcement<K extends AnnouncementKind> = Of<(typeof ANNOUNCEMENTS)[K]>

const PROVIDER_BYTES = 256 + MAX_ADDRESSES * (MAX_ADDRESS_TEXT + 8)
/** Most protobuf bytes of a message of each kind. */
export const MAX_ANNOUNCEMENT_BYTES = {
  peer: 256 + PROVIDER_BYTES,
  job: 256 + MAX_JOB_BYTES + MAX_PROVIDERS * PROVIDER_BYTES,
  entry: 512 + MAX_PROVIDERS * PROVIDER_BYTES,
} as const

/** H("assay/network/1" || chain id u256 || contract). */
export function networkId(chainId: bigint, contract: Address): Hash {
  return taggedHash('assay/network/1', (p) => p.u256(chainId).address(contract))
}

/** H("assay/announce/1" || kind || canonical bytes): what the announcing account signs. */
export function announcementDigest<K extends AnnouncementKind>(kind: K, message: Announcement<K>): Hash {
  const body = encode(ANNOUNCEMENTS[kind] as unknown as Codec<Announcement<K>>, message)
  return sha256(new Packed().tag('assay/announce/1').tag(kind).finish(), body)
}

/** Protobuf of a message, signed. Throws `bad-input` or `over-limit` for a field outside its limits. */
export function encodeAnnouncement<K extends AnnouncementKind>(
  kind: K,
  message: Announcement<K>,
  key: SigningKey,
): Uint8Array {
  const signature = signDigest(key, announcementDigest(kind, message))
  return toWire[kind](message, signature)
}

const toWire: { [K in AnnouncementKind]: (message: Announcement<K>, signature: Uint8Array) => Uint8Array } = {
  peer: (m, signature) =>
    wire.PeerAnnouncement.encode({
      ...m,
      role: ROLES.indexOf(m.role),
      provider: loose(m.provider),
      signature,
    }).finish(),
  job: (m, signature) => wire.JobAnnouncement.encode({ ...m, providers: m.providers.map(loose), signature }).finish(),
  entry: (m, signature) =>
    wire.EntryAnnouncement.encode({ ...m, providers: m.providers.map(loose), signature }).finish(),
}

/** The generated code wants mutable lists. */
function loose({ peerId, addresses }: Provider): { peerId: string; addresses: string[] } {
  return { peerId, addresses: [...addresses] }
}

/** A message as it came, checked against every limit but not yet against its signature. */
interface Parsed<K extends AnnouncementKind> {
  readonly message: Announcement<K>
  readonly signature: Uint8Array
}

const fromWire: { [K in AnnouncementKind]: (data: Uint8Array) => Parsed<K> } = {
  peer: (data) => {
    const m = wire.PeerAnnouncement.decode(data)
    const role = ROLES[m.role ?? 0] ?? ('' as Role)
    const message = { ...headOf(m), role, account: own(m.account), provider: provider(m.provider) }
    return { message, signature: own(m.signature) }
  },
  job: (data) => {
    const m = wire.JobAnnouncement.decode(data)
    const message = {
      ...headOf(m),
      submitter: own(m.submitter),
      nonce: whole(m.nonce),
      spec: own(m.spec),
      providers: (m.providers ?? []).map(provider),
    }
    return { message, signature: own(m.signature) }
  },
  entry: (data) => {
    const m = wire.EntryAnnouncement.decode(data)
    const message = { ...headOf(m), entry: own(m.entry), providers: (m.providers ?? []).map(provider) }
    return { message, signature: own(m.signature) }
  },
}

type Maybe<T> = T | null | undefined

function headOf(m: { network?: Maybe<Uint8Array>; sequence?: Maybe<number> }): { network: Hash; sequence: number } {
  return { network: own(m.network), sequence: whole(m.sequence) }
}

/** Plain bytes that do not keep the received buffer alive. */
function own(value: Maybe<Uint8Array>): Uint8Array {
  return Uint8Array.from(value ?? [])
}

/** A 64-bit field, however the protobuf library hands it over; above 2^53 it fails the limits. */
function whole(value: unknown): number {
  return Number(String(value ?? 0))
}

function provider(value: Maybe<{ peerId?: Maybe<string>; addresses?: Maybe<string[]> }>): Provider {
  return { peerId: value?.peerId ?? '', addresses: [...(value?.addresses ?? [])] }
}

/** Account that must have signed a message. */
const SIGNER: { [K in AnnouncementKind]: (message: Announcement<K>) => Address } = {
  peer: (message) => message.account,
  job: (message) => message.submitter,
  entry: (message) => decodeSignedEntry(message.entry).entry.solver,
}

/**
 * The message of received bytes, with its signature verified. Throws, to penalise the sender: `over-limit` for a size or
 * field above its limit, `bad-encoding` for malformed bytes, `bad-signature` for another signer. Throws `stale`, to ignore,
 * for a message of another network. The caller still asks a `SequenceGuard` whether it is new.
 */
export function decodeAnnouncement<K extends AnnouncementKind>(
  kind: K,
  data: Uint8Array,
  network: Hash,
): Announcement<K> {
  const { message, signature } = penalising(() => {
    const max = MAX_ANNOUNCEMENT_BYTES[kind]
    check(data.length <= max, 'over-limit', `an announcement of ${data.length} bytes, at most ${max}`)
    const parsed = parse(() => fromWire[kind](data))
    encode(ANNOUNCEMENTS[kind] as unknown as Codec<Announcement<K>>, parsed.message)
    return parsed
  })
  const foreign = { consequence: 'ignore' } as const
  check(bytesEqual((message as { network: Hash }).network, network), 'stale', 'a message of another network', foreign)
  const signer = recoverSigner(announcementDigest(kind, message), signature)
  const claimed = SIGNER[kind](message)
  const wrong = `signed by ${addressText(signer)}, not by ${addressText(claimed)}`
  check(bytesEqual(signer, claimed), 'bad-signature', wrong, { consequence: 'penalise' })
  return message
}

/** The signed entry of an announcement, its own signature verified. Throws `bad-signature` (penalise). */
export function announcedEntry(message: EntryAnnouncement): SignedEntry & { readonly digest: Hash } {
  const signed = decodeSignedEntry(message.entry)
  return { ...signed, digest: verifyEntry(signed) }
}

/** The job of an announcement. Throws `bad-job` (penalise) for bytes that are none. */
export function announcedJob(message: JobAnnouncement): JobSpec {
  return penalising(() => decodeJob(message.spec))
}

const EXCHANGE_REQUEST = struct({ jobId: hash, epoch: u32(), step: u32(), level: u16(1), replica: u16() })
export type ExchangeRequest = Of<typeof EXCHANGE_REQUEST>
/** Most protobuf bytes of an `ExchangeRequest`. */
export const MAX_EXCHANGE_BYTES = 128

/** Throws `bad-input` or `over-limit` for a field outside its limits. */
export function encodeExchangeRequest(request: ExchangeRequest): Uint8Array {
  encode(EXCHANGE_REQUEST, request)
  return wire.ExchangeRequest.encode(request).finish()
}

/** Throws `over-limit`, `bad-input` or `bad-encoding` (penalise). */
export function decodeExchangeRequest(data: Uint8Array): ExchangeRequest {
  return penalising(() => {
    check(data.length <= MAX_EXCHANGE_BYTES, 'over-limit', `${data.length} bytes, at most ${MAX_EXCHANGE_BYTES}`)
    const { jobId, epoch, step, level, replica } = parse(() => wire.ExchangeRequest.decode(data))
    const request = { jobId: own(jobId), epoch: epoch ?? 0, step: step ?? 0, level: level ?? 0, replica: replica ?? 0 }
    encode(EXCHANGE_REQUEST, request)
    return request
  })
}

/** Lists of a statement (docs/spec/pinpoint.md, One rule), results by what they are of. */
export const STATEMENT_LISTS = ['items', 'values', 'words', 'trace', 'sums', 'metrics', 'exports'] as const

/** A node of a list of the statement about an entry; `item`, `value` and `element` are 0 where the list does not need them. */
const STATEMENT_REQUEST = struct({
  entry: hash,
  list: oneOf(STATEMENT_LISTS),
  item: u32(),
  value: u32(),
  element: u32(),
  height: u8(0, MAX_TREE_HEIGHT),
  index: count(0, Number.MAX_SAFE_INTEGER),
})
export type StatementRequest = Of<typeof STATEMENT_REQUEST>
/** Most protobuf bytes of a `StatementRequest`, and of its answer. */
export const MAX_STATEMENT_BYTES = 128
export const MAX_PREIMAGE_BYTES = 1024

/** Throws `bad-input` or `over-limit` for a field outside its limits. */
export function encodeStatementRequest(request: StatementRequest): Uint8Array {
  encode(STATEMENT_REQUEST, request)
  return wire.StatementRequest.encode({ ...request, list: STATEMENT_LISTS.indexOf(request.list) }).finish()
}

/** Throws `over-limit`, `bad-input` or `bad-encoding` (penalise). */
export function decodeStatementRequest(data: Uint8Array): StatementRequest {
  return penalising(() => {
    check(data.length <= MAX_STATEMENT_BYTES, 'over-limit', `${data.length} bytes, at most ${MAX_STATEMENT_BYTES}`)
    const m = parse(() => wire.StatementRequest.decode(data))
    const request = {
      entry: own(m.entry),
      list: STATEMENT_LISTS[m.list ?? 0] ?? ('' as StatementRequest['list']),
      ...{ item: m.item ?? 0, value: m.value ?? 0, element: m.element ?? 0 },
      ...{ height: m.height ?? 0, index: whole(m.index) },
    }
    encode(STATEMENT_REQUEST, request)
    return request
  })
}

/** What protobuf throws on malformed bytes, as an `AssayError`. */
function parse<T>(run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw new AssayError('bad-encoding', 'malformed protobuf', { cause })
  }
}

function penalising<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof AssayError) || error.consequence !== 'none') throw error
    throw new AssayError(error.code, error.message, { consequence: 'penalise', cause: error })
  }
}

/**
 * Tells new messages from repeated ones, for the signers heard of last. A forgotten signer's old message passes again:
 * what a message claims must be harmless to hear twice.
 */
export class SequenceGuard {
  private readonly last = new Map<string, number>()
  private readonly capacity: number

  constructor(capacity = 4096) {
    this.capacity = capacity
  }

  /** Whether `sequence` is above the signer's last one of this kind; if so it becomes the last. */
  isNew(kind: AnnouncementKind, signer: Address, sequence: number): boolean {
    const key = `${kind} ${addressText(signer)}`
    const last = this.last.get(key)
    if (last !== undefined && sequence <= last) return false
    this.last.delete(key)
    this.last.set(key, sequence)
    if (this.last.size > this.capacity) this.last.delete(this.last.keys().next().value as string)
    return true
  }
}

/** The account whose signature a message carries. */
export function announcer<K extends AnnouncementKind>(kind: K, message: Announcement<K>): Address {
  return SIGNER[kind](message)
}
