import { SigningKey } from 'ethers'
import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import {
  type BorderRecord,
  type BorderRequest,
  borderDigest,
  bordersConflict,
  decodeBorderRequest,
  encodeBorderRequest,
  MAX_BORDER_REQUEST,
  signBorder,
  verifyBorder,
} from './border.ts'
import { toHex } from './bytes.ts'
import { keyAddress } from './entry.ts'
import { isAssayError } from './errors.ts'

const key = new SigningKey(`0x${'11'.repeat(32)}`)
const other = new SigningKey(`0x${'22'.repeat(32)}`)
const record: BorderRecord = {
  ...{ jobId: new Uint8Array(32).fill(1), epoch: 2, replica: 3, from: 0, to: 1, step: 70_000 },
  root: new Uint8Array(32).fill(9),
}

test('a record is signed as a whole', () => {
  const signature = signBorder(key, record)
  verifyBorder(record, signature, keyAddress(key))
  expect(() => verifyBorder(record, signature, keyAddress(other))).toThrow('not by')
  for (const change of [
    { jobId: new Uint8Array(32) },
    { epoch: 1 },
    { replica: 0 },
    { from: 2 },
    { to: 2 },
    { step: 0 },
    { root: new Uint8Array(32) },
  ]) {
    expect(() => verifyBorder({ ...record, ...change }, signature, keyAddress(key))).toThrow('not by')
  }
  // The form that a contract would repeat: packed, big-endian.
  const digest = '9c1ff27ed7504fe774124d7a11dcc2fd9cb6fb58c347147740630fd692b2a633'
  expect(toHex(borderDigest(record))).toBe(digest)
})

test('two roots for one border and step are a conflict, and nothing else is', () => {
  const another = { ...record, root: new Uint8Array(32) }
  expect(bordersConflict(record, another)).toBe(true)
  expect(bordersConflict(record, { ...record })).toBe(false)
  for (const change of [{ step: 1 }, { from: 1 }, { to: 3 }, { replica: 1 }, { epoch: 7 }, { jobId: another.root }]) {
    expect(bordersConflict(record, { ...another, ...change })).toBe(false)
  }
})

test('requests round-trip and are bounded', () => {
  const { jobId, epoch, replica, from, to, step } = record
  const requests: BorderRequest[] = [
    { type: 'bundle', jobId, epoch, replica, from, to, kind: 'gradient', step, microBatch: 4095 },
    { type: 'sum', jobId, epoch, replica, stage: 3, step, level: 2, asker: 1 },
    { type: 'seal', ...record, signature: signBorder(key, record) },
  ]
  for (const request of requests) {
    const bytes = encodeBorderRequest(request)
    expect(bytes.length).toBeLessThanOrEqual(MAX_BORDER_REQUEST)
    expect(decodeBorderRequest(bytes)).toEqual(request)
    for (const bad of [bytes.subarray(1), bytes.subarray(0, -1), Uint8Array.of(...bytes, 0), new Uint8Array(1 << 20)]) {
      expect(() => decodeBorderRequest(bad)).toThrow(expect.objectContaining({ consequence: 'penalise' }))
    }
  }
})

test('random bytes never do more than throw an AssayError', () => {
  const random = seededRandom(1)
  for (let i = 0; i < 2000; i++) {
    try {
      decodeBorderRequest(random.bytes(random.below(200)))
    } catch (error) {
      expect(isAssayError(error)).toBe(true)
    }
  }
})
