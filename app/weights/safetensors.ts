/**
 * The safetensors format: a u64 length, a JSON header, then raw tensors. Nothing in it can execute.
 * Format: https://github.com/huggingface/safetensors (README, "Format").
 */
import { fail } from '#proto/errors.ts'

/** Bytes of one element. */
const ELEMENT_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const

export type SafeDType = keyof typeof ELEMENT_BYTES

export interface SafeTensor {
  readonly name: string
  readonly dtype: SafeDType
  readonly shape: readonly number[]
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array
}

export interface SafeFile {
  readonly tensors: readonly SafeTensor[]
  readonly metadata: Readonly<Record<string, string>>
}

export const SAFETENSORS_LIMITS = {
  headerBytes: 16 << 20,
  tensors: 65_536,
  rank: 16,
  nameLength: 1024,
} as const

const METADATA = '__metadata__'
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Encodes tensors in the given order, one after the other without holes; the data starts at a multiple of 8 bytes.
 * @throws AssayError `bad-input` for a name used twice or bytes that do not fit the shape
 */
export function encodeSafetensors({ tensors, metadata }: SafeFile): Uint8Array {
  const header = new Map<string, unknown>()
  if (Object.keys(metadata).length > 0) header.set(METADATA, metadata)
  let offset = 0
  for (const { name, dtype, shape, bytes } of tensors) {
    if (header.has(name) || name === METADATA) fail('bad-input', `two tensors are named ${name}`)
    const size = byteSize(dtype, shape)
    if (size !== bytes.length) fail('bad-input', `${name}: [${shape}] ${dtype} has ${size} bytes, not ${bytes.length}`)
    header.set(name, { dtype, shape, data_offsets: [offset, offset + size] })
    offset += size
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const headerSize = Math.ceil(json.length / 8) * 8
  const out = new Uint8Array(8 + headerSize + offset)
  new DataView(out.buffer).setBigUint64(0, BigInt(headerSize), true)
  out.fill(0x20, 8, 8 + headerSize)
  out.set(json, 8)
  let at = 8 + headerSize
  for (const { bytes } of tensors) {
    out.set(bytes, at)
    at += bytes.length
  }
  return out
}

/**
 * Decodes a file. The tensors are views on `data`, in the order of their offsets.
 *
 * Strict: the tensors must cover the data exactly, without holes or overlaps; that also excludes a name given twice, whose
 * first tensor would leave a hole.
 * @throws AssayError `bad-data` for a malformed file, `over-limit` above `SAFETENSORS_LIMITS`
 */
export function decodeSafetensors(data: Uint8Array): SafeFile {
  if (data.length < 8) malformed('it is shorter than its length field')
  const headerSize = new DataView(data.buffer, data.byteOffset, 8).getBigUint64(0, true)
  if (headerSize > BigInt(SAFETENSORS_LIMITS.headerBytes)) {
    fail('over-limit', `a safetensors header of ${headerSize} bytes is above ${SAFETENSORS_LIMITS.headerBytes}`)
  }
  const start = 8 + Number(headerSize)
  if (start > data.length) malformed('its header is truncated')
  const header = parseHeader(data.subarray(8, start))
  const metadata = readMetadata(header)
  const entries = Object.entries(header).filter(([name]) => name !== METADATA)
  if (entries.length > SAFETENSORS_LIMITS.tensors) fail('over-limit', `${entries.length} tensors in a safetensors file`)
  const placed = entries.map(([name, value]) => readEntry(name, value))
  placed.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let at = 0
  const tensors = placed.map(({ name, dtype, shape, begin, end }) => {
    if (begin !== at) malformed(`tensor ${name} starts at ${begin}, not at ${at}: holes and overlaps are not allowed`)
    if (end > data.length - start) malformed(`tensor ${name} ends behind the file`)
    at = end
    return { name, dtype, shape, bytes: data.subarray(start + begin, start + end) }
  })
  if (at !== data.length - start) malformed(`${data.length - start - at} bytes follow the last tensor`)
  return { tensors, metadata }
}

function malformed(what: string): never {
  fail('bad-data', `this is not a valid safetensors file: ${what}`, { next: 'Fetch or export the file again.' })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) malformed('its header does not start with {')
  let parsed: unknown
  try {
    parsed = JSON.parse(utf8.decode(bytes))
  } catch {
    malformed('its header is not JSON')
  }
  return isRecord(parsed) ? parsed : malformed('its header is not a JSON object')
}

function readMetadata(header: Record<string, unknown>): Record<string, string> {
  const metadata = header[METADATA]
  if (metadata === undefined) return {}
  if (!isRecord(metadata)) malformed('its metadata is not an object')
  const out: [string, string][] = []
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') malformed(`its metadata ${JSON.stringify(key.slice(0, 40))} is not a string`)
    out.push([key, value])
  }
  return Object.fromEntries(out)
}

interface Placed extends Omit<SafeTensor, 'bytes'> {
  readonly begin: number
  readonly end: number
}

function readEntry(name: string, value: unknown): Placed {
  if (name.length > SAFETENSORS_LIMITS.nameLength) fail('over-limit', 'a tensor name is too long')
  if (!isRecord(value)) malformed(`tensor ${name} is not described by an object`)
  const { dtype, shape, data_offsets: offsets, ...rest } = value
  if (Object.keys(rest).length > 0) malformed(`tensor ${name} has an unknown field`)
  if (typeof dtype !== 'string' || !Object.hasOwn(ELEMENT_BYTES, dtype))
    malformed(`tensor ${name} has an unknown dtype`)
  if (!isSizes(shape) || shape.length > SAFETENSORS_LIMITS.rank) malformed(`tensor ${name} has a malformed shape`)
  if (!isSizes(offsets) || offsets.length !== 2) malformed(`tensor ${name} has malformed offsets`)
  const [begin, end] = offsets as [number, number]
  if (end - begin !== byteSize(dtype as SafeDType, shape))
    malformed(`tensor ${name} does not have the size of its shape`)
  return { name, dtype: dtype as SafeDType, shape, begin, end }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0))
}

/** Bytes of a tensor; NaN where the product of its sizes is not a safe integer, which equals no length. */
function byteSize(dtype: SafeDType, shape: readonly number[]): number {
  let size: number = ELEMENT_BYTES[dtype]
  for (const dim of shape) size *= dim
  return Number.isSafeInteger(size) ? size : Number.NaN
}
