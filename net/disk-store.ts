/**
 * Blobs in a folder: `blobs/ab/<root>` holds the content followed by its index, so that one rename makes both visible;
 * `partial/<root>` is the same file while it fills, beside `partial/<root>.have`, the list of frames written.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesEqual, fromHex, toHex } from '#proto/bytes.ts'
import { AssayError, check } from '#proto/errors.ts'
import { FRAME_BYTES, frameCount, frameHash, rootFromFrames } from '#proto/merkle.ts'
import {
  type BlobIndex,
  checkFrame,
  checkIndex,
  decodeIndex,
  encodeIndex,
  frameSize,
  indexBytes,
  indexedSize,
  indexOf,
} from './blob-index.ts'
import { DiskPartial } from './disk-partial.ts'
import { readAt, readTail, storageError, syncFolder, writeAt } from './files.ts'
import { type BlobInfo, type BlobStore, blobName, DEFAULT_MAX_GET, notFound, type PartialBlob } from './store.ts'

/** Indexes kept in memory; one of a 1 GiB blob has 4096 hashes. */
const CACHED_INDEXES = 64
const NAME = /^[0-9a-f]{64}$/

export interface DiskStoreOptions {
  /** Whether what `put` and `commit` promise survives a power cut. Default true. */
  readonly sync?: boolean
}

/** A store whose space somebody manages. */
export interface DiskBlobStore extends BlobStore {
  /** With `expected`, a file of another root is refused before anything of it is visible (`bad-proof`). */
  putFile(path: string, expected?: Uint8Array): Promise<BlobInfo>
  /** Removes what began to arrive and was not touched for `ageMs` milliseconds. */
  expirePartials(ageMs: number): Promise<void>
}

/** Opens (or makes) the store in `folder`. One process uses a folder at a time. Throws `storage`. */
export async function openDiskStore(folder: string, options: DiskStoreOptions = {}): Promise<DiskBlobStore> {
  try {
    // What a crash left half-written; nothing there was ever visible.
    await rm(join(folder, 'tmp'), { recursive: true, force: true })
    for (const name of ['blobs', 'partial', 'tmp']) await mkdir(join(folder, name), { recursive: true })
  } catch (error) {
    throw storageError(error, `cannot open the blob store in ${folder}`)
  }
  return new DiskStore(folder, options.sync ?? true)
}

class DiskStore implements DiskBlobStore {
  private readonly folder: string
  private readonly sync: boolean
  private readonly indexes = new Map<string, BlobIndex>()

  constructor(folder: string, sync: boolean) {
    this.folder = folder
    this.sync = sync
  }

  private path(name: string): string {
    return join(this.folder, 'blobs', name.slice(0, 2), name)
  }

  async has(root: Uint8Array): Promise<boolean> {
    return await exists(this.path(blobName(root)))
  }

  async put(bytes: Uint8Array, known?: BlobIndex): Promise<BlobInfo> {
    const { root, index } =
      known === undefined ? await indexOf(bytes) : { root: rootFromFrames(known.frames, known.size), index: known }
    check(index.size === bytes.length, 'bad-input', `the index says ${index.size} bytes, there are ${bytes.length}`)
    if (!(await this.has(root))) {
      await this.create(async (file) => {
        await writeAt(file, bytes, 0)
        return { root, index }
      })
    }
    return { root, size: bytes.length }
  }

  async putFile(path: string, expected?: Uint8Array): Promise<BlobInfo> {
    let source: FileHandle
    try {
      source = await open(path, 'r')
    } catch (error) {
      throw storageError(error, `cannot read ${path}`)
    }
    try {
      return await this.create(async (file) => {
        const made = await copyFrames(source, file, path)
        const right = expected === undefined || bytesEqual(made.root, expected)
        check(right, 'bad-proof', `these bytes have the root ${toHex(made.root)}`)
        return made
      })
    } finally {
      await source.close()
    }
  }

  async size(root: Uint8Array): Promise<number> {
    return (await this.index(root)).size
  }

  async index(root: Uint8Array): Promise<BlobIndex> {
    const name = blobName(root)
    let index = this.indexes.get(name)
    if (index === undefined) index = await this.read(name, (file) => readIndex(root, file))
    this.indexes.delete(name)
    this.indexes.set(name, index)
    if (this.indexes.size > CACHED_INDEXES) {
      for (const oldest of this.indexes.keys()) {
        this.indexes.delete(oldest)
        break
      }
    }
    return index
  }

  async readFrame(root: Uint8Array, i: number): Promise<Uint8Array> {
    const index = await this.index(root)
    const bytes = new Uint8Array(frameSize(index, i))
    await this.read(blobName(root), (file) => readFrame(file, index, i, bytes))
    return bytes
  }

  async get(root: Uint8Array, maxBytes = DEFAULT_MAX_GET): Promise<Uint8Array> {
    const index = await this.index(root)
    check(index.size <= maxBytes, 'over-limit', `a blob of ${index.size} bytes is above ${maxBytes}`)
    const bytes = new Uint8Array(index.size)
    await this.read(blobName(root), async (file) => {
      for (const i of index.frames.keys()) {
        await readFrame(file, index, i, bytes.subarray(i * FRAME_BYTES, i * FRAME_BYTES + frameSize(index, i)))
      }
    })
    return bytes
  }

  async delete(root: Uint8Array): Promise<void> {
    const name = blobName(root)
    this.indexes.delete(name)
    try {
      await rm(this.path(name), { force: true })
      await rm(this.partialPath(name), { force: true })
      await rm(`${this.partialPath(name)}.have`, { force: true })
    } catch (error) {
      throw storageError(error, `cannot delete blob ${name}`)
    }
  }

