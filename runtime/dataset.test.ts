import { describe, expect, it } from 'vitest'
import { isAssayError } from '#proto/errors.ts'
import { Dataset } from '#runtime/dataset.ts'

const layout = { size: 12, dtype: 'f32', stride: 1, recordLength: 2 } as const
const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer)

function code(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return isAssayError(error) ? error.code : 'unexpected'
  }
  return 'accepted'
}

describe('Dataset', () => {
  it('reads words by stride, aligned or not', () => {
    const bytes = words(1 << 23, 2 << 23, 3 << 23)
    const shifted = new Uint8Array(13)
    shifted.set(bytes, 1)
    for (const data of [bytes, shifted.subarray(1)]) {
      const dataset = new Dataset(layout, data)
      expect(dataset.records).toBe(2)
      const out = new Uint32Array(4)
      dataset.record(1, out, 1)
      expect(out).toEqual(Uint32Array.of(0, 2 << 23, 3 << 23, 0))
    }
  })

  it('widens bytes to words', () => {
    const dataset = new Dataset({ size: 5, dtype: 'u8', stride: 2, recordLength: 3 }, Uint8Array.of(1, 2, 255, 4, 5))
    const out = new Uint32Array(3)
    dataset.record(1, out, 0)
    expect(out).toEqual(Uint32Array.of(255, 4, 5))
  })

  it('rejects records that are not there', () => {
    const dataset = new Dataset(layout, words(0, 0, 0))
    for (const index of [-1, 2, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(
        code(() => dataset.record(index, new Uint32Array(2), 0)),
        String(index),
      ).toBe('bad-input')
    }
  })

  it('rejects another size and words that are not canonical', () => {
    expect(code(() => new Dataset(layout, new Uint8Array(11)))).toBe('bad-data')
    expect(code(() => new Dataset({ ...layout, size: 11 }, new Uint8Array(11)))).toBe('bad-data')
    for (const bad of [1, 0x007fffff, 0x80000001, 0x7f800001, 0xffc00000, 0x7fffffff]) {
      expect(
        code(() => new Dataset(layout, words(0, bad, 0))),
        bad.toString(16),
      ).toBe('bad-data')
    }
    for (const good of [0x80000000, 0x7fc00000, 0x7f800000, 0xff800000, 0x00800000]) {
      expect(
        code(() => new Dataset(layout, words(0, good, 0))),
        good.toString(16),
      ).toBe('accepted')
    }
  })
})
