/** What a process keeps and serves - blobs, checkpoints, small objects - and how it brings what it lacks from others. */
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Port } from '#graph/types.ts'
import { serveBlobs } from '#net/bulk.ts'
import { type DiskBlobStore, openDiskStore } from '#net/disk-store.ts'
import { fetchBlob } from '#net/fetch.ts'
import { MemoryStore } from '#net/memory-store.ts'
import { decodeObject, encodeObject, fetchObject, serveObjects } from '#net/objects.ts'
import type { Peer } from '#net/peer.ts'
import type { BlobInfo } from '#net/store.ts'
import { bytesEqual, concatBytes, fromHex, toHex } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { isAssayError } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { type JobSpec, MAX_DATA_BYTES, MAX_JOB_BYTES } from '#proto/job.ts'
import { type CheckpointRecord, Checkpoints, manifestMatches, type StateManifest } from '#runtime/checkpoints.ts'
import type { Database } from '#runtime/database.ts'
import { type Evidence, isEvidence } from '#runtime/judge.ts'
import { ReceivedSums } from '#runtime/received.ts'
import type { Holding } from '#runtime/retention.ts'
import { sharedBytes } from '#runtime/rpc.ts'
import { elements, listBytes } from '#runtime/tensors.ts'

/** Kinds of objects that processes serve: docs/spec/network.md, "Objects". */
export const OBJECTS = { spec: 'spec', state: 'state', evidence: 'evidence' } as const

/** Kind of the records of own checkpoints in the database; served as `state`. */
const CHECKPOINT = 'checkpoint'
/** Tensors fetched side by side. */
const TENSORS_AT_ONCE = 8
const FETCH_MS = 60_000
/** How long one provider may take for a small object, and for a piece of a blob: one that hangs holds nobody up for long. */
const OBJECT_MS = 5_000
const PIECE_MS = 10_000

function jobOf({ file }: CheckpointRecord): Uint8Array {
  return fromHex(basename(dirname(file)))
}

/** Two jobs of one spec have the same states, and each its own checkpoints of them. */
function recordKey(record: CheckpointRecord): Uint8Array {
  return concatBytes(record.root, jobOf(record))
}

function forgetRecords(database: Database, records: readonly CheckpointRecord[]): void {
  for (const record of records) {
    database.deleteObject(CHECKPOINT, recordKey(record))
    // as the first layout named it
    database.deleteObject(CHECKPOINT, record.root)
  }
}

export interface StoreOptions {
  /** Told of content that was found damaged and set aside. */
  readonly onLost?: (reason: string) => void
}

/** One process's content. */
export class ContentStore {
  readonly blobs: DiskBlobStore
  readonly checkpoints: Checkpoints
  readonly received: ReceivedSums
  readonly #peer: Peer
  readonly #database: Database

  /** Makes room for so many bytes more, or throws `storage`; a quota sets it. */
  makeRoom: (bytes: number, onlyUnnamed: boolean) => Promise<void> = () => Promise.resolve()

  private constructor(
    peer: Peer,
    database: Database,
    blobs: DiskBlobStore,
    checkpoints: Checkpoints,
    received: ReceivedSums,
  ) {
    this.#peer = peer
    this.#database = database
    this.blobs = blobs
    this.checkpoints = checkpoints
    this.received = received
  }

  /** Opens the content in `folder` and serves it to every peer. */
  static async open(folder: string, peer: Peer, database: Database, options: StoreOptions = {}): Promise<ContentStore> {
    const blobs = await openDiskStore(join(folder, 'blobs'))
    const checkpoints = new Checkpoints(join(folder, 'checkpoints'))
    for (const body of database.objects(CHECKPOINT)) checkpoints.restore(decodeObject(body) as CheckpointRecord)
    await checkpoints.tidy()
    checkpoints.onLost = (records, reason) => {
      options.onLost?.(reason)
      forgetRecords(database, records)
    }
    const store = new ContentStore(peer, database, blobs, checkpoints, new ReceivedSums(join(folder, 'received')))
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
    const record = this.checkpoints.add(root, ports, trees, file)
    this.#database.putObject(CHECKPOINT, recordKey(record), encodeObject(record), jobOf(record))
  }

  /** Whether a checkpoint of a state is registered here. */
  holds(root: Uint8Array): boolean {
    return this.checkpoints.manifest(root) !== undefined
  }

