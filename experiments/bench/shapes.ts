/** Contractions to measure: C [m, n] = A [m, k] B [k, n], written m x k x n. */

export interface Shape {
  readonly label: string
  /** Independent products; 1 is a plain one. */
  readonly batch: number
  readonly m: number
  readonly k: number
  readonly n: number
  /** A is stored [k, m]. */
  readonly transposeA: boolean
  /** B is stored [n, k]. */
  readonly transposeB: boolean
}

export const SHAPES: readonly string[] = [
  ...['256', '512', '768', '1024', '1536', '2048'],
  ...['512NT', '512TN', '1024NT', '1024TN'],
  ...['1024x512x128', '8192x64x64', '32x[128x32x128]', '256x8192x256'],
]

const SYNTAX = /^(?:(\d+)x\[(\d+)x(\d+)x(\d+)\]|(\d+)x(\d+)x(\d+)|(\d+))(NN|NT|TN|TT)?$/

/**
 * A shape: `512` is a square, `MxKxN` any, `Bx[MxKxN]` a batch; `NT`, `TN`, `TT` after it say which operands are stored
 * transposed.
 * @throws Error for anything else
 */
export function parseShape(label: string): Shape {
  const match = SYNTAX.exec(label)
  if (!match) throw new Error(`'${label}' is no shape: write 512, 1024x512x128 or 32x[128x32x128], NT or TN after it`)
  const numbers = match.slice(1, 9).flatMap((text) => (text === undefined ? [] : [Number(text)]))
  const [m, k, n] = numbers.length === 1 ? [numbers[0], numbers[0], numbers[0]] : numbers.slice(-3)
  const sizes = { batch: numbers.length === 4 ? numbers[0] : 1, m, k, n } as Pick<Shape, 'batch' | 'm' | 'k' | 'n'>
  if (Object.values(sizes).some((size) => size < 1)) throw new Error(`'${label}' has a size of 0`)
  const flags = match[9] ?? 'NN'
  return { label, ...sizes, transposeA: flags[0] === 'T', transposeB: flags[1] === 'T' }
}

export const flopsOf = ({ batch, m, k, n }: Shape): number => 2 * batch * m * k * n

/** Whether it is a square of the sizes whose share of the multiply-add peak is claimed. */
export const isLargeSquare = ({ batch, m, k, n, transposeA, transposeB }: Shape): boolean =>
  batch === 1 && m === k && k === n && m >= 512 && m <= 2048 && !transposeA && !transposeB

/**
 * Operand element `index`, in storage order: sixteenths whose products of these sizes add up without rounding, so that
 * everybody must get the same result.
 */
export const operand = (index: number): number => (((index * 7919) % 251) % 16) / 16 - 0.5

/** Places of the result at which all contenders are compared. */
export function probes({ batch, m, n }: Shape): number[] {
  const size = batch * m * n
  return Array.from({ length: 16 }, (_, i) => Math.floor((i * (size - 1)) / 15))
}
