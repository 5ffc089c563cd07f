import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SigningKey } from 'ethers'
import { describe, expect, test } from 'vitest'
import { to0x } from '#proto/bytes.ts'
import { encodeSignedEntry, keyAddress, signEntry } from '#proto/entry.ts'
import { AssayError } from '#proto/errors.ts'
import { encodeJob } from '#proto/job.ts'
import {
  type AnnouncementKind,
  announcedEntry,
  announcedJob,
  announcer,
  decodeAnnouncement,
  decodeExchangeRequest,
  decodeStatementRequest,
  type EntryAnnouncement,
  encodeAnnouncement,
  encodeExchangeRequest,
  encodeStatementRequest,
  type JobAnnouncement,
  MAX_ANNOUNCEMENT_BYTES,
  MAX_EXCHANGE_BYTES,
  MAX_STATEMENT_BYTES,
  networkId,
  type PeerAnnouncement,
  SequenceGuard,
  type StatementRequest,
} from '#proto/messages.ts'
import { sampleJob, seededRandom } from '#proto/testing.ts'
import { assay } from '#proto/wire/generated/wire.js'

const key = new SigningKey(to0x(new Uint8Array(32).fill(5)))
const other = new SigningKey(to0x(new Uint8Array(32).fill(6)))
const network = networkId(31_337n, new Uint8Array(20).fill(1))
const provider = { peerId: '16Uiu2HAmExample', addresses: ['/ip4/127.0.0.1/tcp/4001'] }

const peer: PeerAnnouncement = { network, sequence: 1.7e12, role: 'solver', account: keyAddress(key), provider }
const job: JobAnnouncement = {
  network,
  sequence: 2,
  submitter: keyAddress(key),
  nonce: 3,
  spec: encodeJob(sampleJob()),
  providers: [provider, { peerId: 'x', addresses: [] }],
}
const b32 = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const signed = signEntry(key, {
  jobId: b32(1),
  epoch: 1,
  replica: 0,
  window: 2,
  stepFrom: 8,
  stepTo: 10,
  rootBefore: b32(2),
  rootAfter: b32(3),
  lanesRoot: b32(4),
  metricsRoot: b32(5),
  solver: keyAddress(key),
})
const entry: EntryAnnouncement = { network, sequence: 9, entry: encodeSignedEntry(signed), providers: [provider] }

