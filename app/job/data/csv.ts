/**
 * CSV: numeric columns, the last one the class (0, 1, 2, ...). Records are f32 words: the features, then the class.
 *
 * RFC 4180 without line breaks inside quotes. A first row that holds something else than numbers is the header.
 */

import { decimalBits } from '#app/job/data/decimal.ts'
import { classCount, type Intake, MAX_CLASSES } from '#app/job/data/intake.ts'
import { AssayError, fail } from '#proto/errors.ts'

export const CSV_LIMITS = { columns: 65_536, lineBytes: 1 << 20, bytes: 1 << 30 } as const

export interface CsvOptions {
  /** Whether the first row is a header. Default: it is one if one of its cells is not a number. */
  readonly header?: boolean | undefined
  readonly classes?: number | undefined
}

/** @throws AssayError `bad-data` naming row and column of the first fault, `over-limit` above `CSV_LIMITS` */
export function csvIntake(data: Uint8Array, options: CsvOptions = {}): Intake {
  const words = new Words()
  let titles: readonly string[] | undefined
  let width = 0
  let largest = 0
  for (const { number, cells } of rows(data)) {
    if (width === 0) {
      width = cells.length
      if (width < 2) {
        fail('bad-data', `row ${number} has one column; at least one feature and the class are needed`, {
          next: 'Columns are separated by commas.',
        })
      }
      if (options.header ?? looksLikeHeader(cells)) {
        titles = cells
        continue
      }
    }
    if (cells.length !== width) {
      fail('bad-data', `row ${number} has ${cells.length} columns, the first row ${width}`, {
        next: 'Every row needs the same columns; quote cells that contain commas.',
      })
    }
    for (let column = 0; column < width - 1; column++) {
      words.push(number, featureBits(cells[column] as string, number, column, titles))
    }
    const label = classOf(cells[width - 1] as string, number, width - 1, titles)
    words.push(number, floatBits(label))
    largest = Math.max(largest, label)
  }
  if (words.length === 0) fail('bad-data', 'the csv file holds no record', { next: 'Check that it is the right file.' })
  const bytes = words.finish()
  return {
    bytes,
    layout: {
      format: 'csv',
      size: bytes.length,
      dtype: 'f32',
      stride: width,
      recordLength: width,
      height: 0,
      width: 0,
      features: width - 1,
      classes: classCount(largest, options.classes),
    },
  }
}

interface Row {
  /** Line number, from 1. */
  readonly number: number
  readonly cells: readonly string[]
}

/** The rows of the file; empty lines are allowed at its end only. */
function* rows(data: Uint8Array): Generator<Row> {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  let at = text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? 3 : 0
  let blank = 0
  for (let number = 1; at < text.length; number++) {
    const newline = text.indexOf(0x0a, at)
    const end = newline < 0 ? text.length : newline
    if (end - at > CSV_LIMITS.lineBytes)
      fail('over-limit', `row ${number} is longer than ${CSV_LIMITS.lineBytes} bytes`)
    const line = text.toString('utf8', at, text[end - 1] === 0x0d && end > at ? end - 1 : end)
    at = end + 1
    if (line.trim() === '') {
      blank ||= number
      continue
    }
    if (blank > 0) fail('bad-data', `row ${blank} is empty`, { next: 'Remove empty lines between rows.' })
    const cells = splitCells(line, number)
    if (cells.length > CSV_LIMITS.columns) {
      fail('over-limit', `row ${number} has ${cells.length} columns, at most ${CSV_LIMITS.columns} are allowed`)
    }
    yield { number, cells }
  }
}

