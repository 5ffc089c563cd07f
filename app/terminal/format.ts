/** How figures and foreign text look to a person: durations, bytes, numbers, printable text. */
import { stripVTControlCharacters } from 'node:util'

/** `850 ms`, `12.3 s`, `3 m 05 s`, `2 h 07 m`, `4 d 03 h`; `-` for what is not a duration. */
export function duration(milliseconds: number): string {
  if (!Number.isFinite(milliseconds) || milliseconds < 0) return '-'
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`
  const tenths = Math.round(milliseconds / 100)
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`
  const hours = Math.round(minutes / 60)
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

const BYTE_UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `640 bytes`, `1.5 KiB`, `12.0 MiB`. */
export function byteCount(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024
    unit++
  }
  return unit === 0 ? `${value} bytes` : `${value.toFixed(1)} ${BYTE_UNITS[unit]}`
}

/** A whole number with a comma between thousands, whatever the locale. */
export function count(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 thread`, `2 threads`. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`
}

/** A measured number with `digits` significant digits and no exponent in the usual range: `2.314`, `0.01250`, `1234`. */
export function figure(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return String(value)
  if (value === 0) return '0'
  const magnitude = Math.floor(Math.log10(Math.abs(value)))
  if (magnitude < -5 || magnitude > 9) return value.toExponential(digits - 1)
  return value.toFixed(Math.max(0, digits - 1 - magnitude))
}

/** A share of 1 as `12.5%`. */
export function percent(share: number, decimals = 1): string {
  return `${(share * 100).toFixed(decimals)}%`
}

/** The head of a hash or address, long enough to tell two apart: `3f9a0c41`, `0x3f9a0c41`. */
export function short(hex: string, digits = 8): string {
  const prefix = hex.startsWith('0x') ? 2 : 0
  return hex.slice(0, prefix + digits)
}

/**
 * Text from elsewhere (a peer, a file, a model) made safe to print: control and formatting characters, which could move
 * the cursor, recolour or reorder the screen, become `·`; newlines stay only if `multiline`.
 */
export function printable(text: string, multiline = false): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (char) => (multiline && char === '\n' ? char : '·'))
}

/** Columns that `text` takes: code points without escape sequences (no wide characters are printed by this program). */
export function columns(text: string): number {
  return [...stripVTControlCharacters(text)].length
}

/** `text` cut to at most `width` columns, the last one an ellipsis where something was cut. Escape sequences are lost then. */
export function truncate(text: string, width: number, ellipsis = '…'): string {
  if (columns(text) <= width) return text
  const plain = [...stripVTControlCharacters(text)]
  return width <= 0 ? '' : plain.slice(0, width - 1).join('') + ellipsis
}
