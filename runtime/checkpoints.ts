/** Checkpoints on disk: one file a state, whose tensors are served as blobs of their own. */
import { open, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Port } from '#graph/types.ts'
import type { BlobIndex } from '#net/blob-index.ts'
import { fromHex, toHex } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
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

/**
 * The checkpoints of one process. Knows where each tensor lies; as a source of blobs it computes a tensor's index from the
 * file when somebody asks for it, so that writing a checkpoint costs one hash of the state.
 */
export class Checkpoints {
  readonly #folder: string
  readonly #tensors = new Map<string, Location>()
  readonly #states = new Map<string, StateManifest & { readonly file: string }>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Takes in what an earlier process registered. A file that is gone is found out when it is read. */
  restore(record: CheckpointRecord): void {
    let offset = 0
    for (const [i, tree] of record.trees.entries()) {
      const size = record.sizes[i] as number
      this.#tensors.set(toHex(tree), { file: record.file, offset, size })
      offset += size
    }
    this.#states.set(toHex(record.root), { trees: record.trees, file: record.file })
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
    } catch {
      // Others may still have it.
    }
    this.#states.delete(toHex(root))
    return undefined
  }

  has(tree: Uint8Array): Promise<boolean> {
    return Promise.resolve(this.#tensors.has(toHex(tree)))
  }

  async index(tree: Uint8Array): Promise<BlobIndex> {
    const location = this.#locate(tree)
    const bytes = await read(location, 0, location.size)
    return { size: location.size, frames: frameHashes(bytes) }
  }

  async readFrame(tree: Uint8Array, i: number): Promise<Uint8Array> {
    const location = this.#locate(tree)
    const offset = i * FRAME_BYTES
    if (offset >= location.size && i > 0) fail('not-found', `no frame ${i}`)
    return await read(location, offset, Math.min(FRAME_BYTES, location.size - offset))
  }

  /** Removes a job's checkpoints of states before `step` from disk and memory; returns their roots. */
  async dropBefore(job: Uint8Array, step: number): Promise<Uint8Array[]> {
    const folder = join(this.#folder, toHex(job))
    const old = [...this.#states].filter(([, { file }]) => dirname(file) === folder && stepOf(file) < step)
    const files = new Set(old.map(([, { file }]) => file))
    for (const [key] of old) this.#states.delete(key)
    for (const [key, { file }] of this.#tensors) if (files.has(file)) this.#tensors.delete(key)
    for (const file of files) await rm(file, { force: true })
    return old.map(([root]) => fromHex(root, 32))
  }

  /** Removes a job's checkpoints from disk and memory. */
  async drop(job: Uint8Array): Promise<void> {
    const folder = join(this.#folder, toHex(job))
    for (const [key, location] of this.#tensors) if (location.file.startsWith(folder)) this.#tensors.delete(key)
    for (const [key, state] of this.#states) if (state.file.startsWith(folder)) this.#states.delete(key)
    await rm(folder, { recursive: true, force: true })
  }

  #locate(tree: Uint8Array): Location {
    return this.#tensors.get(toHex(tree)) ?? fail('not-found', `no tensor ${toHex(tree)} here`)
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
    if (bytesRead !== length) fail('storage', `${file} is cut short`)
    return bytes
  } finally {
    await handle.close()
  }
}
