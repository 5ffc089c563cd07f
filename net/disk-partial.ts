/**
 * A blob arriving on disk. The file is sparse and carries its index from the start; `.have` lists the frames written,
 * each appended after its bytes. After a crash the listed frames are hashed again, so nothing needs to be synced before
 * the end.
 */
import { type FileHandle, open, readFile, rm } from 'node:fs/promises'
import { AssayError, check } from '#proto/errors.ts'
import { FRAME_BYTES } from '#proto/merkle.ts'
import {
  type BlobIndex,
  checkFrame,
  decodeIndex,
  encodeIndex,
  frameSize,
  indexBytes,
  indexedSize,
} from './blob-index.ts'
import { readAt, readTail, storageError, writeAt } from './files.ts'
import type { PartialBlob } from './store.ts'

const ENTRY_BYTES = 4

export class DiskPartial implements PartialBlob {
  readonly index: BlobIndex
  private readonly path: string
  private readonly file: FileHandle
  private readonly log: FileHandle
  private readonly arrived: Set<number>
  private readonly publish: (path: string) => Promise<void>
  private open = true

  private constructor(
    path: string,
    index: BlobIndex,
    file: FileHandle,
    log: FileHandle,
    arrived: Set<number>,
    publish: (path: string) => Promise<void>,
  ) {
    this.path = path
    this.index = index
    this.file = file
    this.log = log
    this.arrived = arrived
    this.publish = publish
  }

  /** @param publish moves the finished file to where it belongs */
  static async begin(path: string, index: BlobIndex, publish: (path: string) => Promise<void>): Promise<DiskPartial> {
    const file = await open(path, 'w+')
    try {
      await writeAt(file, encodeIndex(index), index.size)
      return new DiskPartial(path, index, file, await open(`${path}.have`, 'w'), new Set(), publish)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** What an earlier `begin` left, with every listed frame checked; undefined when there is nothing usable. */
  static async resume(
    path: string,
    root: Uint8Array,
    publish: (path: string) => Promise<void>,
  ): Promise<DiskPartial | undefined> {
    let file: FileHandle
    try {
      file = await open(path, 'r+')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    try {
      const index = decodeIndex(root, await readTail(file, indexBytes(indexedSize(await readTail(file, 8)))))
      const arrived = await listed(`${path}.have`, file, index)
      return new DiskPartial(path, index, file, await open(`${path}.have`, 'a'), arrived, publish)
    } catch (error) {
      await file.close()
      if (!(error instanceof AssayError)) throw error
      // Cut short by a crash before its index was written: nothing to keep.
      await rm(path, { force: true })
      return undefined
    }
  }

  has(frame: number): boolean {
    return this.arrived.has(frame)
  }

  missing(): number[] {
    return [...this.index.frames.keys()].filter((frame) => !this.arrived.has(frame))
  }

  async write(i: number, bytes: Uint8Array): Promise<void> {
    check(this.open, 'wrong-state', 'the partial blob is closed')
    checkFrame(this.index, i, bytes)
    if (this.arrived.has(i)) return
    const entry = Buffer.alloc(ENTRY_BYTES)
    entry.writeUInt32LE(i)
    try {
      await writeAt(this.file, bytes, i * FRAME_BYTES)
      await this.log.appendFile(entry)
    } catch (error) {
      throw storageError(error, `cannot write frame ${i}`)
    }
    this.arrived.add(i)
  }

  async commit(): Promise<void> {
    check(this.arrived.size === this.index.frames.length, 'wrong-state', 'frames are missing')
    try {
      await this.file.sync()
      await this.close()
      await this.publish(this.path)
      await rm(`${this.path}.have`, { force: true })
    } catch (error) {
      throw storageError(error, 'cannot complete a blob')
    }
  }

  async close(): Promise<void> {
    if (!this.open) return
    this.open = false
    await this.file.close()
    await this.log.close()
  }
}

async function listed(path: string, file: FileHandle, index: BlobIndex): Promise<Set<number>> {
  const arrived = new Set<number>()
  const log = await readFile(path).catch(() => Buffer.alloc(0))
  const buffer = new Uint8Array(FRAME_BYTES)
  for (let at = 0; at + ENTRY_BYTES <= log.length; at += ENTRY_BYTES) {
    const i = log.readUInt32LE(at)
    if (i >= index.frames.length || arrived.has(i)) continue
    const bytes = buffer.subarray(0, frameSize(index, i))
    await readAt(file, bytes, i * FRAME_BYTES)
    try {
      checkFrame(index, i, bytes)
      arrived.add(i)
    } catch {
      // Listed but not on disk: it is fetched again.
    }
  }
  return arrived
}
