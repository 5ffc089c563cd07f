/** What a process keeps and serves - blobs, checkpoints, small objects - and how it brings what it lacks from others. */
import { join } from 'node:path'
import type { Port } from '#graph/types.ts'
import { serveBlobs } from '#net/bulk.ts'
import { openDiskStore } from '#net/disk-store.ts'
import { fetchBlob } from '#net/fetch.ts'
import { MemoryStore } from '#net/memory-store.ts'
import { decodeObject, encodeObject, fetchObject, serveObjects } from '#net/objects.ts'
import type { Peer } from '#net/peer.ts'
import type { BlobStore } from '#net/store.ts'
import { bytesEqual, fromHex } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { sha256 } from '#proto/hash.ts'
import { type JobSpec, MAX_DATA_BYTES, MAX_JOB_BYTES } from '#proto/job.ts'
import { type CheckpointRecord, Checkpoints, manifestMatches, type StateManifest } from '#runtime/checkpoints.ts'
import type { Database } from '#runtime/database.ts'
import { type Evidence, evidenceMatches } from '#runtime/judge.ts'
import { sharedBytes } from '#runtime/rpc.ts'
import { elements, listBytes } from '#runtime/tensors.ts'

/** Kinds of objects that processes serve: docs/spec/network.md, "Objects". */
export const OBJECTS = { spec: 'spec', state: 'state', evidence: 'evidence' } as const

/** Kind of the records of own checkpoints in the database; served as `state`. */
const CHECKPOINT = 'checkpoint'
/** Tensors fetched side by side. */
const TENSORS_AT_ONCE = 8
const FETCH_MS = 60_000

/** One process's content. */
export class ContentStore {
  readonly blobs: BlobStore
  readonly checkpoints: Checkpoints
  readonly #peer: Peer
  readonly #database: Database

  private constructor(peer: Peer, database: Database, blobs: BlobStore, checkpoints: Checkpoints) {
    this.#peer = peer
    this.#database = database
    this.blobs = blobs
    this.checkpoints = checkpoints
  }

  /** Opens the content in `folder` and serves it to every peer. */
  static async open(folder: string, peer: Peer, database: Database): Promise<ContentStore> {
    const blobs = await openDiskStore(join(folder, 'blobs'))
    const checkpoints = new Checkpoints(join(folder, 'checkpoints'))
    for (const body of database.objects(CHECKPOINT)) checkpoints.restore(decodeObject(body) as CheckpointRecord)
    const store = new ContentStore(peer, database, blobs, checkpoints)
    serveBlobs(peer, blobs, checkpoints)
    serveObjects(peer, (kind, key) => Promise.resolve(store.#lookup(kind, key)))
    return store
  }

  #lookup(kind: string, key: Uint8Array): unknown {
    if (kind === OBJECTS.state) return this.checkpoints.manifest(key)
    if (kind !== OBJECTS.spec && kind !== OBJECTS.evidence) return undefined
    const body = this.#database.object(kind, key)
    return body && decodeObject(body)
  }

  /** Peers to ask, those named first. */
  #providers(first: readonly string[]): string[] {
    const connected = this.#peer.peers()
    return [...first.filter((id) => connected.includes(id)), ...connected.filter((id) => !first.includes(id))]
  }

  /** Keeps and serves canonical job bytes; their key is their hash. */
  keepSpec(bytes: Uint8Array): void {
    this.#database.putObject(OBJECTS.spec, sha256(bytes), encodeObject({ bytes }))
  }

  /** Keeps and serves a checkpoint that was written to `file`, also after a restart. */
  keepCheckpoint(root: Uint8Array, ports: readonly Port[], trees: readonly Uint8Array[], file: string): void {
    this.#database.putObject(CHECKPOINT, root, encodeObject(this.checkpoints.add(root, ports, trees, file)))
  }

  /** Whether a checkpoint of a state is registered here. */
  holds(root: Uint8Array): boolean {
    return this.checkpoints.manifest(root) !== undefined
  }

