/**
 * Folders of blobs: the home folders of processes that took part in a job, dead or alive, read without changing them.
 * docs/verify.md says what lies where.
 */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { decodeIndex, indexBytes } from '#net/blob-index.ts'
import { decodeObject } from '#net/objects.ts'
import { toHex } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { FRAME_BYTES, frameHash } from '#proto/merkle.ts'
import { Database } from '#runtime/database.ts'

const DATABASE = 'state.sqlite'
const CHECKPOINT_NAME = /^(\d+)-(\d+)\.state$/

/** Bytes found in a folder, and the file that findings name. */
export interface Found {
  readonly place: string
  readonly bytes: Uint8Array
}

export interface CheckpointFile {
  readonly file: string
  readonly epoch: number
  /** Steps done. */
  readonly step: number
  readonly size: number
}

interface Home {
  readonly folder: string
  readonly database: Database | undefined
}

export class BlobFolders {
  readonly #homes: readonly Home[]
  readonly #copies: string

  private constructor(homes: readonly Home[], copies: string) {
    this.#homes = homes
    this.#copies = copies
  }

  /**
   * Opens home folders, or folders of them, such as that of a devnet. Databases are copied first: opening one may write.
   * @throws AssayError `not-found` for a folder in which nothing is kept
   */
  static async open(folders: readonly string[]): Promise<BlobFolders> {
    const copies = await mkdtemp(join(tmpdir(), 'assay-verify-'))
    try {
      const homes: Home[] = []
      for (const folder of folders) {
        const found = await homesIn(folder)
        if (found.length === 0) {
          fail('not-found', `${folder} holds no blobs`, {
            next: 'Name the home folder of a role (--home), or the folder of a devnet.',
          })
        }
        for (const home of found)
          homes.push({ folder: home, database: await openCopy(home, join(copies, `${homes.length}`)) })
      }
      return new BlobFolders(homes, copies)
    } catch (error) {
      await rm(copies, { recursive: true, force: true })
      throw error
    }
  }

  get size(): number {
    return this.#homes.length
  }

  /** Small objects kept under a kind and key: specs, evidence. What cannot be decoded comes with the error instead. */
  objects(
    kind: string,
    key: Uint8Array,
  ): { readonly place: string; readonly value: unknown; readonly error?: unknown }[] {
    return this.#homes.flatMap(({ folder, database }) => {
      const place = `${join(folder, DATABASE)}, ${kind} ${toHex(key).slice(0, 8)}`
      try {
        const body = database?.object(kind, key)
        return body === undefined ? [] : [{ place, value: decodeObject(body) }]
      } catch (error) {
        return [{ place, value: undefined, error }]
      }
    })
  }

  /** Copies of a blob, each with what is wrong with it. */
  async blobs(root: Uint8Array): Promise<(Found & { readonly fault?: string })[]> {
    const name = toHex(root)
    const found: (Found & { fault?: string })[] = []
    for (const { folder } of this.#homes) {
      const place = join(folder, 'blobs', 'blobs', name.slice(0, 2), name)
      const file = await readFile(place).catch(() => undefined)
      if (file !== undefined) found.push({ place, ...openBlob(root, file) })
    }
    return found
  }

  /** States of a job that were written after some step of some plan epoch. */
  async checkpoints(jobId: Uint8Array): Promise<CheckpointFile[]> {
    const found: CheckpointFile[] = []
    for (const { folder } of this.#homes) {
      const of = join(folder, 'checkpoints', toHex(jobId))
      for (const name of (await readdir(of).catch((): string[] => [])).sort()) {
        const match = CHECKPOINT_NAME.exec(name)
        const file = join(of, name)
        if (match) found.push({ file, epoch: Number(match[1]), step: Number(match[2]), size: (await stat(file)).size })
      }
    }
    return found
  }

  async close(): Promise<void> {
    for (const { database } of this.#homes) database?.close()
    await rm(this.#copies, { recursive: true, force: true })
  }
}

/** The folder itself if a process keeps things in it, else those directly below it that are such. */
async function homesIn(folder: string): Promise<string[]> {
  const isHome = async (path: string): Promise<boolean> => {
    const names = await readdir(path).catch((): string[] => [])
    return names.includes(DATABASE) || names.includes('checkpoints') || names.includes('blobs')
  }
  if (await isHome(folder)) return [folder]
  const below = (await readdir(folder).catch((): string[] => [])).sort().map((name) => join(folder, name))
  const homes = await Promise.all(below.map(isHome))
  return below.filter((_, i) => homes[i])
}

/** @throws AssayError `storage` when the copy is no database any more */
async function openCopy(home: string, into: string): Promise<Database | undefined> {
  const from = join(home, DATABASE)
  await mkdir(into)
  try {
    await copyFile(from, join(into, DATABASE))
  } catch {
    return undefined
  }
  // What a process that was killed had not moved to the database yet.
  await copyFile(`${from}-wal`, join(into, `${DATABASE}-wal`)).catch(() => {})
  try {
    return new Database(join(into, DATABASE))
  } catch (cause) {
    return fail('storage', `${from} is damaged: ${(cause as Error).message}`, {
      next: `Leave ${basename(home)} out, if the others hold all that is needed.`,
      cause,
    })
  }
}

/** Content of a blob's file: the content itself, then the index that proves each frame of it (net/disk-store.ts). */
function openBlob(root: Uint8Array, file: Uint8Array): { bytes: Uint8Array; fault?: string } {
  const size =
    file.length >= 8 ? Number(new DataView(file.buffer, file.byteOffset + file.length - 8).getBigUint64(0, true)) : -1
  if (!Number.isSafeInteger(size) || size < 0 || file.length !== size + indexBytes(size))
    return { bytes: file, fault: `its ${file.length} bytes are not a blob with its index` }
  const bytes = file.subarray(0, size)
  try {
    const index = decodeIndex(root, file.subarray(size))
    const bad = index.frames.findIndex((hash, i) => {
      const frame = bytes.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES)
      return toHex(frameHash(frame, size)) !== toHex(hash)
    })
    if (bad < 0) return { bytes }
    const end = Math.min(size, (bad + 1) * FRAME_BYTES)
    return { bytes, fault: `bytes ${bad * FRAME_BYTES} to ${end - 1} do not have the hash in its index` }
  } catch (error) {
    return { bytes, fault: `its index, from byte ${size} on: ${(error as Error).message}` }
  }
}
