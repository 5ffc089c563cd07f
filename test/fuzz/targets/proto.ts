/** Decoders of proto: canonical bytes, messages between peers, hex, signatures, proofs. */
import { decodeFacts, encodeFacts, FACTS_BYTES } from '#pinpoint/facts.ts'
import type { Facts } from '#pinpoint/types.ts'
import { bytesEqual, concatBytes, fromHex, toHex } from '#proto/bytes.ts'
import {
  decodeEntry,
  decodeSignedEntry,
  encodeEntry,
  encodeSignedEntry,
  entryDigest,
  recoverSigner,
  signDigest,
} from '#proto/entry.ts'
import { check } from '#proto/errors.ts'
import { addressBytes, addressText } from '#proto/ids.ts'
import { decodeJob, encodeJob, type JobSpec } from '#proto/job.ts'
import { hashTree, proveHash, verifyProof } from '#proto/merkle.ts'
import {
  type Announcement,
  type AnnouncementKind,
  announcedEntry,
  announcedJob,
  decodeAnnouncement,
  decodeExchangeRequest,
  decodeStatementRequest,
  type EntryAnnouncement,
  type ExchangeRequest,
  encodeAnnouncement,
  encodeExchangeRequest,
  encodeStatementRequest,
  type JobAnnouncement,
  MAX_ANNOUNCEMENT_BYTES,
  ROLES,
  STATEMENT_LISTS,
  type StatementRequest,
} from '#proto/messages.ts'
import { type SeededRandom, type Target, textOf, utf8 } from '#test/fuzz/target.ts'
import { mutateMessage } from '#test/fuzz/targets/protobuf.ts'
import { ACCOUNT, aJob, anEntry, aProvider, aSignedEntry, KEY, NETWORK } from '#test/fuzz/targets/values.ts'

const job: Target<JobSpec> = {
  name: 'job',
  covers: ['proto/job.ts#decodeJob', 'proto/codec.ts#decode'],
  valid: (random) => encodeJob(aJob(random)),
  decode: decodeJob,
  encode: encodeJob,
  form: 'canonical',
  codes: ['bad-job'],
  bombs: () => [['16 MiB', concatBytes(encodeJob(aJob(BOMB_RANDOM)), new Uint8Array(2 ** 24))]],
}

const entry: Target = {
  name: 'entry',
  covers: ['proto/entry.ts#decodeEntry'],
  valid: (random) => encodeEntry(anEntry(random)),
  decode: decodeEntry,
  encode: (value) => encodeEntry(value as ReturnType<typeof decodeEntry>),
  form: 'canonical',
  codes: ['bad-encoding'],
}

const facts: Target<Facts> = {
  name: 'facts',
  covers: ['pinpoint/facts.ts#decodeFacts'],
  valid: (random) => {
    const bytes = random.bytes(FACTS_BYTES)
    // Sizes are numbers that are exact here.
    for (const size of [332, 349]) bytes.fill(0, size, size + 2)
    return bytes
  },
  decode: decodeFacts,
  encode: encodeFacts,
  form: 'canonical',
  codes: ['bad-encoding'],
}

const signedEntry: Target = {
  name: 'signed-entry',
  covers: ['proto/entry.ts#decodeSignedEntry'],
  valid: aSignedEntry,
  decode: decodeSignedEntry,
  encode: (value) => encodeSignedEntry(value as ReturnType<typeof decodeSignedEntry>),
  form: 'canonical',
  codes: ['bad-encoding'],
}

const DIGEST = entryDigest(
  anEntry({ below: () => 1, bytes: (n: number) => new Uint8Array(n) } as unknown as SeededRandom),
)

/** Accepted: some account signed. Signing anew is the only encoder, so nothing is compared. */
const signature: Target = {
  name: 'signature',
  covers: [],
  valid: (random) => concatBytes(random.bytes(32), signDigest(KEY, DIGEST)),
  decode: (bytes) => recoverSigner(DIGEST, bytes.subarray(32)),
  codes: ['bad-signature'],
  consequences: ['penalise'],
  slowness: 16,
}

const header = (random: SeededRandom) => ({ network: NETWORK, sequence: random.u32() })
const providers = (random: SeededRandom) => Array.from({ length: random.below(4) }, () => aProvider(random))

const MESSAGES: { readonly [K in AnnouncementKind]: (random: SeededRandom) => Announcement<K> } = {
  peer: (random) => ({ ...header(random), role: random.pick(ROLES), account: ACCOUNT, provider: aProvider(random) }),
  job: (random) => ({
    ...header(random),
    submitter: ACCOUNT,
    nonce: random.u32(),
    spec: encodeJob(aJob(random)),
    providers: providers(random),
  }),
  entry: (random) => ({ ...header(random), entry: aSignedEntry(random), providers: providers(random) }),
}

/** What is inside a message is read too: its entry or its job. */
const INSIDE: { readonly [K in AnnouncementKind]: (message: Announcement<K>) => unknown } = {
  peer: () => undefined,
  job: (message) => announcedJob(message as JobAnnouncement),
  entry: (message) => announcedEntry(message as EntryAnnouncement),
}

