/** The fuzzer finds what is wrong with decoders that are wrong on purpose, and says how to see it again. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Reader, Writer } from '#proto/bytes.ts'
import { AssayError, check } from '#proto/errors.ts'
import { campaign } from '#test/fuzz/campaign.ts'
import type { Target } from '#test/fuzz/target.ts'

/** A u32 count, then as many bytes. */
const SOUND: Target<Uint8Array> = {
  name: 'planted',
  covers: [],
  valid: (random) => new Writer().bytes(random.bytes(random.below(20)), 99).finish(),
  decode: (bytes) => {
    const reader = new Reader(bytes)
    const value = reader.bytes(99)
    reader.end()
    return value
  },
  encode: (value) => new Writer().bytes(value, 99).finish(),
  form: 'canonical',
  codes: ['bad-encoding', 'over-limit'],
}

const run = (change: Partial<Target<Uint8Array>>, cases = 3000) =>
  campaign({ ...SOUND, ...change } as unknown as Target, { cases, seed: 7 })

/** Decodes properly after it has made room for what the input promises. */
const trusting =
  (room: (count: number) => unknown) =>
  (bytes: Uint8Array): Uint8Array => {
    check(bytes.length >= 4, 'bad-encoding', 'short')
    room(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) % 2 ** 24)
    return SOUND.decode(bytes) as Uint8Array
  }

describe('a campaign', () => {
  test('passes a sound decoder, and is a function of its seed', async () => {
    const figures = await run({})
    expect(figures).toMatchObject({ cases: 3000, refused: { 'bad-encoding': expect.any(Number) } })
    const again = await run({})
    expect([again.accepted, again.refused]).toEqual([figures.accepted, figures.refused])
  })

  test.each<[string, RegExp, Partial<Target<Uint8Array>>]>([
    [
      'another error',
      /threw RangeError/,
      { decode: trusting((count) => new DataView(new ArrayBuffer(64)).getUint8(count)), allocates: () => 2 ** 30 },
    ],
    ['an undeclared code', /undeclared code over-limit/, { codes: ['bad-encoding'] }],
    [
      'an undeclared consequence',
      /consequence slash/,
      {
        decode: () => {
          throw new AssayError('bad-encoding', 'no', { consequence: 'slash' })
        },
      },
    ],
    [
      'a message that carries the input',
      /message of \d+ characters/,
      {
        decode: (bytes) => {
          throw new AssayError('bad-encoding', 'x'.repeat(5000 + bytes.length))
        },
      },
    ],
    ['a list as long as the input says', /asks for \d+ bytes/, { decode: trusting((count) => new Array(count)) }],
    [
      'a buffer as long as the input says',
      /asks for \d+ bytes/,
      { decode: trusting((count) => new Uint8Array(count)) },
    ],
    ['trailing bytes', /not canonical/, { decode: (bytes) => new Reader(bytes).bytes(99) }],
    [
      'a value that changes',
      /another value/,
      { form: 'stable', encode: (value) => new Writer().bytes(value.slice(1), 99).finish() },
    ],
    [
      'a value that cannot be encoded',
      /cannot be encoded/,
      { decode: (bytes) => bytes, encode: (value) => new Writer().bytes(value, 1).finish() },
    ],
    ['a valid input that is refused', /refuses a valid input/, { valid: () => new Uint8Array(3) }],
    [
      'a bomb that is taken',
      /takes a bomb/,
      { bombs: () => [['quiet', new Writer().bytes(new Uint8Array(9), 99).finish()]] },
    ],
  ])('finds %s', async (_, reason, change) => {
    const failure = await run(change).then(
      () => undefined,
      (error: Error) => error.message,
    )
    expect(failure).toMatch(reason)
    expect(failure).toMatch(/seed 7, (case \d+|bomb)/)
    expect(failure).toMatch(/again: node test\/fuzz\/main\.ts planted/)
  })
})

test('a decoder that does not end is ended, by name', async () => {
  const url = new URL('./watchdog/watchdog.ts', import.meta.url)
  const script = `import { Watchdog } from '${url}'; const w = new Watchdog(); await w.start('a loop', 1000); w.beat(3); for (;;) {}`
  const cwd = fileURLToPath(new URL('../../', import.meta.url))
  const { signal, text } = await new Promise<{ signal: unknown; text: string }>((done) => {
    execFile(process.execPath, ['--input-type=module', '-e', script], { cwd, timeout: 60_000 }, (error, _, stderr) =>
      done({ signal: error?.signal, text: stderr }),
    )
  })
  expect(text).toContain('fuzzing a loop: case 3 has not ended after 1000 ms of computing')
  expect(signal).toBe('SIGKILL')
})
