import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { csvIntake } from '#app/job/data/csv.ts'
import { idxIntake } from '#app/job/data/idx.ts'
import { unpacked } from '#app/job/data/source.ts'
import { textIntake } from '#app/job/data/text.ts'
import { codeOf, messageOf } from '#app/testing.ts'
import { seededRandom } from '#proto/testing.ts'
import { Dataset } from '#runtime/dataset.ts'

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

function idx(type: number, sizes: readonly number[], data: readonly number[] | Uint8Array): Uint8Array {
  const out = new Uint8Array(4 + 4 * sizes.length + data.length)
  out.set([0, 0, type, sizes.length])
  for (const [i, size] of sizes.entries()) new DataView(out.buffer).setUint32(4 + 4 * i, size)
  out.set(data, 4 + 4 * sizes.length)
  return out
}

function recordOf(intake: ReturnType<typeof textIntake>, index: number): Uint32Array {
  const out = new Uint32Array(intake.layout.recordLength)
  new Dataset(intake.layout, intake.bytes).record(index, out, 0)
  return out
}

const floats = (...values: number[]): Uint32Array => new Uint32Array(new Float32Array(values).buffer)

describe('text', () => {
  it('cuts overlapping records', () => {
    const intake = textIntake(ascii('abcdefghij'), 4)
    expect(new Dataset(intake.layout, intake.bytes).records).toBe(2)
    expect(recordOf(intake, 0)).toEqual(Uint32Array.from(ascii('abcde')))
    expect(recordOf(intake, 1)).toEqual(Uint32Array.from(ascii('efghi')))
    expect(intake.layout).toMatchObject({ stride: 4, recordLength: 5, features: 4, classes: 256, size: 10 })
  })

  it('needs one whole record', async () => {
    expect(new Dataset(textIntake(ascii('abcde'), 4).layout, ascii('abcde')).records).toBe(1)
    expect(await messageOf(() => textIntake(ascii('abcd'), 4))).toMatch(
      /4 bytes; one record takes 5.*\[Use a longer text/,
    )
    expect(await codeOf(() => textIntake(ascii(''), 1))).toBe('bad-data')
  })
})

describe('idx', () => {
  const images = idx(8, [2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255])
  const labels = idx(8, [2], [4, 0])

  it('joins pixels and class', () => {
    const intake = idxIntake(images, labels)
    expect(recordOf(intake, 0)).toEqual(Uint32Array.of(1, 2, 3, 4, 5, 6, 4))
    expect(recordOf(intake, 1)).toEqual(Uint32Array.of(7, 8, 9, 10, 11, 255, 0))
    expect(intake.layout).toMatchObject({ height: 2, width: 3, features: 6, classes: 5, stride: 7, dtype: 'u8' })
    expect(idxIntake(images, labels, 10).layout.classes).toBe(10)
  })

  it.each<[string, Uint8Array, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), labels, /shorter than its magic/],
    ['another magic number', Uint8Array.of(1, ...images.slice(1)), labels, /two zero bytes/],
    ['float elements', idx(0x0d, [2, 2, 3], new Uint8Array(48)), labels, /elements are float/],
    ['an unknown element type', idx(0x77, [2, 2, 3], []), labels, /unknown type 119/],
    ['labels as images', labels, labels, /1 dimensions, not 3/],
    ['images as labels', images, images, /idx labels: the file has 3 dimensions/],
    ['a truncated header', images.slice(0, 10), labels, /header is truncated/],
    ['truncated data', images.slice(0, -1), labels, /make 28 bytes, but the file has 27/],
    ['trailing data', Uint8Array.of(...images, 0), labels, /but the file has 29/],
    ['huge sizes', idx(8, [0xffffffff, 0xffffffff, 0xffffffff], []), labels, /make .* bytes/],
    ['no pixels', idx(8, [2, 0, 3], []), labels, /0 x 3 pixels/],
    ['no records', idx(8, [0, 2, 3], []), idx(8, [0], []), /hold no record/],
    ['another number of labels', images, idx(8, [3], [1, 2, 3]), /2 images but 3 labels/],
  ])('rejects %s', async (_, imageFile, labelFile, message) => {
    expect(await codeOf(() => idxIntake(imageFile, labelFile))).toBe('bad-data')
    expect(await messageOf(() => idxIntake(imageFile, labelFile))).toMatch(message)
  })

  it('rejects a label that the stated classes exclude', async () => {
    expect(await messageOf(() => idxIntake(images, labels, 4))).toMatch(
      /label 4, but the job states 4 classes \(0 to 3\)/,
    )
  })

  it('survives random damage', async () => {
    const seed = 1234
    const random = seededRandom(seed)
    for (let round = 0; round < 2000; round++) {
      const damaged = images.slice(0, random.bool(0.2) ? random.below(images.length) : images.length)
      if (damaged.length > 0) damaged[random.below(Math.min(16, damaged.length))] = random.below(256)
      const code = await codeOf(() => idxIntake(damaged, labels))
      expect(['accepted', 'bad-data'], `seed ${seed}, round ${round}`).toContain(code)
    }
  })
})

describe('gzip', () => {
  const data = new Uint8Array(100_000)

  it('unpacks by magic number and leaves other files alone', async () => {
    expect(await unpacked('x', new Uint8Array(gzipSync(data)))).toEqual(data)
    expect(await unpacked('x', data)).toBe(data)
  })

  it('rejects damage and bombs', async () => {
    const packed = new Uint8Array(gzipSync(data))
    expect(await codeOf(() => unpacked('x', packed.slice(0, -4)))).toBe('bad-data')
    const damaged = packed.slice()
    damaged[packed.length - 5] = (damaged[packed.length - 5] as number) ^ 1
    expect(await codeOf(() => unpacked('x', damaged))).toBe('bad-data')
    expect(await codeOf(() => unpacked('x', packed, 99_999))).toBe('over-limit')
  })
})

