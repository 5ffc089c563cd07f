/** What is trained on: handwritten digits where there are some, else made-up images of the same shape, as a table of f32. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import seedrandom from 'seedrandom'

export const FEATURES = 784
export const CLASSES = 10
/** Words of a record: its features, then its class. */
export const WIDTH = FEATURES + 1

const IMAGES = 't10k-images-idx3-ubyte.gz'
const LABELS = 't10k-labels-idx1-ubyte.gz'
/** Bytes of the headers of IDX files of rank 3 and 1. */
const [IMAGES_HEAD, LABELS_HEAD] = [16, 8]

export interface Table {
  /** Where it comes from, for people. */
  readonly about: string
  /** `records` rows of `WIDTH` words. */
  readonly words: Float32Array
}

/** The first `records` digits of a folder, with pixels from 0 to 1. */
async function digits(folder: string, records: number): Promise<Table> {
  const [images, labels] = (await Promise.all([IMAGES, LABELS].map((name) => readFile(join(folder, name))))).map(
    (file) => gunzipSync(file),
  ) as [Buffer, Buffer]
  const words = new Float32Array(records * WIDTH)
  for (let n = 0; n < records; n++) {
    for (let i = 0; i < FEATURES; i++) words[n * WIDTH + i] = images[IMAGES_HEAD + n * FEATURES + i]! / 255
    words[n * WIDTH + FEATURES] = labels[LABELS_HEAD + n]!
  }
  return { about: `${IMAGES}, records 0 to ${records - 1}`, words }
}

/** Ten fixed patterns under noise, pixels from 0 to 1; one label in ten is wrong, so that there is something to learn to the end. */
function madeUp(records: number): Table {
  const random = seedrandom('pol-attacks')
  const patterns = Float32Array.from({ length: CLASSES * FEATURES }, () => (random() < 0.2 ? 0.9 : 0))
  const words = new Float32Array(records * WIDTH)
  for (let n = 0; n < records; n++) {
    const label = Math.floor(CLASSES * random())
    for (let i = 0; i < FEATURES; i++) {
      const pixel = random() < 0.3 ? random() : patterns[label * FEATURES + i]!
      words[n * WIDTH + i] = Math.min(1, pixel + 0.1 * random())
    }
    words[n * WIDTH + FEATURES] = random() < 0.1 ? Math.floor(CLASSES * random()) : label
  }
  return { about: 'made-up images', words }
}

/** @param folder may hold the test set of MNIST */
export async function tableOf(folder: string | undefined, records: number): Promise<Table> {
  return folder !== undefined && existsSync(join(folder, IMAGES)) ? await digits(folder, records) : madeUp(records)
}
