/** Checkpoints on disk: one file a state, whose tensors are served as blobs of their own. */
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Port } from '#graph/types.ts'
import { type BlobIndex, checkFrame, checkIndex } from '#net/blob-index.ts'
import { storageError } from '#net/files.ts'
import { toHex } from '#proto/bytes.ts'
import { AssayError, fail } from '#proto/errors.ts'
import { FRAME_BYTES, frameHashes, hashTree } from '#proto/merkle.ts'
import { elements, listRoot, wrapTree } from '#runtime/tensors.ts'

/** The tensors of a state by the roots of their leaf trees: with the job's state ports it proves itself against the state root. */
export interface StateManifest {
  readonly trees: readonly Uint8Array[]
}

/** Whether a manifest, received from anybody, is that of the state `root`. */
export function manifestMatches(
  ports: readonly Port[],
  root: Uint8Array,
  manifest: unknown,
): manifest is StateManifest {
  const trees = (manifest as StateManifest | null)?.trees
  if (!Array.isArray(trees) || trees.length !== ports.length) return false
  if (!trees.every((tree) => tree instanceof Uint8Array && tree.length === 32)) return false
  return toHex(hashTree(ports.map((port, i) => wrapTree(port, trees[i] as Uint8Array)))) === toHex(root)
}

interface Location {
  readonly file: string
  readonly offset: number
  readonly size: number
}

/** What of a checkpoint is remembered across restarts. */
export interface CheckpointRecord {
  readonly root: Uint8Array
  readonly file: string
  readonly trees: readonly Uint8Array[]
  /** Bytes of each tensor, in the file's order. */
  readonly sizes: readonly number[]
}

/** A file of a checkpoint that nothing remembers: half-written, damaged, or left by a crash before it was registered. */
const ORPHAN = /\.(state|draft|partial|damaged)$/
/** Tensor indexes kept in memory. */
const CACHED_INDEXES = 64

/**
 * The checkpoints of one process. Knows where each tensor lies; as a source of blobs it computes a tensor's index from the
 * file when somebody asks for it, so that writing a checkpoint costs one hash of the state. What is read is checked, and
 * a file found damaged is set aside: nothing false is served.
 */
export class Checkpoints {
  readonly #folder: string
  /** By file: jobs of one spec have the same states, each in files of its own. */
  readonly #records = new Map<string, CheckpointRecord>()
  /** The record that a state is read from, by its root. */
  readonly #states = new Map<string, CheckpointRecord>()
  readonly #tensors = new Map<string, Location>()
  readonly #indexes = new Map<string, BlobIndex>()

