import { afterEach, describe, expect, it, vi } from 'vitest'
import { meets, passes, type Report, report, table } from './figures.ts'

const sample: Report = {
  name: 'sample',
  figures: { testAccuracy: 0.9512, seconds: 61, root: 'ab' },
  thresholds: { testAccuracy: { min: 0.95 }, seconds: { max: 60 } },
  details: { seed: 1 },
}

describe('thresholds', () => {
  it.each([
    [0.95, { min: 0.95 }, true],
    [0.9499, { min: 0.95 }, false],
    [1.05, { max: 1.05 }, true],
    [1.06, { max: 1.05 }, false],
    [5, { min: 1, max: 4 }, false],
    ['ab', { equals: 'ab' }, true],
    ['ac', { equals: 'ab' }, false],
    [true, { equals: true }, true],
    ['7', { min: 1 }, false],
    [Number.NaN, { min: 0 }, false],
    [Number.NaN, { equals: Number.NaN }, false],
    [undefined, { max: 1 }, false],
    [1, {}, false],
  ])('%s against %o: %s', (figure, threshold, expected) => {
    expect(meets(figure, threshold)).toBe(expected)
  })

  it('pass only together, and a missing figure fails', () => {
    expect(passes(sample)).toBe(false)
    expect(passes({ ...sample, thresholds: { testAccuracy: { min: 0.95 } } })).toBe(true)
    expect(passes({ ...sample, thresholds: { other: { min: 0 } } })).toBe(false)
  })
})

describe('table', () => {
  it('shows each figure beside its threshold, and claims about missing figures', () => {
    expect(table({ ...sample, thresholds: { ...sample.thresholds, other: { min: 0 } } }).split('\n')).toEqual([
      '  testAccuracy  0.9512     >= 0.95  met',
      '  seconds       61         <= 60    MISSED',
      '  root          ab',
      '  other         undefined  >= 0     MISSED',
    ])
  })
})

describe('report', () => {
  afterEach(() => {
    process.exitCode = undefined
    vi.restoreAllMocks()
  })

  it('ends with one JSON line and sets the exit code', () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    expect(report(sample)).toBe(false)
    expect(process.exitCode).toBe(1)
    const line = JSON.parse(String(log.mock.calls.at(-1)![0]))
    expect(line).toMatchObject({
      name: 'sample',
      pass: false,
      testAccuracy: 0.9512,
      seed: 1,
      thresholds: sample.thresholds,
    })
    expect(Object.keys(line)).toEqual(expect.arrayContaining(['machine', 'date']))
  })

  it('refuses a figure that would hide a field of the line', () => {
    expect(() => report({ name: 'x', figures: { pass: true } })).toThrow('must not be named pass')
  })
})