  async list(): Promise<BlobInfo[]> {
    try {
      const blobs: BlobInfo[] = []
      for (const shard of (await readdir(join(this.folder, 'blobs'))).sort()) {
        for (const name of (await readdir(join(this.folder, 'blobs', shard))).sort()) {
          if (!NAME.test(name)) continue
          const root = fromHex(name)
          try {
            const found = await this.read(name, async (file) => ({
              size: indexedSize(await readTail(file, 8)),
              storedAt: (await file.stat()).mtimeMs,
            }))
            blobs.push({ root, ...found })
          } catch (error) {
            // Damaged, and set aside by now, or deleted meanwhile.
            if (await this.has(root)) throw error
          }
        }
      }
      return blobs
    } catch (error) {
      throw storageError(error, 'cannot list the blob store')
    }
  }

  async expirePartials(ageMs: number): Promise<void> {
    const folder = join(this.folder, 'partial')
    const since = Date.now() - ageMs
    try {
      const names = (await readdir(folder)).filter((name) => NAME.test(name))
      for (const name of names) {
        const path = this.partialPath(name)
        const touched = await Promise.all([path, `${path}.have`].map((file) => stat(file).catch(() => undefined)))
        if (touched.some((found) => found !== undefined && found.mtimeMs > since)) continue
        for (const file of [path, `${path}.have`]) await rm(file, { force: true })
      }
    } catch (error) {
      throw storageError(error, 'cannot tidy the blob store')
    }
  }

  private partialPath(name: string): string {
    return join(this.folder, 'partial', name)
  }

  async partial(root: Uint8Array, index?: BlobIndex): Promise<PartialBlob | undefined> {
    const name = blobName(root)
    const path = this.partialPath(name)
    try {
      const begun = await DiskPartial.resume(path, root, (partial) => this.publish(partial, name))
      if (begun !== undefined || index === undefined) return begun
      checkIndex(root, index)
      return await DiskPartial.begin(path, index, (partial) => this.publish(partial, name))
    } catch (error) {
      throw storageError(error, `cannot open the partial blob ${name}`)
    }
  }

  /** Makes a complete file visible under its name. */
  private async publish(path: string, name: string): Promise<void> {
    const target = this.path(name)
    await mkdir(join(target, '..'), { recursive: true })
    await rename(path, target)
    if (this.sync) await syncFolder(join(target, '..'))
  }

  /** Fills a new file by `fill`, adds the index that it returns, and publishes it. */
  private async create(fill: (file: FileHandle) => Promise<{ root: Uint8Array; index: BlobIndex }>): Promise<BlobInfo> {
    const path = join(this.folder, 'tmp', randomUUID())
    try {
      const file = await open(path, 'wx')
      let made: { root: Uint8Array; index: BlobIndex }
      try {
        made = await fill(file)
        await writeAt(file, encodeIndex(made.index), made.index.size)
        if (this.sync) await file.sync()
      } finally {
        await file.close()
      }
      await this.publish(path, blobName(made.root))
      return { root: made.root, size: made.index.size }
    } catch (error) {
      await rm(path, { force: true }).catch(() => {})
      throw storageError(error, 'cannot store a blob')
    }
  }

  /** Runs `use` on the open file of a blob; a blob found damaged is set aside. */
  private async read<T>(name: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
    let file: FileHandle
    try {
      file = await open(this.path(name), 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(name)
      throw storageError(error, `cannot open blob ${name}`)
    }
    try {
      return await use(file)
    } catch (error) {
      if (error instanceof AssayError && (error.code === 'bad-proof' || error.code === 'bad-encoding')) {
        this.indexes.delete(name)
        await rename(this.path(name), join(this.folder, 'tmp', `${name}.damaged`)).catch(() => {})
        throw new AssayError('storage', `blob ${name} is damaged on disk and was set aside`, { cause: error })
      }
      throw storageError(error, `cannot read blob ${name}`)
    } finally {
      await file.close()
    }
  }
}

/** Copies `source` frame by frame and hashes on the way. */
async function copyFrames(
  source: FileHandle,
  target: FileHandle,
  path: string,
): Promise<{ root: Uint8Array; index: BlobIndex }> {
  const { size } = await source.stat()
  const frames: Uint8Array[] = []
  const buffer = new Uint8Array(FRAME_BYTES)
  for (let i = 0; i < frameCount(size); i++) {
    const frame = buffer.subarray(0, Math.min(FRAME_BYTES, size - i * FRAME_BYTES))
    await readAt(source, frame, i * FRAME_BYTES)
    frames.push(frameHash(frame, size))
    await writeAt(target, frame, i * FRAME_BYTES)
  }
  check((await source.stat()).size === size, 'storage', `${path} changed while it was read`)
  return { root: rootFromFrames(frames, size), index: { size, frames } }
}

async function readIndex(root: Uint8Array, file: FileHandle): Promise<BlobIndex> {
  const { size: length } = await file.stat()
  const size = indexedSize(await readTail(file, 8))
  check(length === size + indexBytes(size), 'bad-encoding', `${length} bytes are not a blob of ${size} with its index`)
  return decodeIndex(root, await readTail(file, indexBytes(size)))
}

async function readFrame(file: FileHandle, index: BlobIndex, i: number, into: Uint8Array): Promise<void> {
  await readAt(file, into, i * FRAME_BYTES)
  checkFrame(index, i, into)
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw storageError(error, `cannot look at ${path}`)
  }
}
