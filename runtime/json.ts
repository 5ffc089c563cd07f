/** JSON of protocol values: big integers as decimal text, byte strings as 0x text, maps as objects. */
import { to0x } from '#proto/bytes.ts'

/** `JSON.stringify` with the conversions above. Keys of maps are sorted. */
export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(plain(value), null, indent)
}

/** The plain JSON value of a protocol value. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return to0x(value)
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>)
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) {
    const entries = [...value.entries()].map(([key, item]) => [String(plain(key)), plain(item)] as const)
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  }
  if (value instanceof Set) return [...value].map(plain)
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
  }
  return value
}
