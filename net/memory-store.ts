/** Blobs in memory, for what lives only a few steps: gradient sums, evidence on its way. */
// biome-ignore-all lint/suspicious/useAwait: the interface is asynchronous for the disk; async turns throws into rejections.
import { readFile, stat } from 'node:fs/promises'
import { AssayError, check } from '#proto/errors.ts'
import { FRAME_BYTES, rootFromFrames } from '#proto/merkle.ts'
import { type BlobIndex, checkFrame, checkIndex, frameSize, indexOf } from './blob-index.ts'
import { type BlobInfo, type BlobStore, blobName, DEFAULT_MAX_GET, notFound, type PartialBlob } from './store.ts'

interface Entry {
  readonly root: Uint8Array
  readonly bytes: Uint8Array
  readonly index: BlobIndex
  /** Frames that have arrived; undefined once complete. */
  arrived: Set<number> | undefined
}

export class MemoryStore implements BlobStore {
  private readonly entries = new Map<string, Entry>()
  private readonly maxBytes: number
  private used = 0

  /** @param maxBytes of all blobs together, complete or not; above it a put throws `over-limit` */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  async has(root: Uint8Array): Promise<boolean> {
    const entry = this.entries.get(blobName(root))
    return entry !== undefined && entry.arrived === undefined
  }

  async put(bytes: Uint8Array, known?: BlobIndex): Promise<BlobInfo> {
    this.room(bytes.length)
    const copy = bytes.slice()
    const { root, index } = known === undefined ? await indexOf(copy) : { root: rootOf(known), index: known }
    check(index.size === copy.length, 'bad-input', `the index says ${index.size} bytes, there are ${copy.length}`)
    const name = blobName(root)
    if (this.entries.get(name)?.arrived !== undefined) this.drop(name)
    if (!this.entries.has(name)) this.add(name, { root, bytes: copy, index, arrived: undefined })
    return { root, size: copy.length }
  }

  async putFile(path: string): Promise<BlobInfo> {
    try {
      this.room((await stat(path)).size)
      return await this.put(await readFile(path))
    } catch (error) {
      if (error instanceof AssayError) throw error
      throw new AssayError('storage', `cannot read ${path}`, { cause: error })
    }
  }

  async size(root: Uint8Array): Promise<number> {
    return this.complete(root).index.size
  }

  async index(root: Uint8Array): Promise<BlobIndex> {
    return this.complete(root).index
  }

  async readFrame(root: Uint8Array, i: number): Promise<Uint8Array> {
    const { bytes, index } = this.complete(root)
    return bytes.slice(i * FRAME_BYTES, i * FRAME_BYTES + frameSize(index, i))
  }

  async get(root: Uint8Array, maxBytes = DEFAULT_MAX_GET): Promise<Uint8Array> {
    const { bytes } = this.complete(root)
    check(bytes.length <= maxBytes, 'over-limit', `a blob of ${bytes.length} bytes is above ${maxBytes}`)
    return bytes.slice()
  }

  async delete(root: Uint8Array): Promise<void> {
    this.drop(blobName(root))
  }

  async list(): Promise<BlobInfo[]> {
    return [...this.entries]
      .filter(([, entry]) => entry.arrived === undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { root, index }]) => ({ root, size: index.size }))
  }

  async partial(root: Uint8Array, index?: BlobIndex): Promise<PartialBlob | undefined> {
    const name = blobName(root)
    let entry = this.entries.get(name)
    if (entry === undefined) {
      if (index === undefined) return undefined
      checkIndex(root, index)
      this.room(index.size)
      entry = { root: root.slice(), bytes: new Uint8Array(index.size), index, arrived: new Set() }
      this.add(name, entry)
    }
    return new MemoryPartial(entry)
  }

  private complete(root: Uint8Array): Entry {
    const name = blobName(root)
    const entry = this.entries.get(name)
    if (entry === undefined || entry.arrived !== undefined) throw notFound(name)
    return entry
  }

  private room(size: number): void {
    check(this.used + size <= this.maxBytes, 'over-limit', `${size} more bytes do not fit in ${this.maxBytes}`, {
      next: 'Delete blobs that are no longer needed or give the store more memory.',
    })
  }

  private add(name: string, entry: Entry): void {
    this.room(entry.bytes.length)
    this.entries.set(name, entry)
    this.used += entry.bytes.length
  }

  private drop(name: string): void {
    const entry = this.entries.get(name)
    if (entry === undefined) return
    this.entries.delete(name)
    this.used -= entry.bytes.length
  }
}

class MemoryPartial implements PartialBlob {
  readonly index: BlobIndex
  private readonly entry: Entry

  constructor(entry: Entry) {
    this.entry = entry
    this.index = entry.index
  }

  has(frame: number): boolean {
    return this.entry.arrived?.has(frame) ?? true
  }

  missing(): number[] {
    return [...this.index.frames.keys()].filter((frame) => !this.has(frame))
  }

  async write(i: number, bytes: Uint8Array): Promise<void> {
    checkFrame(this.index, i, bytes)
    this.entry.bytes.set(bytes, i * FRAME_BYTES)
    this.entry.arrived?.add(i)
  }

  async commit(): Promise<void> {
    check(this.missing().length === 0, 'wrong-state', 'frames are missing')
    this.entry.arrived = undefined
  }

  async close(): Promise<void> {}
}

function rootOf(index: BlobIndex): Uint8Array {
  return rootFromFrames(index.frames, index.size)
}