/** Cells of a line, unquoted and without blanks around them. */
function splitCells(line: string, number: number): string[] {
  if (!line.includes('"')) return line.split(',').map((cell) => cell.trim())
  const cells: string[] = []
  for (let at = 0; at <= line.length; ) {
    const comma = line.indexOf(',', at)
    const plain = line.slice(at, comma < 0 ? line.length : comma)
    if (!plain.includes('"')) {
      cells.push(plain.trim())
      at += plain.length + 1
      continue
    }
    const open = line.indexOf('"', at)
    const close = closingQuote(line, open)
    const end = close < 0 ? -1 : line.indexOf(',', close)
    const after = line.slice(close + 1, end < 0 ? line.length : end)
    if (close < 0 || line.slice(at, open).trim() !== '' || after.trim() !== '') {
      fail('bad-data', `row ${number}: column ${cells.length + 1} has a misplaced quote`, {
        next: 'Quote whole cells, double the quotes inside them, and keep each row on one line.',
      })
    }
    cells.push(
      line
        .slice(open + 1, close)
        .replaceAll('""', '"')
        .trim(),
    )
    at = end < 0 ? line.length + 1 : end + 1
  }
  return cells
}

/** Where the quote that opens at `open` closes; a doubled quote inside stands for one. -1 if it does not close. */
function closingQuote(line: string, open: number): number {
  let close = line.indexOf('"', open + 1)
  while (close >= 0 && line[close + 1] === '"') close = line.indexOf('"', close + 2)
  return close
}

/** A row of names is a header, a row of numbers is none; a mixed row could be a header or a damaged record. */
function looksLikeHeader(cells: readonly string[]): boolean {
  const numbers = cells.filter((cell) => cell !== '' && Number.isFinite(Number(cell))).length
  if (numbers === cells.length) return false
  if (numbers === 0) return true
  return fail('bad-data', 'the first row mixes numbers and names: it may be a header or a damaged record', {
    next: 'Say so in the job file: data.header: true or data.header: false.',
  })
}

function place(row: number, column: number, titles: readonly string[] | undefined): string {
  const title = titles?.[column]?.slice(0, 40)
  return `row ${row}, column ${column + 1}${title === undefined ? '' : ` (${title})`}`
}

function featureBits(cell: string, row: number, column: number, titles: readonly string[] | undefined): number {
  if (cell === '') {
    fail('bad-data', `${place(row, column, titles)} is empty`, {
      next: 'Fill or drop rows with missing values before training.',
    })
  }
  try {
    return decimalBits(cell)
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause
    const semicolon = cell.includes(';') ? ' Columns are separated by commas, not semicolons.' : ''
    return fail('bad-data', `${place(row, column, titles)}: ${cause.message}`, {
      next: `Features must be decimal numbers that a 32-bit float can hold.${semicolon}`,
      cause,
    })
  }
}

function classOf(cell: string, row: number, column: number, titles: readonly string[] | undefined): number {
  const match = /^(\d{1,5})(?:\.0*)?$/.exec(cell)
  const label = match ? Number(match[1]) : Number.NaN
  if (!(label < MAX_CLASSES)) {
    fail('bad-data', `${place(row, column, titles)}: "${cell.slice(0, 40)}" is not a class`, {
      next: `The last column is the class: a whole number from 0 to ${MAX_CLASSES - 1}.`,
    })
  }
  return label
}

const scratch = new DataView(new ArrayBuffer(4))
function floatBits(value: number): number {
  scratch.setFloat32(0, value)
  return scratch.getUint32(0)
}

/** A growing list of little-endian words. */
class Words {
  #view = new DataView(new ArrayBuffer(1 << 16))
  #bytes = 0

  get length(): number {
    return this.#bytes / 4
  }

  push(row: number, word: number): void {
    if (this.#bytes === this.#view.byteLength) this.#grow(row)
    this.#view.setUint32(this.#bytes, word, true)
    this.#bytes += 4
  }

  #grow(row: number): void {
    if (this.#bytes >= CSV_LIMITS.bytes) {
      fail('over-limit', `the data set is larger than ${CSV_LIMITS.bytes} bytes at row ${row}`, {
        next: 'Use fewer rows or columns.',
      })
    }
    const larger = new Uint8Array(this.#bytes * 2)
    larger.set(new Uint8Array(this.#view.buffer))
    this.#view = new DataView(larger.buffer)
  }

  finish(): Uint8Array {
    return new Uint8Array(this.#view.buffer.slice(0, this.#bytes))
  }
}
