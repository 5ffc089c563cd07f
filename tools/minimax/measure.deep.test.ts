/** Dense sweeps of the elementary functions: their errors as a table, and none above its published bound. */
import { afterAll, expect, test } from 'vitest'
import { type Measurement, measure, SUBJECTS } from './measure.ts'

/** Every so many binary32 words; ASSAY_STRIDE=7 repeats the published sweep, which takes an hour. */
const STRIDE = Number(process.env['ASSAY_STRIDE'] ?? 499)

const measured: Measurement[] = []
afterAll(() => {
  console.table(measured.map(({ at, ...rest }) => ({ ...rest, at: `0x${at.toString(16).padStart(8, '0')}` })))
})

test.each(SUBJECTS)('$name stays within its bound', (subject) => {
  const result = measure(subject, STRIDE)
  measured.push(result)
  expect(result.ulp).toBeLessThan(subject.bound)
})