function thrown(run: () => unknown): AssayError {
  try {
    run()
  } catch (error) {
    if (error instanceof AssayError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('announcements', () => {
  test('round-trip with their signer', () => {
    expect(decodeAnnouncement('peer', encodeAnnouncement('peer', peer, key), network)).toEqual(peer)
    expect(decodeAnnouncement('job', encodeAnnouncement('job', job, key), network)).toEqual(job)
    expect(decodeAnnouncement('entry', encodeAnnouncement('entry', entry, key), network)).toEqual(entry)
    expect(announcer('entry', entry)).toEqual(keyAddress(key))
    expect(announcedEntry(entry)).toMatchObject(signed)
    expect(announcedJob(job)).toEqual(sampleJob())
  })

  test('are refused from another signer, another network or another kind', () => {
    const wrong = { code: 'bad-signature', consequence: 'penalise' }
    expect(thrown(() => decodeAnnouncement('peer', encodeAnnouncement('peer', peer, other), network))).toMatchObject(
      wrong,
    )
    expect(thrown(() => decodeAnnouncement('job', encodeAnnouncement('job', job, other), network))).toMatchObject(wrong)
    expect(thrown(() => decodeAnnouncement('entry', encodeAnnouncement('entry', entry, other), network))).toMatchObject(
      wrong,
    )
    const foreign = thrown(() => decodeAnnouncement('peer', encodeAnnouncement('peer', peer, key), b32(0)))
    expect(foreign).toMatchObject({ code: 'stale', consequence: 'ignore' })
    const asJob = thrown(() => decodeAnnouncement('job', encodeAnnouncement('peer', peer, key), network))
    expect(asJob.consequence).toBe('penalise')
  })

  test('sign every field', () => {
    const { signature } = assay.v1.PeerAnnouncement.decode(encodeAnnouncement('peer', peer, key)) as {
      signature: Uint8Array
    }
    const base = {
      ...peer,
      role: 1,
      provider: { peerId: provider.peerId, addresses: [...provider.addresses] },
      signature,
    }
    const changes = [
      { sequence: 5 },
      { role: 2 },
      { account: keyAddress(other) },
      { provider: { ...base.provider, peerId: 'another' } },
      { provider: { ...base.provider, addresses: [] } },
    ]
    decodeAnnouncement('peer', assay.v1.PeerAnnouncement.encode(base).finish(), network)
    for (const change of changes) {
      const data = assay.v1.PeerAnnouncement.encode({ ...base, ...change }).finish()
      expect(thrown(() => decodeAnnouncement('peer', data, network)).code, JSON.stringify(change)).toBe('bad-signature')
    }
  })

  test('are bounded before and after decoding', () => {
    for (const kind of ['peer', 'job', 'entry'] as const) {
      const big = new Uint8Array(MAX_ANNOUNCEMENT_BYTES[kind] + 1)
      expect(thrown(() => decodeAnnouncement(kind, big, network))).toMatchObject({
        code: 'over-limit',
        consequence: 'penalise',
      })
    }
    const base = { ...peer, role: 1, signature: new Uint8Array(65) }
    const many = { peerId: 'x', addresses: Array.from({ length: 9 }, () => 'a') }
    const data = assay.v1.PeerAnnouncement.encode({ ...base, provider: many }).finish()
    expect(thrown(() => decodeAnnouncement('peer', data, network)).code).toBe('over-limit')
    const role = assay.v1.PeerAnnouncement.encode({ ...base, provider: { peerId: 'x' }, role: 99 }).finish()
    expect(thrown(() => decodeAnnouncement('peer', role, network)).consequence).toBe('penalise')
    expect(
      thrown(() => encodeAnnouncement('peer', { ...peer, provider: { ...provider, peerId: 'x'.repeat(129) } }, key))
        .code,
    ).toBe('over-limit')
    const full = { peerId: 'x'.repeat(128), addresses: Array.from({ length: 8 }, () => 'a'.repeat(256)) }
    const largest = encodeAnnouncement('job', { ...job, providers: Array.from({ length: 8 }, () => full) }, key)
    expect(decodeAnnouncement('job', largest, network).providers).toHaveLength(8)
  })

  test('random and mutated bytes never do more than throw an AssayError', () => {
    const messages: [AnnouncementKind, Uint8Array][] = [
      ['peer', encodeAnnouncement('peer', peer, key)],
      ['job', encodeAnnouncement('job', job, key)],
      ['entry', encodeAnnouncement('entry', entry, key)],
    ]
    for (let seed = 1; seed <= 150; seed++) {
      const random = seededRandom(seed)
      const [kind, bytes] = random.pick(messages)
      const data = random.bool(0.2) ? random.bytes(random.below(400)) : bytes.slice(0, bytes.length - random.below(3))
      for (let k = random.below(4) + 1; k > 0 && data.length > 0; k--)
        data[random.below(data.length)] = random.below(256)
      try {
        decodeAnnouncement(kind, data, network)
      } catch (error) {
        expect(error, `seed ${seed}`).toBeInstanceOf(AssayError)
      }
    }
  })

  test('an entry with a broken signature of its own is refused', () => {
    const forged = entry.entry.slice()
    forged[60] = (forged[60] as number) ^ 1
    expect(thrown(() => announcedEntry({ ...entry, entry: forged }))).toMatchObject({ code: 'bad-signature' })
    expect(thrown(() => announcedJob({ ...job, spec: new Uint8Array(40) }))).toMatchObject({
      code: 'bad-job',
      consequence: 'penalise',
    })
  })
})

describe('exchange requests', () => {
  test('round-trip and are bounded', () => {
    const request = { jobId: b32(7), epoch: 0, step: 0, level: 2, replica: 3 }
    expect(decodeExchangeRequest(encodeExchangeRequest(request))).toEqual(request)
    const largest = { jobId: b32(255), epoch: 2 ** 32 - 1, step: 2 ** 32 - 1, level: 65_535, replica: 65_535 }
    expect(encodeExchangeRequest(largest).length).toBeLessThanOrEqual(MAX_EXCHANGE_BYTES)
    expect(thrown(() => decodeExchangeRequest(new Uint8Array(129))).consequence).toBe('penalise')
    expect(thrown(() => decodeExchangeRequest(new Uint8Array(0))).consequence).toBe('penalise')
    expect(thrown(() => encodeExchangeRequest({ ...request, level: 0 })).code).toBe('over-limit')
  })
})

describe('statement requests', () => {
  test('round-trip and are bounded', () => {
    const request: StatementRequest = {
      ...{ entry: b32(7), list: 'trace', item: 3, value: 4, element: 5 },
      ...{ height: 2, index: 2 ** 40 },
    }
    expect(decodeStatementRequest(encodeStatementRequest(request))).toEqual(request)
    const most = 2 ** 32 - 1
    const places = { item: most, value: most, element: most, height: 16, index: Number.MAX_SAFE_INTEGER }
    const largest: StatementRequest = { entry: b32(255), list: 'exports', ...places }
    expect(encodeStatementRequest(largest).length).toBeLessThanOrEqual(MAX_STATEMENT_BYTES)
    expect(thrown(() => decodeStatementRequest(new Uint8Array(129))).consequence).toBe('penalise')
    expect(thrown(() => decodeStatementRequest(new Uint8Array(0))).consequence).toBe('penalise')
    expect(thrown(() => encodeStatementRequest({ ...request, height: 17 })).code).toBe('over-limit')
  })
})

test('a sequence is new once a signer and kind, and memory is bounded', () => {
  const guard = new SequenceGuard(2)
  const [a, b, c] = [1, 2, 3].map((n) => new Uint8Array(20).fill(n)) as [Uint8Array, Uint8Array, Uint8Array]
  expect(guard.isNew('peer', a, 5)).toBe(true)
  expect(guard.isNew('peer', a, 5)).toBe(false)
  expect(guard.isNew('peer', a, 4)).toBe(false)
  expect(guard.isNew('entry', a, 4)).toBe(true)
  expect(guard.isNew('peer', b, 1)).toBe(true)
  expect(guard.isNew('peer', c, 1)).toBe(true)
  expect(guard.isNew('entry', a, 4)).toBe(true)
})

test('the generated wire code is current', () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'assay-wire-'))
  try {
    execFileSync(process.execPath, [join(root, 'proto/wire/build.mjs'), folder], { cwd: root })
    for (const file of ['wire.js', 'wire.d.ts']) {
      const fresh = readFileSync(join(folder, file), 'utf8')
      expect(fresh, `run npm run proto:build: ${file}`).toBe(
        readFileSync(join(root, 'proto/wire/generated', file), 'utf8'),
      )
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
