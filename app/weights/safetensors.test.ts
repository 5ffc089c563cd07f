import { describe, expect, it } from 'vitest'
import { decodeSafetensors, encodeSafetensors, SAFETENSORS_LIMITS, type SafeDType } from '#app/weights/safetensors.ts'
import { AssayError } from '#proto/errors.ts'
import { seededRandom } from '#proto/testing.ts'

function file(
  header: string,
  data: readonly number[] = [],
  length = new TextEncoder().encode(header).length,
): Uint8Array {
  const json = new TextEncoder().encode(header)
  const out = new Uint8Array(8 + json.length + data.length)
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true)
  out.set(json, 8)
  out.set(data, 8 + json.length)
  return out
}

const entry = (dtype: string, shape: unknown, offsets: unknown, more = ''): string =>
  `{"a":{"dtype":"${dtype}","shape":${JSON.stringify(shape)},"data_offsets":${JSON.stringify(offsets)}${more}}}`

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return error instanceof AssayError ? error.code : `not an AssayError: ${error}`
  }
  return 'accepted'
}

describe('encodeSafetensors', () => {
  it('writes the published layout', () => {
    const bytes = encodeSafetensors({
      tensors: [{ name: 'w', dtype: 'F32', shape: [1], bytes: Uint8Array.of(0, 0, 128, 63) }],
      metadata: {},
    })
    const header = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    expect(bytes).toEqual(file(header.padEnd(56), [0, 0, 128, 63]))
  })

  it('refuses a name used twice and a size that does not fit', () => {
    const tensor = { name: 'w', dtype: 'F32', shape: [1], bytes: new Uint8Array(4) } as const
    expect(codeOf(() => encodeSafetensors({ tensors: [tensor, tensor], metadata: {} }))).toBe('bad-input')
    const short = { ...tensor, shape: [2] }
    expect(codeOf(() => encodeSafetensors({ tensors: [short], metadata: {} }))).toBe('bad-input')
  })

  it('round-trips random tensors', () => {
    const seed = 20261121
    const random = seededRandom(seed)
    const sizes: [SafeDType, number][] = [
      ['F32', 4],
      ['I32', 4],
      ['U32', 4],
      ['BOOL', 1],
      ['F64', 8],
    ]
    for (let round = 0; round < 200; round++) {
      const tensors = Array.from({ length: random.below(6) }, (_, i) => {
        const [dtype, size] = random.pick(sizes)
        const shape = Array.from({ length: random.below(4) }, () => random.below(5))
        const count = shape.reduce((product, dim) => product * dim, 1)
        return { name: `t${i}.ünï"`, dtype, shape, bytes: random.bytes(count * size) }
      })
      const metadata: Record<string, string> = random.bool() ? { format: 'pt', note: 'ä\n' } : {}
      const decoded = decodeSafetensors(encodeSafetensors({ tensors, metadata }))
      expect(decoded.metadata, `seed ${seed}, round ${round}`).toEqual(metadata)
      const byName = (list: readonly { name: string }[]) => [...list].sort((a, b) => (a.name < b.name ? -1 : 1))
      expect(byName(decoded.tensors), `seed ${seed}, round ${round}`).toEqual(byName(tensors))
    }
  })
})

describe('decodeSafetensors rejects', () => {
  const hostile: [string, Uint8Array, string][] = [
    ['an empty file', new Uint8Array(0), 'bad-data'],
    ['a truncated length', new Uint8Array(7), 'bad-data'],
    ['a huge header length', file('{}', [], SAFETENSORS_LIMITS.headerBytes + 1), 'over-limit'],
    ['a length of 2^64-1', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 123, 125), 'over-limit'],
    ['a truncated header', file('{}', [], 3), 'bad-data'],
    ['a header that is no JSON', file('{oops}'), 'bad-data'],
    ['a header with a leading space', file(' {}'), 'bad-data'],
    ['an array header', file('[]'), 'bad-data'],
    ['invalid UTF-8', Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d), 'bad-data'],
    ['an unknown dtype', file(entry('F31', [1], [0, 4]), [0, 0, 0, 0]), 'bad-data'],
    ['a dtype from the prototype', file(entry('constructor', [1], [0, 4]), [0, 0, 0, 0]), 'bad-data'],
    ['a negative size', file(entry('F32', [-1], [0, 4]), [0, 0, 0, 0]), 'bad-data'],
    ['a fractional size', file(entry('F32', [0.5], [0, 2]), [0, 0]), 'bad-data'],
    ['sizes whose product overflows', file(entry('F32', [2 ** 50, 2 ** 50], [0, 4]), [0, 0, 0, 0]), 'bad-data'],
    ['sizes whose product wraps to the length', file(entry('U8', [2 ** 32, 2 ** 32, 0.25], [0, 0])), 'bad-data'],
    ['a rank above the limit', file(entry('U8', new Array(17).fill(1), [0, 1]), [0]), 'bad-data'],
    ['offsets that do not fit the shape', file(entry('F32', [2], [0, 4]), [0, 0, 0, 0]), 'bad-data'],
    ['offsets in reverse', file(entry('F32', [1], [4, 0]), [0, 0, 0, 0]), 'bad-data'],
    ['three offsets', file(entry('F32', [1], [0, 4, 8]), [0, 0, 0, 0]), 'bad-data'],
    ['a tensor behind the end', file(entry('F32', [1], [0, 4]), [0, 0]), 'bad-data'],
    ['a hole before the first tensor', file(entry('U8', [1], [1, 2]), [0, 0]), 'bad-data'],
    ['trailing bytes', file(entry('U8', [1], [0, 1]), [0, 0]), 'bad-data'],
    ['an unknown field', file(entry('U8', [1], [0, 1], ',"x":1'), [0]), 'bad-data'],
    ['a tensor that is a number', file('{"a":1}'), 'bad-data'],
    ['metadata that is no object', file('{"__metadata__":[]}'), 'bad-data'],
    ['metadata that is no string', file('{"__metadata__":{"a":1}}'), 'bad-data'],
    [
      'overlapping tensors',
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        [0, 0, 0],
      ),
      'bad-data',
    ],
    [
      'a name given twice',
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
        [0, 0],
      ),
      'bad-data',
    ],
  ]
  it.each(hostile)('%s', (_, bytes, code) => {
    expect(codeOf(() => decodeSafetensors(bytes))).toBe(code)
  })

  it('random damage with a typed error or not at all', () => {
    const seed = 7
    const random = seededRandom(seed)
    const good = encodeSafetensors({
      tensors: [
        { name: 'a', dtype: 'F32', shape: [2, 2], bytes: random.bytes(16) },
        { name: 'b', dtype: 'U32', shape: [], bytes: random.bytes(4) },
      ],
      metadata: { format: 'pt' },
    })
    let rejected = 0
    for (let round = 0; round < 2000; round++) {
      const bytes = good.slice(0, random.bool(0.2) ? random.below(good.length) : good.length)
      for (let i = 0; i < 1 + random.below(3); i++)
        if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256)
      const code = codeOf(() => decodeSafetensors(bytes))
      expect(['accepted', 'bad-data', 'over-limit'], `seed ${seed}, round ${round}`).toContain(code)
      if (code !== 'accepted') rejected++
    }
    expect(rejected).toBeGreaterThan(1000)
  })
})
