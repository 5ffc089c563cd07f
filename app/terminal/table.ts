/** Tables of text in columns: the ledger, `jobs`, `doctor`. */
import { columns, truncate } from '#app/terminal/format.ts'

export interface Column {
  readonly title: string
  /** Default `left`. */
  readonly align?: 'left' | 'right'
  /** Whether the column may be cut when the table is too wide. Default false: figures and hashes stay whole. */
  readonly flexible?: boolean
}

export interface TableOptions {
  /** Columns available. Flexible columns shrink to fit, the widest first, down to 8 columns each. */
  readonly width: number
  readonly unicode: boolean
}

const GAP = '  '
const NARROWEST = 8

/** The lines of a table: titles, a rule, then `rows`. A missing cell is empty. */
export function table(
  head: readonly Column[],
  rows: readonly (readonly string[])[],
  { width, unicode }: TableOptions,
): string[] {
  const widths = head.map((column, i) => Math.max(columns(column.title), ...rows.map((row) => columns(row[i] ?? ''))))
  shrink(head, widths, width - GAP.length * (head.length - 1))
  const line = (cells: readonly string[]): string =>
    head
      .map((column, i) => {
        const size = widths[i] as number
        const text = truncate(cells[i] ?? '', size, unicode ? '…' : '~')
        const padding = ' '.repeat(size - columns(text))
        return column.align === 'right' ? padding + text : text + padding
      })
      .join(GAP)
      .trimEnd()
  const rule = widths.map((size) => (unicode ? '─' : '-').repeat(size)).join(GAP)
  return [line(head.map((column) => column.title)), rule, ...rows.map(line)]
}

function shrink(head: readonly Column[], widths: number[], available: number): void {
  let excess = widths.reduce((sum, size) => sum + size, 0) - available
  while (excess > 0) {
    let widest = -1
    head.forEach((column, i) => {
      const size = widths[i] as number
      if (column.flexible && size > NARROWEST && size > (widths[widest] ?? 0)) widest = i
    })
    if (widest < 0) return
    widths[widest] = (widths[widest] as number) - 1
    excess--
  }
}