  /** Forgets a job's states before `step`. */
  async dropStatesBefore(job: Uint8Array, step: number): Promise<void> {
    forgetRecords(this.#database, await this.checkpoints.dropBefore(job, step))
  }

  /** Forgets all states of a job. */
  async dropStates(job: Uint8Array): Promise<void> {
    forgetRecords(this.#database, await this.checkpoints.drop(job))
  }

  /** Forgets evidence, verdicts and signatures of a job that ended long ago, and its spec if no other job has it. */
  forget(job: Uint8Array, specHash: Uint8Array | undefined): void {
    this.#database.dropJob(job)
    if (specHash) this.#database.deleteObject(OBJECTS.spec, specHash)
  }

  keepEvidence(entryHash: Uint8Array, evidence: Evidence, job?: Uint8Array): void {
    this.#database.putObject(OBJECTS.evidence, entryHash, encodeObject(evidence), job)
  }

  /** What takes space here: data sets, and the states of each job. */
  async holdings(): Promise<Holding[]> {
    const now = Date.now()
    const ageOf = (at: number): number => Math.max(0, (now - at) / 1000)
    const data = (await this.blobs.list()).map(
      ({ root, size, storedAt = now }): Holding => ({
        kind: 'data',
        key: toHex(root),
        bytes: size,
        age: ageOf(storedAt),
      }),
    )
    const states = [...(await this.checkpoints.usage())].map(
      ([key, { bytes, writtenAt }]): Holding => ({ kind: 'states', key, bytes, age: ageOf(writtenAt) }),
    )
    return [...data, ...states]
  }

  /** Takes in a data set from a file. @throws AssayError `bad-proof` for another root, `storage` beyond the quota */
  async takeFile(path: string, root: Uint8Array): Promise<BlobInfo> {
    const { size } = await stat(path)
    await this.makeRoom(size, true)
    return await this.blobs.putFile(path, root)
  }

  /** Canonical bytes of a job, from here or from others. @throws AssayError `unavailable` */
  async spec(specHash: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const kept = this.#database.object(OBJECTS.spec, specHash)
    if (kept) return (decodeObject(kept) as { bytes: Uint8Array }).bytes
    const verify = (value: unknown): value is { bytes: Uint8Array } => {
      const bytes = (value as { bytes?: unknown } | null)?.bytes
      return bytes instanceof Uint8Array && bytes.length <= MAX_JOB_BYTES && bytesEqual(sha256(bytes), specHash)
    }
    const { bytes } = await fetchObject(this.#peer, this.#providers([]), OBJECTS.spec, specHash, {
      verify,
      signal,
      timeoutMs: OBJECT_MS,
    })
    this.keepSpec(bytes)
    return bytes
  }

  /** The data set of a job in shared memory, from here or from others. @throws AssayError `unavailable` */
  async data(spec: JobSpec, signal: AbortSignal): Promise<Uint8Array> {
    const { root, size } = spec.data
    try {
      return await this.#data(root, size, signal)
    } catch (error) {
      // Found damaged here and set aside: it is fetched again, once.
      if (!isAssayError(error, 'storage') || (await this.blobs.has(root))) throw error
      return await this.#data(root, size, signal)
    }
  }

  async #data(root: Uint8Array, size: number, signal: AbortSignal): Promise<Uint8Array> {
    if (!(await this.blobs.has(root))) await this.makeRoom(size, false)
    await fetchBlob(this.#peer, this.blobs, {
      root,
      size,
      maxSize: MAX_DATA_BYTES,
      providers: this.#providers([]),
      signal,
      requestMs: PIECE_MS,
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
    const { trees } = await fetchObject(this.#peer, providers, OBJECTS.state, root, {
      verify,
      signal,
      timeoutMs: OBJECT_MS,
    })
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
        await fetchBlob(this.#peer, memory, {
          root,
          size,
          maxSize: size,
          providers,
          signal,
          timeoutMs: FETCH_MS,
          requestMs: PIECE_MS,
        })
        bytes.set(await memory.get(root), offset)
      }
    }
    await Promise.all(Array.from({ length: TENSORS_AT_ONCE }, worker))
    return bytes
  }

  /** The evidence of an entry that is kept here. */
  keptEvidence(entryHash: string, entry: Entry, replicas: number): Evidence | undefined {
    const kept = this.#database.object(OBJECTS.evidence, fromHex(entryHash, 32))
    const value: unknown = kept && decodeObject(kept)
    return isEvidence(entry, replicas, value) ? value : undefined
  }

  /** The evidence of an entry, one of `replicas` of its slot; undefined if nobody shows any that matches it. */
  async evidence(
    entryHash: string,
    entry: Entry,
    replicas: number,
    from: readonly string[],
    signal: AbortSignal,
  ): Promise<Evidence | undefined> {
    // Who defends its own entry may be the only one who can show it.
    const own = this.keptEvidence(entryHash, entry, replicas)
    if (own) return own
    const key = fromHex(entryHash, 32)
    try {
      return await fetchObject(this.#peer, this.#providers(from), OBJECTS.evidence, key, {
        verify: (value): value is Evidence => isEvidence(entry, replicas, value),
        signal,
        timeoutMs: OBJECT_MS,
      })
    } catch (error) {
      if (signal.aborted) throw error
      return undefined
    }
  }
}
