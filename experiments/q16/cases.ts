/** What is trained: job files of small models, on data from a folder or made up from a seed. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import seedrandom from 'seedrandom'

export interface Case {
  readonly name: string
  /** Where the data comes from, for people. */
  readonly data: string
  /** A job file without `arithmetic` and `microBatches`. */
  readonly job: { readonly steps: number; readonly [field: string]: unknown }
}

const IMAGES = 't10k-images-idx3-ubyte.gz'
const LABELS = 't10k-labels-idx1-ubyte.gz'
const TEXT = 'input.txt'

type Random = () => number

/** A normal deviate by Box and Muller's method. */
const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** IDX bytes: magic with the rank, sizes, data. */
function idx(sizes: readonly number[], data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4 + 4 * sizes.length)
  head.writeUInt32BE(0x0800 + sizes.length)
  for (const [i, size] of sizes.entries()) head.writeUInt32BE(size, 4 + 4 * i)
  return Buffer.concat([head, data])
}

const [SIDE, COUNT] = [28, 10_000]

/** Ten blurred shapes, moved by a few pixels and covered with noise. */
async function madeUpImages(folder: string): Promise<[string, string]> {
  const random = seedrandom('q16 images')
  const [images, labels] = [new Uint8Array(COUNT * SIDE * SIDE), new Uint8Array(COUNT)]
  const waves = Array.from({ length: 10 }, () =>
    Array.from({ length: 3 }, () => [1 + 2 * random(), 1 + 2 * random(), 6 * random()]),
  )
  for (let n = 0; n < COUNT; n++) {
    const label = Math.floor(10 * random())
    labels[n] = label
    const [dx, dy] = [4 * random() - 2, 4 * random() - 2]
    for (let at = 0; at < SIDE * SIDE; at++) {
      const [px, py] = [(at % SIDE) + dx, Math.floor(at / SIDE) + dy]
      const height = waves[label]!.reduce((sum, [u, v, phase]) => sum + Math.sin((u! * px + v! * py) / 5 + phase!), 0)
      images[n * SIDE * SIDE + at] = Math.min(255, Math.max(0, 128 + 40 * height + 70 * normal(random)))
    }
  }
  const paths: [string, string] = [join(folder, 'images.idx'), join(folder, 'labels.idx')]
  await writeFile(paths[0], idx([COUNT, SIDE, SIDE], images))
  await writeFile(paths[1], idx([COUNT], labels))
  return paths
}

/** Sentences of a small grammar: enough to learn for a few hundred steps. */
async function madeUpText(folder: string): Promise<string> {
  const random = seedrandom('q16 text')
  const pick = (words: readonly string[]): string => words[Math.floor(words.length * random())]!
  const noun = (): string =>
    pick(['the king', 'a fool', 'my lord', 'the night', 'an army', 'his crown', 'her ghost', 'the sea'])
  const verb = (): string => pick(['takes', 'loves', 'forgets', 'will find', 'has seen', 'would follow', 'fears'])
  let text = ''
  while (text.length < 400_000) {
    text += `${noun()} ${verb()} ${noun()}${pick(['', ' and weeps', ', alas', ' in the dark'])}${pick(['. ', '! ', ';\n', '?\n'])}`
  }
  const path = join(folder, 'text.txt')
  await writeFile(path, text)
  return path
}

/** One in this many records of the outlier case is broken, and the size of what stands in it. */
const RARE = 16
const OUTLIER = 1e6
const CLASSES = 8

/**
 * Eight classes around random centres in 32 features; in some records all sensors failed and read about +-1,000,000. A
 * saturated tanh lets no gradient through for such a record, so in f32 it harms little. But gradients of the first layer
 * contract over records: its values stand in the same blocks as those of good ones.
 */
async function outliers(folder: string): Promise<string> {
  const random = seedrandom('q16 outliers')
  const centres = Array.from({ length: CLASSES }, () => Array.from({ length: 32 }, () => 0.6 * normal(random)))
  const lines: string[] = []
  for (let n = 0; n < 12_000; n++) {
    const label = Math.floor(CLASSES * random())
    const broken = random() * RARE < 1
    const values = centres[label]!.map((centre) => (broken ? OUTLIER * normal(random) : centre + normal(random)))
    lines.push(`${values.map((value) => value.toPrecision(6)).join(',')},${label}\n`)
  }
  const path = join(folder, 'outliers.csv')
  await writeFile(path, lines.join(''))
  return path
}

const adamw = (learningRate: number) => ({ type: 'adamw', learningRate, warmup: 20 })

/**
 * The cases, with their data written into `folder` where it is made up.
 * @param source a folder that may hold the digits and a text; undefined: everything is made up
 */
export async function casesIn(folder: string, source: string | undefined): Promise<Case[]> {
  const has = (name: string): string | undefined => {
    const path = source === undefined ? undefined : join(source, name)
    return path !== undefined && existsSync(path) ? path : undefined
  }
  const [images, labels, text] = [has(IMAGES), has(LABELS), has(TEXT)]
  const digits = images !== undefined && labels !== undefined
  const [path, answers] = digits ? [images, labels] : await madeUpImages(folder)
  const pictures = {
    data: { format: 'idx', path, labels: answers, train: [0, 8000], classes: 10 },
    eval: { records: [8000, 10_000] },
    batch: 64,
  }
  const shown = digits ? `${IMAGES}, records 8000 to 9999 held out` : 'made-up images'
  return [
    {
      name: 'gpt',
      data: text === undefined ? 'made-up text' : TEXT,
      job: {
        model: { type: 'gpt', width: 96, layers: 3, heads: 3, context: 64 },
        data: { format: 'text', path: text ?? (await madeUpText(folder)) },
        steps: 300,
        batch: 16,
        optimizer: adamw(0.002),
      },
    },
    {
      name: 'mlp',
      data: shown,
      job: { model: { type: 'mlp', hidden: [256, 128] }, ...pictures, steps: 400, optimizer: adamw(0.001) },
    },
    {
      name: 'cnn',
      data: shown,
      job: { model: { type: 'cnn', channels: [8, 16], hidden: 64 }, ...pictures, steps: 400, optimizer: adamw(0.002) },
    },
    {
      name: 'outliers',
      data: 'made-up table with outliers',
      job: {
        model: { type: 'mlp', hidden: [8], activation: 'tanh' },
        data: { format: 'csv', path: await outliers(folder), train: [0, 10_000], classes: CLASSES },
        eval: { records: [10_000, 12_000] },
        steps: 300,
        batch: 256,
        optimizer: adamw(0.003),
      },
    },
  ]
}
