import { SigningKey } from 'ethers'
import { describe, expect, test } from 'vitest'
import { concatBytes, fromHex, to0x, toHex } from '#proto/bytes.ts'
import {
  decodeEntry,
  decodeSignedEntry,
  ENTRY_BYTES,
  type Entry,
  encodeEntry,
  encodeSignedEntry,
  entryDigest,
  equivocates,
  keyAddress,
  recoverSigner,
  signEntry,
  verifyEntry,
} from '#proto/entry.ts'
import { AssayError } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { addressBytes, addressText } from '#proto/ids.ts'
import { type SeededRandom, sampleJob, seededRandom } from '#proto/testing.ts'
import { checkEntry, slotSteps } from '#proto/windows.ts'

const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

function randomEntry(random: SeededRandom, solver = random.bytes(20)): Entry {
  const stepFrom = random.u32() % 2 ** 31
  return {
    jobId: random.bytes(32),
    epoch: random.u32(),
    replica: random.below(2 ** 16),
    window: random.u32(),
    stepFrom,
    stepTo: stepFrom + random.below(2 ** 31),
    rootBefore: random.bytes(32),
    rootAfter: random.bytes(32),
    lanesRoot: random.bytes(32),
    metricsRoot: random.bytes(32),
    solver,
  }
}

function thrown(run: () => unknown): AssayError {
  try {
    run()
  } catch (error) {
    if (error instanceof AssayError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('an entry', () => {
  test('has one encoding, and its digest covers every byte of it', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const entry = randomEntry(seededRandom(seed))
      const bytes = encodeEntry(entry)
      expect(bytes.length).toBe(ENTRY_BYTES)
      expect(decodeEntry(bytes), `seed ${seed}`).toEqual(entry)
      expect(entryDigest(entry)).toEqual(sha256(new TextEncoder().encode('assay/entry/1'), bytes))
    }
    const bytes = encodeEntry(randomEntry(seededRandom(1)))
    const digests = new Set<string>()
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice()
      changed[i] = (changed[i] as number) ^ 0x80
      digests.add(toHex(entryDigest(decodeEntry(changed))))
    }
    expect(digests.size).toBe(ENTRY_BYTES)
  })

  test('is signed by its solver and by nobody else', () => {
    const key = new SigningKey(to0x(new Uint8Array(32).fill(7)))
    const other = new SigningKey(to0x(new Uint8Array(32).fill(8)))
    const entry = randomEntry(seededRandom(3), keyAddress(key))
    const signed = signEntry(key, entry)
    expect(verifyEntry(signed)).toEqual(entryDigest(entry))
    expect(decodeSignedEntry(encodeSignedEntry(signed))).toEqual(signed)
    expect(thrown(() => signEntry(other, entry)).code).toBe('bad-input')
    const changed = { ...signed, entry: { ...entry, rootAfter: new Uint8Array(32) } }
    expect(thrown(() => verifyEntry(changed))).toMatchObject({ code: 'bad-signature', consequence: 'penalise' })
    expect(thrown(() => decodeSignedEntry(new Uint8Array(262))).code).toBe('bad-encoding')
    expect(thrown(() => decodeEntry(new Uint8Array(199))).code).toBe('bad-encoding')
  })

  test('has one signature form: high s, other v and other lengths are refused', () => {
    const key = new SigningKey(to0x(new Uint8Array(32).fill(7)))
    const digest = sha256(Uint8Array.of(1))
    const { signature } = signEntry(key, randomEntry(seededRandom(3), keyAddress(key)))
    const s = BigInt(to0x(signature.subarray(32, 64)))
    const high = fromHex((ORDER - s).toString(16).padStart(64, '0'))
    const flipped = Uint8Array.of(signature[64] === 27 ? 28 : 27)
    const malleated = concatBytes(signature.subarray(0, 32), high, flipped)
    expect(thrown(() => recoverSigner(digest, malleated)).code).toBe('bad-signature')
    const zero = concatBytes(signature.subarray(0, 64), Uint8Array.of(0))
    expect(thrown(() => recoverSigner(digest, zero)).code).toBe('bad-signature')
    expect(thrown(() => recoverSigner(digest, signature.subarray(0, 64))).code).toBe('bad-signature')
    const off = concatBytes(new Uint8Array(32).fill(0xff), new Uint8Array(32).fill(1), Uint8Array.of(27))
    expect(thrown(() => recoverSigner(digest, off)).code).toBe('bad-signature')
  })

  test('random signatures are refused or recover some account, never crash', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = seededRandom(seed)
      const signature = concatBytes(
        random.bytes(32),
        Uint8Array.of(random.below(2)),
        random.bytes(31),
        Uint8Array.of(27),
      )
      try {
        expect(recoverSigner(random.bytes(32), signature).length).toBe(20)
      } catch (error) {
        expect((error as AssayError).code, `seed ${seed}`).toBe('bad-signature')
      }
    }
  })

  test('equivocation is two different claims on overlapping steps', () => {
    const a = { ...randomEntry(seededRandom(5)), stepFrom: 4, stepTo: 8 }
    const b = { ...a, rootAfter: new Uint8Array(32) }
    expect(equivocates(a, a)).toBe(false)
    expect(equivocates(a, b)).toBe(true)
    expect(equivocates(a, { ...b, stepFrom: 7, stepTo: 9 })).toBe(true)
    expect(equivocates(a, { ...b, stepFrom: 8, stepTo: 12 })).toBe(false)
    expect(equivocates(a, { ...b, epoch: a.epoch ^ 1 })).toBe(false)
    expect(equivocates(a, { ...b, replica: a.replica ^ 1 })).toBe(false)
  })
})

