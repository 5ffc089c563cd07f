/**
 * Accuracy of an exported multilayer perceptron or convolutional net on IDX images, computed from the files alone: an own reader of safetensors
 * and IDX and an own forward pass in 64-bit floats. Nothing of the product is imported, so that an error there cannot
 * excuse itself here.
 */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'

/** A row-major tensor. */
interface Tensor {
  readonly shape: readonly number[]
  readonly values: Float64Array
}

/** Tensors of a safetensors file by name: https://github.com/huggingface/safetensors, "Format". */
export function readSafetensors(bytes: Uint8Array): Map<string, Tensor> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const start = 8 + Number(view.getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  const tensors = new Map<string, Tensor>()
  for (const [name, { dtype, shape, data_offsets: range }] of Object.entries(header)) {
    if (name === '__metadata__') continue
    const size = shape.reduce((product, dim) => product * dim, 1)
    if (dtype !== 'F32' || range[1] - range[0] !== 4 * size) throw new Error(`${name}: ${dtype} [${shape}]`)
    const values = Float64Array.from({ length: size }, (_, i) => view.getFloat32(start + range[0] + 4 * i, true))
    tensors.set(name, { shape, values })
  }
  return tensors
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

type Parameters = (name: string) => Tensor

/** x W + b. */
function dense(x: Float64Array, parameters: Parameters, layer: string): Float64Array {
  const [weight, bias] = [parameters(`${layer}.weight`), parameters(`${layer}.bias`)]
  const [rows, columns] = weight.shape as [number, number]
  if (x.length !== rows || bias.values.length !== columns) throw new Error(`layer ${layer} does not fit`)
  const y = bias.values.slice()
  for (let i = 0; i < rows; i++) {
    const xi = x[i] as number
    if (xi === 0) continue
    for (let j = 0; j < columns; j++) (y[j] as number) += xi * (weight.values[i * columns + j] as number)
  }
  return y
}

const rectify = (x: Float64Array): Float64Array => x.map((value) => Math.max(0, value))

/** An image [side, side, channels]. */
interface Image {
  readonly side: number
  readonly values: Float64Array
}

/** Convolution with a kernel [k, k, in, out], stride 1, zeros around; then rectifiers and maxima of 2 x 2. */
function convolve({ side, values }: Image, { shape, values: kernel }: Tensor, bias: Tensor): Image {
  const [k, , from, to] = shape as [number, number, number, number]
  const border = (k - 1) / 2
  const half = Math.floor(side / 2)
  const pooled = new Float64Array(half * half * to)
  for (let row = 0; row < 2 * half; row++) {
    for (let column = 0; column < 2 * half; column++) {
      const y = bias.values.slice()
      for (let dy = 0; dy < k; dy++) {
        for (let dx = 0; dx < k; dx++) {
          const [r, c] = [row + dy - border, column + dx - border]
          if (r < 0 || c < 0 || r >= side || c >= side) continue
          for (let i = 0; i < from; i++) {
            const x = values[(r * side + c) * from + i] as number
            const at = ((dy * k + dx) * from + i) * to
            for (let j = 0; j < to; j++) (y[j] as number) += x * (kernel[at + j] as number)
          }
        }
      }
      const at = (Math.floor(row / 2) * half + Math.floor(column / 2)) * to
      for (let j = 0; j < to; j++) pooled[at + j] = Math.max(pooled[at + j] as number, y[j] as number)
    }
  }
  return { side: half, values: pooled }
}

const SIDE = 28

/** Scores of one image by a multilayer perceptron: dense layers `layer0`, `layer1`, ... with a rectifier between them. */
function perceptron(tensors: ReadonlyMap<string, Tensor>, parameters: Parameters, pixels: Float64Array): Float64Array {
  let x = pixels
  for (let i = 0; i < tensors.size / 2; i++) x = dense(i === 0 ? x : rectify(x), parameters, `layer${i}`)
  return x
}

/** Scores of one image by a convolutional net: `conv0`, `conv1`, ..., a `hidden` layer, the `head`. */
function convolutional(
  tensors: ReadonlyMap<string, Tensor>,
  parameters: Parameters,
  pixels: Float64Array,
): Float64Array {
  let image: Image = { side: SIDE, values: pixels }
  for (let i = 0; tensors.has(`conv${i}.weight`); i++) {
    image = convolve(image, parameters(`conv${i}.weight`), parameters(`conv${i}.bias`))
  }
  return dense(rectify(dense(image.values, parameters, 'hidden')), parameters, 'head')
}

/** Share of records `from .. to-1` that the weights in `weightsFile` classify as labelled. */
export async function accuracy(
  weightsFile: string,
  imagesFile: string,
  labelsFile: string,
  [from, to]: readonly [number, number],
): Promise<number> {
  const tensors = readSafetensors(await readFile(weightsFile))
  const parameters = (name: string): Tensor => {
    const tensor = tensors.get(name)
    if (!tensor) throw new Error(`${weightsFile} has no ${name}`)
    return tensor
  }
  const scores = tensors.has('conv0.weight') ? convolutional : perceptron
  const images = readIdx(await readFile(imagesFile))
  const labels = readIdx(await readFile(labelsFile))
  let right = 0
  for (let i = from; i < to; i++) {
    const pixels = Float64Array.from(images[i] as Uint8Array, (pixel) => pixel / 255)
    const y = scores(tensors, parameters, pixels)
    if (y.indexOf(Math.max(...y)) === (labels[i] as Uint8Array)[0]) right++
  }
  return right / (to - from)
}
