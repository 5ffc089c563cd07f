/** Every decoder of bytes from the network: any input gives a value or an `AssayError`, and what it accepts is canonical. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeIndex, encodeIndex, indexOf } from '#net/blob-index.ts'
import { RemoteError } from '#net/errors.ts'
import { decodeError, encodeError, MAX_ERROR_BODY } from '#net/message.ts'
import { decodeObject, encodeObject } from '#net/objects.ts'
import { testBytes } from '#net/testing-bytes.ts'
import { AssayError } from '#proto/errors.ts'

const runs = { numRuns: 400 }

/** What `decode` returns; undefined for an `AssayError`; anything else thrown fails the test. */
function tolerant<T>(decode: () => T): T | undefined {
  try {
    return decode()
  } catch (error) {
    expect(error).toBeInstanceOf(AssayError)
    return undefined
  }
}

/** `bytes` with some bytes changed, or cut, or extended. */
const damaged = (bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(bytes, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.integer({ min: -8, max: 8 }))
    .map(([base, changes, length]) => {
      const out = new Uint8Array(Math.max(0, base.length + length))
      out.set(base.subarray(0, out.length))
      for (const [at, value] of changes) if (out.length > 0) out[at % out.length] = value
      return out
    })

test('error frames', () => {
  const frames = fc.string({ unit: 'binary', maxLength: 600 }).map((text) => encodeError(new AssayError('stale', text)))
  fc.assert(
    fc.property(frames, (frame) => {
      expect(frame.length).toBeLessThanOrEqual(MAX_ERROR_BODY)
      const error = decodeError('peer', frame)
      expect(error.code).toBe('stale')
      expect(error.message).not.toMatch(/\p{Cc}/u)
    }),
    runs,
  )
  fc.assert(
    fc.property(damaged(frames), (frame) => {
      const error = tolerant(() => decodeError('peer', frame))
      if (error !== undefined) expect(error).toBeInstanceOf(RemoteError)
    }),
    runs,
  )
})

test('blob indexes', async () => {
  const { root, index } = await indexOf(testBytes(700_000))
  const good = encodeIndex(index)
  expect(decodeIndex(root, good)).toEqual(index)
  fc.assert(
    fc.property(damaged(fc.constant(good)), (bytes) => {
      const decoded = tolerant(() => decodeIndex(root, bytes))
      // Only the size within the last frame is not proven by the hashes.
      if (decoded !== undefined) {
        expect(decoded.frames).toEqual(index.frames)
        expect(encodeIndex(decoded)).toEqual(bytes)
      }
    }),
    runs,
  )
})

test('objects', () => {
  const objects = fc.jsonValue({ maxDepth: 3 }).map((value) => encodeObject({ value }))
  fc.assert(
    fc.property(damaged(objects), (bytes) => {
      tolerant(() => decodeObject(bytes))
    }),
    runs,
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      tolerant(() => decodeObject(bytes))
    }),
    runs,
  )
})
