/** Decoders of files that people bring: job files, data sets, archives, weights, checkpoints, network files. */
import { gzipSync } from 'node:zlib'
import { stringify } from 'yaml'
import { decodeCheckpoint } from '#app/checkpoint.ts'
import { csvIntake } from '#app/job/data/csv.ts'
import { decimalBits } from '#app/job/data/decimal.ts'
import { idxIntake } from '#app/job/data/idx.ts'
import type { Intake } from '#app/job/data/intake.ts'
import { unpacked } from '#app/job/data/source.ts'
import { textIntake } from '#app/job/data/text.ts'
import { MAX_JOB_FILE_BYTES, parseJobFile } from '#app/job/parse.ts'
import type { JobFile } from '#app/job/schema.ts'
import { decodeSafetensors, encodeSafetensors, type SafeFile } from '#app/weights/safetensors.ts'
import { concatBytes, toHex } from '#proto/bytes.ts'
import { listBytes, listRoot } from '#runtime/tensors.ts'
import { type SeededRandom, type Target, textOf, utf8, words } from '#test/fuzz/target.ts'
import { jsonText, mutateValue } from '#test/fuzz/targets/json.ts'

const MIB = 2 ** 20

function aJobFile(random: SeededRandom): Record<string, unknown> {
  const [kind, format] = random.pick([
    ['gpt', 'text'],
    ['mlp', 'csv'],
    ['mlp', 'idx'],
    ['cnn', 'idx'],
  ] as const)
  const models = {
    gpt: { type: 'gpt', width: 48, layers: 3, heads: 3, context: 24, dropout: 0.1 },
    mlp: { type: 'mlp', hidden: [32, 16], activation: 'tanh' },
    cnn: { type: 'cnn', channels: [8, 16], kernel: 3, hidden: 64 },
  }
  const data = {
    text: { format, path: 'corpus.txt' },
    csv: { format, url: 'https://example.org/moons.csv', header: true, classes: 2 },
    idx: { format, path: 'images', labels: 'labels', train: [0, 8000], sha256: 'ab'.repeat(32) },
  }
  const all = {
    model: models[kind],
    data: data[format],
    steps: 12,
    batch: 16,
    microBatches: 4,
    optimizer: random.pick([
      { type: 'adamw', learningRate: 0.001, beta1: 0.9, warmup: 10 },
      { type: 'sgd', learningRate: 0.1, momentum: 0.9 },
    ]),
  }
  const more = [
    ['seed', random.pick([1, '18446744073709551615'])],
    ['replicas', 2],
    ['lanes', 4],
    ['budget', random.pick(['1.5', 2])],
    ['policy', { sampleRate: 0.2, entrySteps: 4, entriesPerWindow: 4, depth: 3 }],
    ['eval', { records: [320, 400] }],
    ['$schema', 'job.schema.json'],
  ] as const
  return { ...all, ...Object.fromEntries(more.filter(() => random.bool(0.4))) }
}

/** JSON, or YAML in one of its styles. */
function written(value: unknown, random: SeededRandom): string {
  if (random.bool(0.3)) return jsonText(value)
  return stringify(value, {
    collectionStyle: random.pick(['any', 'block', 'flow']),
    defaultStringType: random.pick(['PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL']),
    indent: random.pick([1, 2, 4]),
  })
}

