import { expect, test } from 'vitest'
import { toJson } from '#runtime/json.ts'

test('protocol values become plain JSON', () => {
  const value = {
    amount: 10n ** 20n,
    root: Uint8Array.of(1, 255),
    losses: Float32Array.of(1.5, 2),
    members: new Map([
      ['b', 1],
      ['a', 2],
    ]),
    none: undefined,
  }
  expect(toJson(value)).toBe(
    '{"amount":"100000000000000000000","root":"0x01ff","losses":[1.5,2],"members":{"a":2,"b":1}}',
  )
})
