/**
 * Accuracy of an exported multilayer perceptron on IDX images, computed from the files alone: an own reader of safetensors
 * and IDX and an own forward pass in 64-bit floats. Nothing of the product is imported, so that an error there cannot
 * excuse itself here.
 */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'

/** A row-major matrix; a bias is a matrix of one row. */
interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly values: Float64Array
}

/** Matrices of a safetensors file by name: https://github.com/huggingface/safetensors, "Format". */
export function readSafetensors(bytes: Uint8Array): Map<string, Matrix> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = 8 + Number(view.getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  const matrices = new Map<string, Matrix>()
  for (const [name, { dtype, shape, data_offsets: range }] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const [rows, columns] = shape.length === 2 ? (shape as [number, number]) : [1, shape[0] as number]
    if (dtype !== 'F32' || range[1] - range[0] !== 4 * rows * columns) throw new Error(`${name}: ${dtype} [${shape}]`)
    const values = Float64Array.from({ length: rows * columns }, (_, i) =>
      view.getFloat32(start + range[0] + 4 * i, true),
    )
    matrices.set(name, { rows, columns, values })
  }
  return matrices
}

/** Items of a gzipped IDX file of unsigned bytes: a big-endian magic with the rank, the dimensions, the data. */
export function readIdx(packed: Uint8Array): Uint8Array[] {
  const bytes = gunzipSync(packed)
  const rank = bytes.readUInt32BE(0) - 0x0800
  if (rank < 1 || rank > 3) throw new Error('not an IDX file of unsigned bytes')
  const dims = Array.from({ length: rank }, (_, i) => bytes.readUInt32BE(4 + 4 * i))
  const size = dims.slice(1).reduce((product, dim) => product * dim, 1)
  const start = 4 + 4 * rank
  return Array.from({ length: dims[0] as number }, (_, i) => bytes.subarray(start + i * size, start + (i + 1) * size))
}

/** x W + b. */
function dense(x: Float64Array, weight: Matrix, bias: Matrix): Float64Array {
  if (x.length !== weight.rows || bias.columns !== weight.columns) throw new Error('the layers do not fit together')
  const y = bias.values.slice()
  for (let i = 0; i < weight.rows; i++) {
    const xi = x[i] as number
    if (xi === 0) continue
    for (let j = 0; j < weight.columns; j++) (y[j] as number) += xi * (weight.values[i * weight.columns + j] as number)
  }
  return y
}

/** The class of one image: pixels / 255, dense layers `layer0`, `layer1`, ... with a rectifier between them, arg max. */
function classify(layers: readonly (readonly [Matrix, Matrix])[], pixels: Uint8Array): number {
  let x: Float64Array = Float64Array.from(pixels, (pixel) => pixel / 255)
  for (const [i, [weight, bias]] of layers.entries()) {
    x = dense(x, weight, bias)
    if (i < layers.length - 1) x = x.map((value) => Math.max(0, value))
  }
  return x.indexOf(Math.max(...x))
}

/** Share of records `from .. to-1` that the weights in `weightsFile` classify as labelled. */
export async function accuracy(
  weightsFile: string,
  imagesFile: string,
  labelsFile: string,
  [from, to]: readonly [number, number],
): Promise<number> {
  const matrices = readSafetensors(await readFile(weightsFile))
  const layers = Array.from({ length: matrices.size / 2 }, (_, i) => {
    const weight = matrices.get(`layer${i}.weight`)
    const bias = matrices.get(`layer${i}.bias`)
    if (!weight || !bias) throw new Error(`${weightsFile} has no layer ${i}`)
    return [weight, bias] as const
  })
  const images = readIdx(await readFile(imagesFile))
  const labels = readIdx(await readFile(labelsFile))
  let right = 0
  for (let i = from; i < to; i++) {
    if (classify(layers, images[i] as Uint8Array) === (labels[i] as Uint8Array)[0]) right++
  }
  return right / (to - from)
}