describe('addresses', () => {
  test('round-trip in lower case', () => {
    const text = '0x52908400098527886e0f7030069857d2e4169ee7'
    expect(addressText(addressBytes(text))).toBe(text)
    expect(addressBytes('0x52908400098527886E0F7030069857D2E4169EE7')).toEqual(addressBytes(text))
    expect(thrown(() => addressBytes('0x12')).code).toBe('bad-encoding')
  })
})

describe("an entry's place", () => {
  const job = sampleJob({ steps: 11 })
  const cells = [new Uint8Array(20).fill(1), new Uint8Array(20).fill(2)]
  const context = { jobId: new Uint8Array(32).fill(9), epoch: 1, cells }

  function entryOf(slot: number, replica: number): Entry {
    const { from, to } = slotSteps(job, slot)
    const solver = cells[replica] as Uint8Array
    const place = { jobId: context.jobId, epoch: 1, replica, window: Math.floor(slot / 2), stepFrom: from, stepTo: to }
    return { ...randomEntry(seededRandom(slot)), ...place, solver }
  }

  test('is accepted for every slot and replica, and for nothing beside them', () => {
    for (let slot = 0; slot < 6; slot++) checkEntry(job, context, entryOf(slot, slot % 2))
    expect(entryOf(5, 0)).toMatchObject({ stepFrom: 10, stepTo: 11, window: 2 })
    const good = entryOf(1, 1)
    const bad: [Partial<Entry>, string][] = [
      [{ jobId: new Uint8Array(32) }, 'bad-entry'],
      [{ epoch: 0 }, 'stale'],
      [{ replica: 2 }, 'bad-entry'],
      [{ replica: 0 }, 'bad-entry'],
      [{ solver: cells[0] as Uint8Array }, 'bad-entry'],
      [{ stepFrom: 1 }, 'bad-entry'],
      [{ stepTo: 5 }, 'bad-entry'],
      [{ stepFrom: 12, stepTo: 14, window: 3 }, 'bad-entry'],
      [{ window: 1 }, 'bad-entry'],
    ]
    for (const [change, code] of bad) {
      const error = thrown(() => checkEntry(job, context, { ...good, ...change }))
      expect(error.code, JSON.stringify(change)).toBe(code)
      expect(error.consequence).toBe(code === 'stale' ? 'ignore' : 'penalise')
    }
  })
})