  /** Told of checkpoints that are no longer here because their file is damaged or gone. */
  onLost: (records: readonly CheckpointRecord[], reason: string) => void = () => {}

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Takes in what an earlier process registered, wherever its folder was then. A file that is gone is found out when it is read. */
  restore(record: CheckpointRecord): void {
    const { file } = record
    const here = { ...record, file: join(this.#folder, basename(dirname(file)), basename(file)) }
    this.#records.set(here.file, here)
    this.#place(here)
  }

  #place(record: CheckpointRecord): void {
    const { root, file, trees, sizes } = record
    this.#states.set(toHex(root), record)
    let offset = 0
    for (const [i, tree] of trees.entries()) {
      const size = sizes[i] as number
      this.#tensors.set(toHex(tree), { file, offset, size })
      offset += size
    }
  }

  /** Removes files that no record names. Call once, after the records are restored. */
  async tidy(): Promise<void> {
    try {
      for (const job of await readdir(this.#folder).catch(() => [])) {
        for (const name of await readdir(join(this.#folder, job))) {
          const file = join(this.#folder, job, name)
          if (ORPHAN.test(name) && !this.#records.has(file)) await rm(file, { force: true })
        }
      }
    } catch (error) {
      throw storageError(error, `cannot tidy ${this.#folder}`)
    }
  }

  /** File of the checkpoint after `step` steps in a plan epoch of a job. */
  file(job: Uint8Array, epoch: number, step: number): string {
    return join(this.#folder, toHex(job), `${epoch}-${step}.state`)
  }

  /** Registers a checkpoint that was written to `file`. */
  add(root: Uint8Array, ports: readonly Port[], trees: readonly Uint8Array[], file: string): CheckpointRecord {
    const record = { root, file, trees: [...trees], sizes: ports.map((port) => 4 * elements(port.type)) }
    this.restore(record)
    return record
  }

  manifest(root: Uint8Array): StateManifest | undefined {
    const known = this.#states.get(toHex(root))
    return known && { trees: known.trees }
  }

  /** The whole state of a checkpoint here; undefined if there is none, or its file is gone or damaged. */
  async read(root: Uint8Array, ports: readonly Port[]): Promise<Uint8Array | undefined> {
    const known = this.#states.get(toHex(root))
    if (!known) return undefined
    try {
      const bytes = await readFile(known.file)
      if (toHex(listRoot(ports, bytes)) === toHex(root)) return bytes
    } catch (error) {
      // Out of file handles or memory is no damage; others may still have it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return undefined
    }
    await this.#lose(known.file)
    return undefined
  }

  has(tree: Uint8Array): Promise<boolean> {
    return Promise.resolve(this.#tensors.has(toHex(tree)))
  }

  /** @throws AssayError `not-found`, `storage` for a tensor found damaged, which is no longer here then */
  async index(tree: Uint8Array): Promise<BlobIndex> {
    const key = toHex(tree)
    const known = this.#indexes.get(key)
    if (known) return known
    const index = await this.#checked(tree, async (location) => {
      const found = { size: location.size, frames: frameHashes(await read(location, 0, location.size)) }
      checkIndex(tree, found)
      return found
    })
    if (this.#indexes.size >= CACHED_INDEXES) this.#indexes.clear()
    this.#indexes.set(key, index)
    return index
  }

  /** @throws AssayError `not-found`, `storage` for a tensor found damaged, which is no longer here then */
  async readFrame(tree: Uint8Array, i: number): Promise<Uint8Array> {
    const index = await this.index(tree)
    return await this.#checked(tree, async (location) => {
      const offset = i * FRAME_BYTES
      if (offset >= location.size && i > 0) fail('not-found', `no frame ${i}`)
      const bytes = await read(location, offset, Math.min(FRAME_BYTES, location.size - offset))
      checkFrame(index, i, bytes)
      return bytes
    })
  }

  /** Reads a tensor; its file is set aside if it is not what it was, and nothing of it served. */
  async #checked<T>(tree: Uint8Array, use: (location: Location) => Promise<T>): Promise<T> {
    const location = this.#tensors.get(toHex(tree)) ?? fail('not-found', `no tensor ${toHex(tree)} here`)
    try {
      return await use(location)
    } catch (error) {
      const code = error instanceof AssayError ? error.code : (error as NodeJS.ErrnoException).code
      if (code !== 'bad-proof' && code !== 'bad-encoding' && code !== 'ENOENT') {
        throw storageError(error, `cannot read ${location.file}`)
      }
      await this.#lose(location.file)
      return fail('storage', `checkpoint ${location.file} is damaged and was set aside`, { cause: error })
    }
  }

  /** Sets a damaged file aside; it is removed at the next start. */
  async #lose(file: string): Promise<void> {
    await rename(file, `${file}.damaged`).catch(() => {})
    const lost = this.#forget((record) => record.file === file)
    if (lost.length > 0) this.onLost(lost, `${file} is damaged or gone`)
  }

  #forget(of: (record: CheckpointRecord) => boolean): CheckpointRecord[] {
    const gone = [...this.#records.values()].filter(of)
    if (gone.length === 0) return gone
    for (const { file } of gone) this.#records.delete(file)
    // A state or tensor may lie in another file too.
    this.#states.clear()
    this.#tensors.clear()
    this.#indexes.clear()
    for (const record of this.#records.values()) this.#place(record)
    return gone
  }

  /** Removes a job's checkpoints of states before `step` from disk and memory, and returns them. */
  dropBefore(job: Uint8Array, step: number): Promise<CheckpointRecord[]> {
    return this.#remove(({ file }) => basename(dirname(file)) === toHex(job) && stepOf(file) < step)
  }

  /** Removes a job's checkpoints from disk and memory, and returns them. */
  async drop(job: Uint8Array): Promise<CheckpointRecord[]> {
    const gone = await this.#remove(({ file }) => basename(dirname(file)) === toHex(job))
    await rm(join(this.#folder, toHex(job)), { recursive: true, force: true })
    return gone
  }

  async #remove(of: (record: CheckpointRecord) => boolean): Promise<CheckpointRecord[]> {
    const gone = this.#forget(of)
    for (const { file } of gone) await rm(file, { force: true })
    return gone
  }

  /** Bytes on disk of each job that has checkpoints here, and when the last of them was written, ms. */
  async usage(): Promise<Map<string, { bytes: number; writtenAt: number }>> {
    const found = new Map<string, { bytes: number; writtenAt: number }>()
    for (const file of this.#records.keys()) {
      const job = basename(dirname(file))
      const { size, mtimeMs } = await stat(file).catch(() => ({ size: 0, mtimeMs: 0 }))
      const before = found.get(job) ?? { bytes: 0, writtenAt: 0 }
      found.set(job, { bytes: before.bytes + size, writtenAt: Math.max(before.writtenAt, mtimeMs) })
    }
    return found
  }
}

/** Steps that led to the state in a checkpoint's file. */
function stepOf(file: string): number {
  return Number(/-(\d+)\.state$/.exec(file)?.[1] ?? Number.NaN)
}

async function read({ file, offset }: Location, at: number, length: number): Promise<Uint8Array> {
  const handle = await open(file, 'r')
  try {
    const bytes = new Uint8Array(length)
    const { bytesRead } = await handle.read(bytes, 0, length, offset + at)
    if (bytesRead !== length) fail('bad-encoding', `${file} is cut short`)
    return bytes
  } finally {
    await handle.close()
  }
}