/** Checking a signature is most of the time, so mutations keep most messages from being signed properly. */
function announcement<K extends AnnouncementKind>(kind: K): Target {
  return {
    name: `${kind}-announcement`,
    covers: ['proto/messages.ts#decodeAnnouncement'],
    valid: (random) => encodeAnnouncement(kind, MESSAGES[kind](random), KEY),
    decode: (bytes) => {
      const message = decodeAnnouncement(kind, bytes, NETWORK)
      INSIDE[kind](message)
      return message
    },
    encode: (message) => encodeAnnouncement(kind, message as Announcement<K>, KEY),
    form: 'stable',
    codes: ['bad-encoding', 'bad-input', 'over-limit', 'bad-signature', 'stale', 'bad-job'],
    consequences: ['penalise', 'ignore'],
    mutate: mutateMessage,
    bombs: () => [
      ['ten thousand empty providers', repeated(0x2a, kind === 'job' ? 10_000 : 3_000)],
      ['groups within groups', new Uint8Array(MAX_ANNOUNCEMENT_BYTES[kind]).fill(0x0b)],
      ['one byte too many', new Uint8Array(MAX_ANNOUNCEMENT_BYTES[kind] + 1)],
    ],
    slowness: 16,
  }
}

/** Empty length-delimited fields of one number. */
const repeated = (tag: number, count: number): Uint8Array =>
  Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? tag : 0))

const exchange: Target<ExchangeRequest> = {
  name: 'exchange-request',
  covers: ['proto/messages.ts#decodeExchangeRequest'],
  valid: (random) =>
    encodeExchangeRequest({
      jobId: random.bytes(32),
      epoch: random.u32(),
      step: random.u32(),
      level: 1 << random.below(8),
      replica: random.below(256),
    }),
  decode: decodeExchangeRequest,
  encode: encodeExchangeRequest,
  form: 'stable',
  codes: ['bad-encoding', 'bad-input', 'over-limit'],
  consequences: ['penalise'],
  mutate: mutateMessage,
}

const statement: Target<StatementRequest> = {
  name: 'statement-request',
  covers: ['proto/messages.ts#decodeStatementRequest'],
  valid: (random) =>
    encodeStatementRequest({
      entry: random.bytes(32),
      list: random.pick(STATEMENT_LISTS),
      item: random.u32(),
      value: random.below(1000),
      element: random.u32(),
      height: random.below(9),
      index: random.u32() * 2 ** random.below(20),
    }),
  decode: decodeStatementRequest,
  encode: encodeStatementRequest,
  form: 'stable',
  codes: ['bad-encoding', 'bad-input', 'over-limit'],
  consequences: ['penalise'],
  mutate: mutateMessage,
}

const hex: Target<Uint8Array> = {
  name: 'hex',
  covers: ['proto/bytes.ts#fromHex'],
  valid: (random) => utf8(`${random.bool() ? '0x' : ''}${toHex(random.bytes(random.below(70)))}`),
  decode: (bytes) => fromHex(textOf(bytes)),
  encode: (value) => utf8(toHex(value)),
  form: 'stable',
  codes: ['bad-encoding'],
}

const address: Target<Uint8Array> = {
  name: 'address',
  covers: ['proto/ids.ts#addressBytes'],
  valid: (random) => utf8(addressText(random.bytes(20))),
  decode: (bytes) => addressBytes(textOf(bytes)),
  encode: (value) => utf8(addressText(value)),
  form: 'stable',
  codes: ['bad-encoding', 'bad-input'],
}

const LEAVES = Array.from({ length: 300 }, (_, i) => new Uint8Array(32).fill(i))
const ROOT = hashTree(LEAVES)

/**
 * A proof of one of 300 leaves: u16 index, then the leaf, then of each level a count and its hashes. True only for the
 * leaf that stands at the index, whatever the path says.
 */
const proof: Target<boolean> = {
  name: 'merkle-proof',
  covers: ['proto/merkle.ts#verifyProof'],
  unit: 32,
  valid: (random) => {
    const index = random.below(LEAVES.length)
    const path = proveHash(LEAVES, index).flatMap((others) => [Uint8Array.of(others.length), ...others])
    return concatBytes(Uint8Array.of(index >> 8, index & 0xff), LEAVES[index] as Uint8Array, ...path)
  },
  decode: (bytes) => {
    const index = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)
    const leaf = bytes.slice(2, 34)
    const path: Uint8Array[][] = []
    for (let at = 34; at < bytes.length; ) {
      const count = bytes[at++] as number
      path.push(Array.from({ length: count }, (_, i) => bytes.slice(at + 32 * i, at + 32 * (i + 1))))
      at += 32 * count
    }
    check(verifyProof(ROOT, LEAVES.length, index, leaf, path), 'bad-proof', 'not proven')
    if (!bytesEqual(leaf, LEAVES[index] as Uint8Array)) throw new Error('a false leaf is proven')
    return true
  },
  codes: ['bad-proof'],
}

const BOMB_RANDOM: SeededRandom = {
  below: () => 0,
  bool: () => true,
  pick: ([one]: readonly unknown[]) => one,
  u64: () => 0n,
} as unknown as SeededRandom

export const PROTO: readonly Target[] = [
  job,
  entry,
  facts as Target,
  signedEntry,
  signature,
  announcement('peer'),
  announcement('job'),
  announcement('entry'),
  exchange,
  statement,
  hex,
  address,
  proof,
] as readonly Target[]