describe('csv', () => {
  it('reads features and class, with or without a header', () => {
    const plain = csvIntake(ascii('1.5,-2,0\n0.25,1e3,2\n'))
    expect(recordOf(plain, 0)).toEqual(floats(1.5, -2, 0))
    expect(recordOf(plain, 1)).toEqual(floats(0.25, 1000, 2))
    expect(plain.layout).toMatchObject({ features: 2, classes: 3, stride: 3, dtype: 'f32', size: 24 })
    expect(csvIntake(ascii('a,b,class\n1.5,-2,0\n0.25,1e3,2')).bytes).toEqual(plain.bytes)
    expect(csvIntake(ascii('1,2,3\n1.5,-2,0\n0.25,1e3,2'), { header: true }).bytes).toEqual(plain.bytes)
  })

  it('reads quotes, blanks, CRLF, a byte order mark and empty lines at the end', () => {
    const plain = csvIntake(ascii('1.5,-2,0\n')).bytes
    expect(csvIntake(ascii('\ufeff"a, ""b""",c ,"class"\r\n "1.5" , -2,"0"\r\n\r\n\n')).bytes).toEqual(plain)
    expect(csvIntake(ascii('1.5,-2,0.0')).bytes).toEqual(plain)
  })

  it('rounds decimals once', () => {
    const word = recordOf(csvIntake(ascii('1.00000005960464477539062500001,1\n')), 0)[0]
    expect(word).toBe(0x3f800001)
  })

  it.each([
    ['nothing', '', /no record/],
    ['only a header', 'a,b\n', /no record/],
    ['one column', '1\n2\n', /one column.*\[Columns are separated by commas/],
    ['semicolons', 'a;b,c;d\n1;2,3\n', /row 2, column 1 \(a;b\): "1;2" is not a decimal number.*not semicolons/],
    ['a missing value', 'x,y,class\n1,,0\n', /row 2, column 2 \(y\) is empty/],
    ['a short row', '1,2,0\n1,0\n', /row 2 has 2 columns, the first row 3/],
    ['a long row', '1,2,0\n1,2,3,0\n', /row 2 has 4 columns/],
    ['an empty line between rows', '1,2,0\n\n1,2,0\n', /row 2 is empty/],
    ['NaN', '1,2,0\nnan,2,0\n', /row 2, column 1: "nan" is not a decimal number/],
    ['infinity', '1,2,0\n1,inf,0\n', /column 2: "inf"/],
    ['hexadecimal', '1,2,0\n0x10,2,0\n', /"0x10"/],
    ['an overflow', '1e39,0\n', /too large/],
    ['a subnormal', '1e-40,0\n', /too small/],
    ['a fractional class', '1,0.5\n', /column 2: "0.5" is not a class/],
    ['a negative class', '1,-1\n', /"-1" is not a class/],
    ['a class that is no number', '1,0\n1,cat\n', /"cat" is not a class/],
    ['a class too large', '1,65536\n', /"65536" is not a class/],
    ['a first row of both kinds', '1,cat\n2,0\n', /mixes numbers and names.*data.header/],
    ['an open quote', '"1,0\n1,0\n', /row 1: column 1 has a misplaced quote/],
    ['text around quotes', '1,0\n"1"x,0\n', /row 2: column 1 has a misplaced quote/],
  ])('rejects %s', async (_, text, message) => {
    expect(await codeOf(() => csvIntake(ascii(text)))).toBe('bad-data')
    expect(await messageOf(() => csvIntake(ascii(text)))).toMatch(message)
  })

  it('rejects rows and cells above the limits', async () => {
    expect(await codeOf(() => csvIntake(new Uint8Array((1 << 20) + 2).fill(0x31)))).toBe('over-limit')
    expect(await codeOf(() => csvIntake(ascii(`${'1,'.repeat(65_536)}0`)))).toBe('over-limit')
    expect(await codeOf(() => csvIntake(ascii('1,3\n'), { classes: 3 }))).toBe('bad-data')
  })

  it('reads back random tables', () => {
    const seed = 77
    const random = seededRandom(seed)
    for (let round = 0; round < 100; round++) {
      const columns = 1 + random.below(5)
      const table = Array.from({ length: 1 + random.below(8) }, () => [
        ...Array.from({ length: columns }, () => Math.fround((random.u32() - 2 ** 31) / 2 ** random.below(40))),
        random.below(4),
      ])
      const text = table
        .map((row) => row.map((cell) => (random.bool() ? `"${cell}"` : ` ${cell}`)).join(','))
        .join('\n')
      const expected = floats(...table.flat())
      const { bytes } = csvIntake(ascii(text))
      expect(new Uint32Array(bytes.buffer), `seed ${seed}, round ${round}: ${text}`).toEqual(expected)
    }
  })

  it('survives random bytes', async () => {
    const seed = 78
    const random = seededRandom(seed)
    const alphabet = ascii('0123456789.,,,-+eE"\n\r ;ax\u0000')
    for (let round = 0; round < 3000; round++) {
      const text = Uint8Array.from({ length: random.below(40) }, () => random.pick([...alphabet]))
      const code = await codeOf(() => csvIntake(text))
      expect(['accepted', 'bad-data'], `seed ${seed}, round ${round}: ${text}`).toContain(code)
    }
  })
})
