/** Mutations of JSON-like values: keys go, come twice or under other names, values become others of any type. */
import type { SeededRandom } from '#test/fuzz/target.ts'

const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -0,
  -1,
  0.5,
  1e308,
  2 ** 53,
  Number.NaN,
  '',
  'NaN',
  '0x10',
  '1e400',
  '\u0000',
  '\ud800',
  'x'.repeat(200),
  [],
  {},
  [[]],
  [0, 0],
]
const KEYS = ['__proto__', 'constructor', 'toString', 'length', '', 'a', 'typ', '__metadata__']

/** A value like `value`, with one thing changed in it. */
export function mutateValue(value: unknown, random: SeededRandom): unknown {
  if (typeof value !== 'object' || value === null || random.bool(0.1)) return another(value, random)
  if (Array.isArray(value)) {
    if (value.length === 0 || random.bool(0.2)) return [...value, random.pick(ODD)]
    const at = random.below(value.length)
    if (random.bool(0.2)) return value.toSpliced(at, 1)
    return value.with(at, mutateValue(value[at], random))
  }
  const entries = Object.entries(value)
  const at = random.below(entries.length)
  const [key, one] = entries[at] ?? ['', null]
  switch (random.below(8)) {
    case 0:
      entries.splice(at, 1)
      break
    case 1:
      entries.push([random.pick(KEYS), one])
      break
    case 2:
      entries[at] = [random.bool() ? random.pick(KEYS) : `${key}s`, one]
      break
    default:
      entries[at] = [key, mutateValue(one, random)]
  }
  return Object.fromEntries(entries)
}

function another(value: unknown, random: SeededRandom): unknown {
  if (typeof value === 'number' && random.bool(0.7))
    return value + random.pick([-1, 1, -value, value, 0.5, 2 ** 32, 2 ** 53])
  if (typeof value === 'string' && random.bool(0.5))
    return value.slice(random.below(value.length + 1)) + random.pick(['', 'x', '0'])
  return random.pick(ODD)
}

/** As `JSON.stringify`, but also -0, infinities and NaN come out as some number-like text. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, (_, one) => (Object.is(one, -0) ? '-0?' : one))?.replaceAll('"-0?"', '-0') ?? 'null'
