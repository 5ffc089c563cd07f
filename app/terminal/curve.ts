/** A curve drawn in text: braille dots (2 x 4 to a character) where the terminal has Unicode, stars elsewhere. */
import { count, figure } from '#app/terminal/format.ts'

export interface CurveOptions {
  /** Columns available, labels included. */
  readonly width: number
  /** Rows of the plot itself. Default 8. */
  readonly height?: number
  readonly unicode: boolean
  /** Name of the horizontal axis. Default `step`. */
  readonly axis?: string
  /** Number that the first value belongs to, for the label of the axis. Default 0. */
  readonly first?: number
}

/** Columns kept for the labels of the vertical axis: any figure of four digits fits. */
const LABEL_WIDTH = 10

/** Dots of a braille character by row and column. */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const

/**
 * The lines of a plot of `values` against their index, scaled to the smallest and largest value drawn. Values that are
 * not finite leave a gap; more values than dots are averaged per dot. Nothing finite gives one line that says so.
 */
export function curve(values: readonly number[], options: CurveOptions): string[] {
  const { width, height = 8, unicode, axis = 'step', first = 0 } = options
  if (!values.some(Number.isFinite)) return ['(nothing to draw)']
  const [across, down] = unicode ? [2, 4] : [1, 1]
  const plotWidth = Math.max(4, width - LABEL_WIDTH - 2)
  const samples = Array.from({ length: plotWidth * across }, (_, i) => sample(values, i, plotWidth * across))
  const finite = samples.filter(Number.isFinite)
  const low = finite.reduce((a, b) => Math.min(a, b))
  const high = finite.reduce((a, b) => Math.max(a, b))
  const labels = [figure(high), figure(low)]
  const margin = Math.max(...labels.map((label) => label.length))
  const grid = rasterize(samples, height * down, low, high)
  const bar = unicode ? '│' : '|'
  const lines: string[] = []
  for (let row = 0; row < height; row++) {
    const label = row === 0 ? labels[0] : row === height - 1 ? labels[1] : ''
    const cells = Array.from({ length: plotWidth }, (_, column) =>
      unicode ? braille(grid, column, row) : grid[row]?.[column] ? '*' : ' ',
    )
    lines.push(`${(label ?? '').padStart(margin)} ${bar}${cells.join('')}`.trimEnd())
  }
  lines.push(`${' '.repeat(margin)} ${unicode ? '└' : '+'}${(unicode ? '─' : '-').repeat(plotWidth)}`)
  const left = `${axis} ${count(first)}`
  const right = count(first + values.length - 1)
  lines.push(`${' '.repeat(margin + 2)}${left}${right.padStart(Math.max(right.length + 1, plotWidth - left.length))}`)
  return lines
}

/** Which dots of a grid are set, one column per sample, row 0 at the top: the curve, joined up vertically. */
function rasterize(samples: readonly number[], rows: number, low: number, high: number): boolean[][] {
  const grid = Array.from({ length: rows }, () => new Array<boolean>(samples.length).fill(false))
  const span = high - low || 1
  let before: number | undefined
  for (const [column, value] of samples.entries()) {
    if (!Number.isFinite(value)) {
      before = undefined
      continue
    }
    const row = Math.round(((high - value) / span) * (rows - 1))
    const from = before === undefined ? row : before + Math.sign(row - before)
    for (let r = Math.min(from, row); r <= Math.max(from, row); r++) (grid[r] as boolean[])[column] = true
    before = row
  }
  return grid
}

/** The value at dot `column` of `columns`: an average where there are more values than dots, else on a line between two. */
function sample(values: readonly number[], column: number, columns: number): number {
  if (values.length <= columns) {
    const at = columns === 1 ? 0 : (column / (columns - 1)) * (values.length - 1)
    const left = values[Math.floor(at)] as number
    const right = values[Math.ceil(at)] as number
    if (!Number.isFinite(left) || !Number.isFinite(right)) return values[Math.round(at)] as number
    return left + (right - left) * (at - Math.floor(at))
  }
  const from = Math.floor((column * values.length) / columns)
  const to = Math.floor(((column + 1) * values.length) / columns)
  const bucket = values.slice(from, to).filter(Number.isFinite)
  return bucket.reduce((sum, value) => sum + value, 0) / bucket.length
}

function braille(grid: readonly boolean[][], column: number, row: number): string {
  let bits = 0
  for (const [dy, pair] of DOTS.entries()) {
    for (const [dx, dot] of pair.entries()) if (grid[row * 4 + dy]?.[column * 2 + dx]) bits |= dot
  }
  return bits === 0 ? ' ' : String.fromCodePoint(0x2800 + bits)
}