  /** Forgets a job's states before `step`. */
  async dropStatesBefore(job: Uint8Array, step: number): Promise<void> {
    for (const root of await this.checkpoints.dropBefore(job, step)) this.#database.deleteObject(CHECKPOINT, root)
  }

  keepEvidence(entryHash: Uint8Array, evidence: Evidence): void {
    this.#database.putObject(OBJECTS.evidence, entryHash, encodeObject(evidence))
  }

  /** Canonical bytes of a job, from here or from others. @throws AssayError `unavailable` */
  async spec(specHash: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const kept = this.#database.object(OBJECTS.spec, specHash)
    if (kept) return (decodeObject(kept) as { bytes: Uint8Array }).bytes
    const verify = (value: unknown): value is { bytes: Uint8Array } => {
      const bytes = (value as { bytes?: unknown } | null)?.bytes
      return bytes instanceof Uint8Array && bytes.length <= MAX_JOB_BYTES && bytesEqual(sha256(bytes), specHash)
    }
    const { bytes } = await fetchObject(this.#peer, this.#providers([]), OBJECTS.spec, specHash, { verify, signal })
    this.keepSpec(bytes)
    return bytes
  }

  /** The data set of a job in shared memory, from here or from others. @throws AssayError `unavailable` */
  async data(spec: JobSpec, signal: AbortSignal): Promise<Uint8Array> {
    const { root, size } = spec.data
    await fetchBlob(this.#peer, this.blobs, {
      root,
      size,
      maxSize: MAX_DATA_BYTES,
      providers: this.#providers([]),
      signal,
    })
    const shared = sharedBytes(size)
    shared.set(await this.blobs.get(root, size))
    return shared
  }

  /** A state by its root, from a checkpoint here or from others. @throws AssayError `unavailable` */
  async state(
    ports: readonly Port[],
    root: Uint8Array,
    from: readonly string[],
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const kept = await this.checkpoints.read(root, ports)
    if (kept) return kept
    const providers = this.#providers(from)
    const verify = (value: unknown): value is StateManifest => manifestMatches(ports, root, value)
    const { trees } = await fetchObject(this.#peer, providers, OBJECTS.state, root, { verify, signal })
    return this.#tensors(ports, trees, providers, signal)
  }

  async #tensors(
    ports: readonly Port[],
    trees: readonly Uint8Array[],
    providers: readonly string[],
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const bytes = new Uint8Array(listBytes(ports))
    const memory = new MemoryStore(2 * bytes.length + 2 ** 20)
    let offset = 0
    const places = ports.map((port, i) => {
      const size = 4 * elements(port.type)
      const place = { root: trees[i] as Uint8Array, size, offset }
      offset += size
      return place
    })
    const next = places.values()
    const worker = async (): Promise<void> => {
      for (const { root, size, offset } of next) {
        await fetchBlob(this.#peer, memory, { root, size, maxSize: size, providers, signal, timeoutMs: FETCH_MS })
        bytes.set(await memory.get(root), offset)
      }
    }
    await Promise.all(Array.from({ length: TENSORS_AT_ONCE }, worker))
    return bytes
  }

  /** The evidence of an entry, or undefined if nobody shows any that matches it. */
  async evidence(
    entryHash: string,
    entry: Entry,
    from: readonly string[],
    signal: AbortSignal,
  ): Promise<Evidence | undefined> {
    const verify = (value: unknown): value is Evidence => {
      const roots = (value as Evidence | null)?.sumRoots
      const metrics = (value as Evidence | null)?.metrics
      const shaped =
        Array.isArray(roots) &&
        roots.every((root) => root instanceof Uint8Array && root.length === 32) &&
        Array.isArray(metrics) &&
        metrics.every((row) => row instanceof Uint8Array && row.length % 4 === 0)
      return shaped && evidenceMatches(entry, value as Evidence)
    }
    const key = fromHex(entryHash, 32)
    try {
      return await fetchObject(this.#peer, this.#providers(from), OBJECTS.evidence, key, { verify, signal })
    } catch (error) {
      if (signal.aborted) throw error
      return undefined
    }
  }
}