/** Lists of nine references to the list before: 9^9 values, were they followed. */
const aliases = (levels: number): string => {
  const lines = ['a0: &a0 [x]']
  for (let i = 1; i <= levels; i++)
    lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]`)
  return lines.join('\n')
}

const fill = (part: string, size = MAX_JOB_FILE_BYTES): Uint8Array => utf8(part.repeat(Math.floor(size / part.length)))

const jobFile: Target<JobFile> = {
  name: 'job-file',
  covers: ['app/job/parse.ts#parseJobFile'],
  valid: (random) => utf8(written(aJobFile(random), random)),
  decode: (bytes) => parseJobFile(textOf(bytes)),
  encode: (file) => utf8(JSON.stringify(file)),
  form: 'stable',
  // JSON has one zero.
  same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  codes: ['bad-job', 'over-limit'],
  mutate: (_, random) => {
    let value: unknown = aJobFile(random)
    for (let i = 0; i < 1 + random.below(3); i++) value = mutateValue(value, random)
    try {
      return utf8(written(value, random))
    } catch {
      return utf8(jsonText(value))
    }
  },
  tokens: words(
    ...[
      '&a ',
      '*a',
      '<<: ',
      '? ',
      '- ',
      ': ',
      '{',
      '}',
      '[',
      ']',
      '|',
      '>',
      '%YAML 1.1',
      '---\n',
      '...\n',
      '\t',
      '"',
      "'",
    ],
    ...[
      '#',
      '\n',
      '\n  ',
      '!!binary ',
      '!!set ',
      '!!omap ',
      '!!timestamp ',
      '!local ',
      '~',
      '.nan',
      '.inf',
      '0o17',
      'yes',
    ],
    ...['__proto__', 'constructor', '\u0000', '\ufeff', '\u2028', '\\u0000', '1e999'],
  ),
  bombs: () => [
    ['aliases of aliases', utf8(aliases(9))],
    ['a list in itself', utf8('a: &a [*a, *a]')],
    ['thirty thousand aliases', concatBytes(utf8('a: &a [x]\nb: ['), fill('*a,', 60_000), utf8(']'))],
    ['lists in lists', fill('[')],
    ['dashes in dashes', fill('- ')],
    ['maps in maps by indentation', utf8(Array.from({ length: 340 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'))],
    ['complex keys in complex keys', fill('? ')],
    ['sixteen thousand keys', utf8(Array.from({ length: 8000 }, (_, i) => `k${i}: 1`).join('\n'))],
    ['one key of 60 KB', utf8(`${'k'.repeat(60_000)}: 1`)],
    ['one number of 60 KB', utf8(`steps: ${'9'.repeat(60_000)}`)],
    ['quotes', fill('"')],
    ['comments', fill('#\n')],
    ['tags', fill('!a ')],
    ['anchors', fill('&a ')],
    ['documents', fill('---\n')],
    ['escapes', utf8(`steps: "${'\\x41'.repeat(15_000)}"`)],
    ['above 64 KiB', fill('a', MAX_JOB_FILE_BYTES + 1)],
  ],
  allocates: (size) => 4 * MIB + 2048 * size,
  slowness: 16,
}

const big = (value: number): Uint8Array => {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}

/** Two IDX files, images and labels, each after its length. */
const idx: Target<Intake> = {
  name: 'idx',
  covers: ['app/job/data/idx.ts#idxIntake'],
  valid: (random) => {
    const [count, height, width] = [1 + random.below(4), 1 + random.below(4), 1 + random.below(4)]
    const images = concatBytes(
      Uint8Array.of(0, 0, 8, 3),
      big(count),
      big(height),
      big(width),
      random.bytes(count * height * width),
    )
    const labels = concatBytes(Uint8Array.of(0, 0, 8, 1), big(count), random.bytes(count))
    return concatBytes(big(images.length), images, labels)
  },
  decode: (bytes) => {
    const split = Math.min(
      bytes.length,
      4 + (bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)),
    )
    return idxIntake(bytes.subarray(4, split), bytes.subarray(split))
  },
  codes: ['bad-data'],
  bombs: () => [
    [
      '2^96 pixels',
      concatBytes(big(16), Uint8Array.of(0, 0, 8, 3), big(2 ** 32 - 1), big(2 ** 32 - 1), big(2 ** 32 - 1)),
    ],
    [
      'four billion images of nothing',
      concatBytes(big(16), Uint8Array.of(0, 0, 8, 3), big(2 ** 32 - 1), big(0), big(0)),
    ],
  ],
}

const NUMBERS = [
  '0',
  '1',
  '-2.5',
  '1e-3',
  '3.4e38',
  '.5',
  '5.',
  '+7',
  '"1"',
  ' 2 ',
  '0.1000000000000000055511151231257827',
]

const csv: Target<Intake> = {
  name: 'csv',
  covers: ['app/job/data/csv.ts#csvIntake'],
  valid: (random) => {
    const columns = 1 + random.below(4)
    const end = random.pick(['\n', '\r\n'])
    const row = (): string =>
      [...Array.from({ length: columns }, () => random.pick(NUMBERS)), random.below(5)].join(',')
    const header = Array.from({ length: columns + 1 }, (_, i) => `"column, ${i}"`).join(',')
    const rows = [...(random.bool() ? [header] : []), ...Array.from({ length: 1 + random.below(6) }, row)]
    return utf8(rows.join(end) + (random.bool() ? end : ''))
  },
  decode: (bytes) => csvIntake(bytes),
  codes: ['bad-data', 'over-limit'],
  tokens: words(
    '"',
    '""',
    ',',
    '\n',
    '\r\n',
    '\r',
    ';',
    '\ufeff',
    'NaN',
    'Infinity',
    '1e39',
    '1e-46',
    '-0',
    '0x10',
    '\u0000',
    'é',
  ),
  bombs: () => [
    ['a line of two megabytes', fill('1', 2 * MIB)],
    ['a hundred thousand columns', fill('1,', 200_000)],
    ['a megabyte of quotes', fill('"', MIB)],
    ['a name of a megabyte', utf8(`${'a'.repeat(MIB - 16)},b\nx,1\n`)],
    ['a number of a megabyte', utf8(`${'9'.repeat(MIB - 16)},1\n`)],
  ],
  allocates: (size) => MIB + 64 * size,
}

const decimal: Target<number> = {
  name: 'decimal',
  covers: ['app/job/data/decimal.ts#decimalBits'],
  valid: (random) => utf8(random.pick(NUMBERS).replaceAll(/[" ]/g, '')),
  decode: (bytes) => decimalBits(textOf(bytes)),
  codes: ['bad-data'],
  tokens: words(
    'e',
    'E',
    '+',
    '-',
    '.',
    '0'.repeat(30),
    '9'.repeat(30),
    'e-9999',
    'e9999',
    '1.00000005960464477539062500001',
  ),
}

const text: Target<Intake> = {
  name: 'text',
  covers: ['app/job/data/text.ts#textIntake'],
  valid: (random) => random.bytes(17 + random.below(100)),
  decode: (bytes) => textIntake(bytes, 16),
  codes: ['bad-data'],
}

const MAX_UNPACKED = 65_536

const gzip: Target<Uint8Array> = {
  name: 'gzip',
  covers: ['app/job/data/source.ts#unpacked'],
  valid: (random) =>
    new Uint8Array(gzipSync(random.bool() ? random.bytes(random.below(300)) : new Uint8Array(random.below(50_000)))),
  decode: async (bytes) => {
    const out = await unpacked('the file', bytes, MAX_UNPACKED)
    if (out.length > MAX_UNPACKED && out !== bytes) throw new Error(`unpacks to ${out.length} bytes`)
    return out
  },
  codes: ['bad-data', 'over-limit'],
  bombs: () => [
    ['16 MiB of zeros', new Uint8Array(gzipSync(new Uint8Array(16 * MIB)))],
    [
      'a hundred members of 64 KiB',
      concatBytes(...Array.from({ length: 100 }, () => new Uint8Array(gzipSync(new Uint8Array(MAX_UNPACKED))))),
    ],
  ],
  allocates: (size) => 4 * MAX_UNPACKED + 64 * size,
  slowness: 8,
}

const DTYPES = { BOOL: 1, U8: 1, F16: 2, F32: 4, F64: 8 } as const

function aSafeFile(random: SeededRandom): SafeFile {
  const tensors = Array.from({ length: random.below(4) }, (_, i) => {
    const dtype = random.pick(Object.keys(DTYPES) as (keyof typeof DTYPES)[])
    const shape = Array.from({ length: random.below(3) }, () => random.below(4))
    return { name: `t${i}`, dtype, shape, bytes: random.bytes(shape.reduce((all, size) => all * size, DTYPES[dtype])) }
  })
  return { tensors, metadata: random.bool() ? { format: 'pt', step: '7' } : {} }
}

/** Changes the header as a JSON value and keeps its length field right. */
function mutateHeader(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  if (bytes.length < 8) return bytes
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  try {
    const json = utf8(jsonText(mutateValue(JSON.parse(textOf(bytes.subarray(8, 8 + size))), random)))
    return concatBytes(safeHead(json.length), json, bytes.subarray(8 + size))
  } catch {
    return bytes
  }
}

function safeHead(size: number): Uint8Array {
  const head = new Uint8Array(8)
  new DataView(head.buffer).setBigUint64(0, BigInt(size), true)
  return head
}

const withHeader = (json: Uint8Array): Uint8Array => concatBytes(safeHead(json.length), json)

const safetensors: Target<SafeFile> = {
  name: 'safetensors',
  covers: ['app/weights/safetensors.ts#decodeSafetensors'],
  valid: (random) => encodeSafetensors(aSafeFile(random)),
  decode: decodeSafetensors,
  encode: encodeSafetensors,
  form: 'stable',
  codes: ['bad-data', 'over-limit'],
  mutate: mutateHeader,
  tokens: words('"__metadata__":', '"__proto__":', '"shape":[', '[0,0]', '1e1', '-0', '9007199254740993', '{}', ','),
  bombs: () => [
    ['a header of 2^64-1 bytes', new Uint8Array(16).fill(0xff)],
    ['a header of lists in lists', withHeader(concatBytes(utf8('{"a":'), fill('[', MIB)))],
    ['a name of a megabyte', withHeader(utf8(`{"${'n'.repeat(MIB)}":0}`))],
    ['a key of metadata of a megabyte', withHeader(utf8(`{"__metadata__":{"${'n'.repeat(MIB)}":0}}`))],
    ['seventy thousand tensors', withHeader(utf8(`{${Array.from({ length: 70_000 }, (_, i) => `"${i}":0`).join()}}`))],
  ],
}

const PORTS = [
  { name: 'w', type: { dtype: 'f32', shape: [2, 2] } },
  { name: 'b', type: { dtype: 'f32', shape: [] } },
] as const
const SPEC_HASH = new Uint8Array(32).fill(5)

function checkpointOf(state: Uint8Array, losses: readonly unknown[]): Uint8Array {
  const tensors = [
    { name: 'w', dtype: 'U32' as const, shape: [2, 2], bytes: state.subarray(0, 16) },
    { name: 'b', dtype: 'U32' as const, shape: [], bytes: state.subarray(16) },
  ]
  const stateRoot = toHex(listRoot(PORTS, state))
  const text = { step: String(losses.length), losses: JSON.stringify(losses) }
  return encodeSafetensors({ tensors, metadata: { specHash: toHex(SPEC_HASH), stateRoot, ...text } })
}

const checkpoint: Target = {
  name: 'checkpoint',
  covers: ['app/checkpoint.ts#decodeCheckpoint'],
  valid: (random) =>
    checkpointOf(
      random.bytes(listBytes(PORTS)),
      Array.from({ length: random.below(4) }, () => random.u32() / 7),
    ),
  decode: (bytes) => decodeCheckpoint(bytes, 'the checkpoint', SPEC_HASH, PORTS),
  codes: ['bad-data', 'over-limit'],
  mutate: mutateHeader,
  tokens: words('null', '[]', '\\"1\\"', '1e1', '0x1', '""', ' '),
  bombs: () => [['losses that are no numbers', checkpointOf(new Uint8Array(listBytes(PORTS)), ['1', null, [2]])]],
}

export const FILES = [jobFile, idx, csv, decimal, text, gzip, safetensors, checkpoint] as readonly Target[]
