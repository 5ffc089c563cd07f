/**
 * IDX, the format of MNIST: images (u8, [n, height, width]) and labels (u8, [n]) become records of pixels, then the class.
 * Format: two zero bytes, a type code, the rank, big-endian u32 sizes, then the elements.
 */

import { classCount, type Intake } from '#app/job/data/intake.ts'
import { fail } from '#proto/errors.ts'

const UNSIGNED_BYTE = 0x08
const TYPES: Readonly<Record<number, string>> = {
  8: 'unsigned byte',
  9: 'signed byte',
  11: 'short',
  12: 'int',
  13: 'float',
  14: 'double',
}
const MAX_SIDE = 65_536
const IMAGES = 'idx images'
const LABELS = 'idx labels'

/**
 * Joins an image file and a label file, both unpacked.
 * @param classes number of classes, if the job states one
 * @throws AssayError `bad-data` for malformed files or files that do not belong together
 */
export function idxIntake(images: Uint8Array, labels: Uint8Array, classes?: number): Intake {
  const [count, height, width] = readHeader(images, IMAGES, 3) as [number, number, number]
  const [labelCount] = readHeader(labels, LABELS, 1) as [number]
  if (height < 1 || width < 1 || height > MAX_SIDE || width > MAX_SIDE || height * width > 2 ** 24 - 1) {
    malformed(IMAGES, `images of ${height} x ${width} pixels are not supported`)
  }
  if (count !== labelCount) {
    fail('bad-data', `there are ${count} images but ${labelCount} labels`, {
      next: 'Check that data.path and data.labels name the two files of one set.',
    })
  }
  if (count === 0) fail('bad-data', 'the idx files hold no record', { next: 'Use a larger data set.' })
  const pixels = height * width
  const stride = pixels + 1
  const imageData = images.subarray(images.length - count * pixels)
  const labelData = labels.subarray(labels.length - count)
  const bytes = new Uint8Array(count * stride)
  let largest = 0
  for (let i = 0; i < count; i++) {
    const label = labelData[i] as number
    bytes.set(imageData.subarray(i * pixels, (i + 1) * pixels), i * stride)
    bytes[i * stride + pixels] = label
    if (label > largest) largest = label
  }
  return {
    bytes,
    layout: {
      format: 'idx',
      size: bytes.length,
      dtype: 'u8',
      stride,
      recordLength: stride,
      height,
      width,
      features: pixels,
      classes: classCount(largest, classes),
    },
  }
}

/** The sizes in the header of an IDX file of unsigned bytes of the given rank, after checking all of it. */
function readHeader(data: Uint8Array, name: string, rank: number): number[] {
  if (data.length < 4) malformed(name, 'the file is shorter than its magic number')
  if (data[0] !== 0 || data[1] !== 0) malformed(name, 'the magic number does not start with two zero bytes')
  const type = data[2] as number
  if (type !== UNSIGNED_BYTE)
    malformed(name, `elements are ${TYPES[type] ?? `of unknown type ${type}`}, not unsigned bytes`)
  if (data[3] !== rank) malformed(name, `the file has ${data[3]} dimensions, not ${rank}`)
  const start = 4 + 4 * rank
  if (data.length < start) malformed(name, 'the header is truncated')
  const view = new DataView(data.buffer, data.byteOffset, start)
  const sizes = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const expected = start + sizes.reduce((product, size) => product * size, 1)
  if (data.length !== expected) {
    malformed(name, `the sizes [${sizes.join(', ')}] make ${expected} bytes, but the file has ${data.length}`)
  }
  return sizes
}

function malformed(name: string, what: string): never {
  fail('bad-data', `${name}: ${what}`, {
    next: 'data.path must name an idx3-ubyte file (images) and data.labels an idx1-ubyte file; gzip is fine.',
  })
}
