/** Small structures between real peers. */
import { Packr } from 'msgpackr'
import { expect, test } from 'vitest'
import {
  decodeObject,
  encodeObject,
  fetchObject,
  MAX_OBJECT_BYTES,
  OBJECT_PROTOCOL,
  serveObjects,
} from '#net/objects.ts'
import { startPair, startPeer } from '#net/testing.ts'

interface Evidence {
  readonly step: number
  readonly values: Float32Array
}

const isEvidence = (value: unknown): value is Evidence => {
  const { step, values } = (value ?? {}) as Partial<Evidence>
  return Number.isInteger(step) && values instanceof Float32Array && values.length === 3
}

const key = Uint8Array.of(1, 2, 3)

test('structures keep their types', () => {
  const value = {
    numbers: [1, -1, 0.5, 2 ** 40],
    big: 2n ** 200n,
    floats: Float32Array.of(1.5, -0),
    ints: new Int32Array([-1, 2]),
    bytes: Uint8Array.of(1, 2),
    text: 'é',
    none: null,
    nested: { deep: [{ a: true }] },
  }
  const decoded = decodeObject(encodeObject(value)) as typeof value
  expect(decoded).toEqual(value)
  expect(decoded.floats).toBeInstanceOf(Float32Array)
  expect(Object.is(decoded.floats[1], -0)).toBe(true)
  // The one number that a plain field does not keep.
  expect(Object.is(decodeObject(encodeObject(-0)), 0)).toBe(true)
})

test('what is too large or malformed is a typed error', () => {
  expect(() => encodeObject(new Uint8Array(MAX_OBJECT_BYTES))).toThrow('above 1 MiB')
  expect(() => decodeObject(new Uint8Array(MAX_OBJECT_BYTES + 1))).toThrow('above 1 MiB')
  const nested = new Uint8Array(MAX_OBJECT_BYTES).fill(0x91)
  const hostile = [
    Uint8Array.of(),
    Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0xc9, 0xff, 0xff, 0xff, 0xff, 0x74),
    Uint8Array.of(0xd4, 0x72, 0x40),
    Uint8Array.of(0x01, 0x02),
    nested,
  ]
  for (const bytes of hostile) {
    expect(() => decodeObject(bytes)).toThrow(
      expect.objectContaining({ code: bytes === nested ? 'over-limit' : 'bad-encoding' }),
    )
  }
  // The decoder works on after every failure, and has no way to the prototype.
  expect(decodeObject(encodeObject([1]))).toEqual([1])
  decodeObject(encodeObject(JSON.parse('{"__proto__": {"polluted": 1}}')))
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
})

test('what the library could also do is refused', () => {
  // Lists of two references each to the one before: 2^40 values, were they followed, in a few hundred bytes.
  let shared: unknown = [1]
  for (let i = 0; i < 40; i++) shared = [shared, shared]
  const clone = new Packr({ structuredClone: true, moreTypes: true, useRecords: false })
  const bomb = new Uint8Array([...clone.pack(shared), 0])
  expect(bomb.length).toBeLessThan(600)
  expect(() => decodeObject(bomb)).toThrow(expect.objectContaining({ code: 'bad-encoding' }))
  for (const value of [/(a+)+b/, new Error('x'), new Set([1]), new Date(0), undefined]) {
    expect(() => decodeObject(clone.pack(value))).toThrow(expect.objectContaining({ code: 'bad-encoding' }))
    expect(() => encodeObject({ value })).toThrow(expect.objectContaining({ code: 'bad-input' }))
  }
  const record = new Packr({ useRecords: true }).pack({ a: 1 })
  expect(() => decodeObject(record)).toThrow(expect.objectContaining({ code: 'bad-encoding' }))
  const cycle: unknown[] = []
  cycle.push(cycle)
  expect(() => encodeObject(cycle)).toThrow(expect.objectContaining({ code: 'bad-input' }))
  const many = new Uint8Array(MAX_OBJECT_BYTES).fill(0x90)
  many.set([0xdd, 0, 0x0f, 0xff, 0xfb])
  expect(() => decodeObject(many)).toThrow(expect.objectContaining({ code: 'over-limit' }))
})

test('an object is believed only when it verifies', async () => {
  const [honest, peer] = await startPair()
  serveObjects(honest, async (kind) =>
    kind === 'evidence' ? { step: 7, values: Float32Array.of(1, 2, 3) } : undefined,
  )
  const [liar, garbage, mute] = await Promise.all([startPeer(), startPeer(), startPeer()])
  serveObjects(liar, async () => ({ step: 7, values: Float32Array.of(1, 2) }))
  garbage.handle(OBJECT_PROTOCOL, async () => Uint8Array.of(0xc1, 0xc1))
  await Promise.all([liar, garbage, mute].map((other) => peer.connect(other.addresses())))
  const faults: string[] = []
  const options = { verify: isEvidence, timeoutMs: 5_000, onFault: (id: string) => faults.push(id) }
  const providers = [mute.id, liar.id, garbage.id, honest.id]
  const found = await fetchObject(peer, providers, 'evidence', key, options)
  expect(found.values).toEqual(Float32Array.of(1, 2, 3))
  expect(faults).toEqual([liar.id, garbage.id])
  await expect(fetchObject(peer, [honest.id], 'nothing', key, options)).rejects.toMatchObject({ code: 'unavailable' })
  await expect(fetchObject(peer, [], 'evidence', key, options)).rejects.toMatchObject({ code: 'unavailable' })
  const signal = AbortSignal.abort()
  await expect(fetchObject(peer, providers, 'evidence', key, { ...options, signal })).rejects.toMatchObject({
    code: 'cancelled',
  })
})
