/** A data set in memory, read record by record (docs/spec/protocol.md, "Data"). */
import { AssayError, check } from '#proto/errors.ts'
import { type DataSpec, recordCount } from '#proto/job.ts'

/** Where records lie: the fields of a job's data that reading depends on. */
export type DataLayout = Pick<DataSpec, 'size' | 'dtype' | 'stride' | 'recordLength'>

/** Records as words: a u8 becomes one i32 word, an f32 keeps its bits. */
export class Dataset {
  readonly layout: DataLayout
  /** Number of records that the bytes hold. */
  readonly records: number
  readonly #elements: Uint8Array | Uint32Array

  /**
   * `bytes` are kept, not copied, and must not change. They are trusted to have the root that the job names.
   * @throws AssayError `bad-data` for another length than the job's, or an f32 that is not canonical: a NaN other than
   *   0x7fc00000, or a subnormal
   */
  constructor(layout: DataLayout, bytes: Uint8Array) {
    check(
      bytes.length === layout.size,
      'bad-data',
      `the data set has ${bytes.length} bytes, the job says ${layout.size}`,
    )
    this.layout = layout
    this.records = recordCount(layout as DataSpec)
    this.#elements = layout.dtype === 'u8' ? bytes : words(bytes)
    if (this.#elements instanceof Uint32Array) checkCanonical(this.#elements)
  }

  /**
   * Writes the `recordLength` words of a record to `out[offset ..]`.
   * @throws AssayError `bad-input` for an index that is no record
   */
  record(index: number, out: Uint32Array, offset: number): void {
    if (!(Number.isInteger(index) && index >= 0 && index < this.records)) {
      throw new AssayError('bad-input', `there is no record ${index}: the data set has ${this.records}`)
    }
    const start = index * this.layout.stride
    out.set(this.#elements.subarray(start, start + this.layout.recordLength), offset)
  }
}

/** Little-endian words of `bytes`: a view where they are aligned, else a copy. */
function words(bytes: Uint8Array): Uint32Array {
  check(bytes.length % 4 === 0, 'bad-data', `${bytes.length} bytes are no whole number of 32-bit words`)
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
}

function checkCanonical(data: Uint32Array): void {
  for (let i = 0; i < data.length; i++) {
    const word = data[i] as number
    const exponent = word & 0x7f800000
    const mantissa = word & 0x007fffff
    if (mantissa === 0 || (exponent !== 0 && exponent !== 0x7f800000) || word === 0x7fc00000) continue
    throw new AssayError('bad-data', `word ${i} of the data set, 0x${word.toString(16)}, is not a canonical f32`)
  }
}
