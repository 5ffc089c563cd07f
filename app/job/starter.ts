/** Job files to start from, each with a small data set of its own: what `assay init` writes. Nothing in them is random. */

export const STARTERS = ['gpt', 'mlp', 'cnn'] as const
export type Starter = (typeof STARTERS)[number]

/** A file of a starter. The name of the job file is the caller's. */
export interface StarterFile {
  readonly name: string
  readonly content: string | Uint8Array
}

/** The files of a starter, the job file first. @param data file to train on in the place of the sample; none for `cnn` */
export function starterFiles(starter: Starter, jobFile: string, data?: string): StarterFile[] {
  const stem = jobFile.replace(/\.[^.]*$/, '')
  switch (starter) {
    case 'gpt': {
      // Without a text of yours the job file is its own.
      return [{ name: jobFile, content: jobText(GPT, `{ format: text, path: ${quoted(data ?? jobFile)} }`, data) }]
    }
    case 'mlp': {
      const table = `${stem}-points.csv`
      const job = { name: jobFile, content: jobText(MLP, `{ format: csv, path: ${quoted(data ?? table)} }`, data) }
      return data === undefined ? [job, { name: table, content: points() }] : [job]
    }
    case 'cnn': {
      const [images, labels] = [`${stem}-images.idx`, `${stem}-labels.idx`]
      const source = `{ format: idx, path: ${quoted(images)}, labels: ${quoted(labels)} }`
      return [{ name: jobFile, content: jobText(CNN, source) }, ...shapes(images, labels)]
    }
  }
}

interface Recipe {
  readonly model: string
  readonly about: string
  readonly data: string
  readonly steps: number
  readonly batch: number
  readonly learningRate: number
}

const GPT: Recipe = {
  model: '{ type: gpt, width: 32, layers: 2, heads: 2, context: 32 }',
  about: 'A transformer that predicts the next byte of a text. Other models: mlp, cnn.',
  data: 'Any text, plain or .gz; here it is this very file. Records are stretches of context + 1 bytes.',
  steps: 60,
  batch: 16,
  learningRate: 0.003,
}
const MLP: Recipe = {
  model: '{ type: mlp, hidden: [32, 32], activation: tanh }',
  about: 'A classifier of rows of numbers. Other models: cnn, gpt.',
  data: 'A table: numbers, and the class (0, 1, ..) in the last column.',
  steps: 120,
  batch: 32,
  learningRate: 0.02,
}
const CNN: Recipe = {
  model: '{ type: cnn, channels: [4], kernel: 3, hidden: 16 }',
  about: 'A convolutional classifier of images. Other models: mlp, gpt.',
  data: 'Two files in the IDX format of MNIST, plain or .gz.',
  steps: 60,
  batch: 32,
  learningRate: 0.005,
}

function jobText({ model, about, data, steps, batch, learningRate }: Recipe, source: string, own?: string): string {
  return `# A training job. Every field is explained in docs/job-file.md.
#
#   assay run FILE       trains it on this machine alone
#   assay submit FILE    puts it on a network; the same file gives the same weights there, bit for bit

# ${about}
model: ${model}

# ${own === undefined ? data : data.replace('; here it is this very file', '')} Paths are relative to this file, or give a url.
# On a network everybody can read the data: submit nothing personal or confidential.
data: ${source}

# The last tenth of the records, at most 1000, is kept for the evaluation. Another choice:
# eval: { records: [0, 20] }

# Optimizer steps, and records in each. A batch is computed in microBatches equal parts.
steps: ${steps}
batch: ${batch}
microBatches: 4

# Or { type: sgd, learningRate: 0.1, momentum: 0.9 }. The rate rises over the first warmup steps.
optimizer: { type: adamw, learningRate: ${learningRate}, warmup: 10 }

# Fixes everything random: initial weights, order of the records, dropout.
seed: 1

# Solvers that share the work, a power of two. Their number never changes the result.
replicas: 2

# Verifiers replay this share of the work; 1 replays all of it.
policy: { sampleRate: 0.2 }

# Most that the job may cost, in ether of the chain. Without it there is no limit.
# budget: 1
`
}

/** YAML reads a JSON string as it is. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : JSON.stringify(path)
}

/** A sequence of numbers below `n`: the same everywhere, good enough for sample data. */
function dice(): (n: number) => number {
  let state = 12_345
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % n
  }
}

/** Points of the square; the class says whether both coordinates have the same sign. */
function points(): string {
  const roll = dice()
  const rows = Array.from({ length: 400 }, () => {
    const [x, y] = [roll(2001) - 1000, roll(2001) - 1000]
    return `${x / 1000},${y / 1000},${x * y > 0 ? 1 : 0}`
  })
  return `x,y,class\n${rows.join('\n')}\n`
}

const SIDE = 8
const IMAGES = 400

/** Images of a noisy horizontal (class 0) or vertical (class 1) bar, as two IDX files. */
function shapes(images: string, labels: string): StarterFile[] {
  const roll = dice()
  const pixels = new Uint8Array(IMAGES * SIDE * SIDE)
  const classes = new Uint8Array(IMAGES)
  for (let i = 0; i < IMAGES; i++) {
    const [vertical, place] = [roll(2), roll(SIDE)]
    classes[i] = vertical
    for (let at = 0; at < SIDE * SIDE; at++) {
      const line = vertical === 1 ? at % SIDE : Math.floor(at / SIDE)
      pixels[i * SIDE * SIDE + at] = (line === place ? 160 : 0) + roll(90)
    }
  }
  return [
    { name: images, content: idx([IMAGES, SIDE, SIDE], pixels) },
    { name: labels, content: idx([IMAGES], classes) },
  ]
}

function idx(sizes: readonly number[], elements: Uint8Array): Uint8Array {
  const header = new Uint8Array(4 + 4 * sizes.length)
  header.set([0, 0, 8, sizes.length])
  const view = new DataView(header.buffer)
  for (const [i, size] of sizes.entries()) view.setUint32(4 + 4 * i, size)
  return Uint8Array.from([...header, ...elements])
}
