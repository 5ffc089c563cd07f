/** Stand-ins for the network of a process: requests, gossip and content of others, through the air of the world. */
import { fromHex, toHex } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { AssayError, fail } from '#proto/errors.ts'
import type { Announcement, AnnouncementKind, Provider, Role } from '#proto/messages.ts'
import type { Announcer } from '#runtime/announcer.ts'
import { type Evidence, isEvidence } from '#runtime/judge.ts'
import type { RoleNode } from '#runtime/node.ts'
import type { ContentStore } from '#runtime/store.ts'
import type { Air, Place } from '#test/sim/world/air.ts'
import type { Disk } from '#test/sim/world/disk.ts'
import type { Schedule } from '#test/sim/world/schedule.ts'

/** How long an object of another process is waited for, ms. */
const FETCH_MS = 4_000
const ANNOUNCE_MS = 5_000

type Handler = (body: Uint8Array, from: string) => Promise<Uint8Array>
type Ask = (body: Uint8Array) => Promise<Uint8Array>

/** All processes of a world as peers. */
export class Peers {
  readonly schedule: Schedule
  readonly air: Air
  readonly members: PeerOf[] = []

  constructor(schedule: Schedule, air: Air) {
    this.schedule = schedule
    this.air = air
  }
}

/** What a process is to others; its handlers are those of its present life. */
export class PeerOf {
  readonly place: Place
  readonly account: string
  readonly disk: Disk
  readonly #peers: Peers
  #handlers = new Map<string, Handler>()
  #listeners = new Map<AnnouncementKind, (message: Announcement<AnnouncementKind>) => void>()
  #directory = new Map<string, string>()

  constructor(peers: Peers, place: Place, account: string, disk: Disk) {
    this.#peers = peers
    this.place = place
    this.account = account
    this.disk = disk
    peers.members.push(this)
  }

  /** The stand-ins of a new life, which knows nobody yet. */
  begin(): { peer: RoleNode['peer']; announcer: Announcer; store: ContentStore } {
    this.#handlers = new Map()
    this.#listeners = new Map()
    this.#directory = new Map()
    this.#hear('peer', ({ account, provider }) => {
      this.#directory.set(`0x${toHex(account)}`, provider.peerId)
    })
    this.#serve('state', (root) => this.disk.states.get(toHex(root)) ?? fail('not-found', 'no such state here'))
    this.#serve('evidence', (hash) => this.disk.evidence.get(toHex(hash))?.bytes ?? fail('not-found', 'no evidence'))
    return {
      peer: this.#peer() as unknown as RoleNode['peer'],
      announcer: this.#announcer() as unknown as Announcer,
      store: this.#store() as unknown as ContentStore,
    }
  }

  #serve(protocol: string, find: (key: Uint8Array) => Uint8Array): void {
    this.#handlers.set(protocol, (key) => Promise.resolve(find(key)))
  }

  #hear<K extends AnnouncementKind>(kind: K, listener: (message: Announcement<K>) => void): void {
    this.#listeners.set(kind, listener as (message: Announcement<AnnouncementKind>) => void)
  }

  /** Asks another process; rejects with `timeout` when no answer comes. */
  #ask(to: PeerOf, protocol: string, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { air, schedule } = this.#peers
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new AssayError('timeout', `${to.place.name} does not answer`)), timeoutMs)
      const answer = (settle: () => void): void =>
        air.send(to.place, this.place, () => {
          clearTimeout(timer)
          settle()
        })
      const asker = schedule.life
      air.send(this.place, to.place, async () => {
        const handler = to.#handlers.get(protocol)
        const ask: Ask = async (key) => (await handler?.(key, this.place.name)) ?? fail('unsupported', protocol)
        await ask(body.slice()).then(
          (bytes) => answer(() => asker?.alive && resolve(bytes)),
          (error) => answer(() => asker?.alive && reject(error)),
        )
      })
    })
  }

  #others(): PeerOf[] {
    return this.#peers.members.filter((other) => other !== this)
  }

  /** The first of the others that has what is wanted, each asked once. */
  async #find<T>(
    protocol: string,
    key: Uint8Array,
    accept: (bytes: Uint8Array) => T | undefined,
  ): Promise<T | undefined> {
    for (const other of this.#others()) {
      const bytes = await this.#ask(other, protocol, key, FETCH_MS).catch(() => undefined)
      const found = bytes && accept(bytes)
      if (found !== undefined) return found
    }
    return undefined
  }

  #peer() {
    return {
      id: this.place.name,
      addresses: () => [],
      peers: () => this.#others().map(({ place }) => place.name),
      handle: (protocol: string, handler: Handler) => this.#handlers.set(protocol, handler),
      request: async (
        peer: string,
        protocol: string,
        body: Uint8Array,
        { timeoutMs, into }: { readonly timeoutMs: number; readonly into?: Uint8Array },
      ) => {
        const other = this.#others().find(({ place }) => place.name === peer) ?? fail('network', `no peer ${peer}`)
        const bytes = await this.#ask(other, protocol, body, timeoutMs)
        if (!into) return bytes
        into.set(bytes)
        return into.subarray(0, bytes.length)
      },
    }
  }

  #announcer() {
    const { air } = this.#peers
    const publish = <K extends AnnouncementKind>(kind: K, body: object): Promise<void> => {
      for (const other of this.#others()) {
        air.send(this.place, other.place, () => other.#listeners.get(kind)?.(body as Announcement<AnnouncementKind>))
      }
      return Promise.resolve()
    }
    const self = (): Provider => ({ peerId: this.place.name, addresses: [] })
    return {
      self,
      publish,
      seats: () => {},
      peerOf: (account: string) => this.#directory.get(account.toLowerCase()),
      subscribe: <K extends AnnouncementKind>(kind: K, listener: (message: Announcement<K>) => void) =>
        this.#hear(kind, listener),
      introduce: (role: Role) => {
        const account = fromHex(this.account, 20)
        const announce = (): void => void publish('peer', { role, account, provider: self() })
        setInterval(announce, ANNOUNCE_MS)
        announce()
      },
    }
  }

  #store() {
    const { disk } = this
    const fitting = (entry: Entry, replicas: number, bytes: Uint8Array): Evidence | undefined => {
      const evidence = disk.decode(bytes)
      return isEvidence(entry, replicas, evidence) ? evidence : undefined
    }
    const keptEvidence = (hash: string, entry: Entry, replicas: number): Evidence | undefined => {
      const kept = disk.evidence.get(toHex(fromHex(hash, 32)))
      return kept && fitting(entry, replicas, kept.bytes)
    }
    return {
      checkpoints: { file: (_job: Uint8Array, epoch: number, step: number) => `${epoch}-${step}` },
      received: { file: () => undefined, update: () => Promise.resolve() },
      keepCheckpoint: (root: Uint8Array, _ports: unknown, _trees: unknown, file: string) => disk.keepState(root, file),
      holds: (root: Uint8Array) => disk.states.has(toHex(root)),
      dropStatesBefore: () => Promise.resolve(),
      keepEvidence: (hash: Uint8Array, evidence: Evidence) => disk.keepEvidence(hash, evidence),
      state: async (_ports: unknown, root: Uint8Array) =>
        disk.states.get(toHex(root)) ??
        (await this.#find('state', root, (bytes) => bytes)) ??
        fail('unavailable', 'nobody serves the state'),
      keptEvidence,
      evidence: async (hash: string, entry: Entry, replicas: number) =>
        keptEvidence(hash, entry, replicas) ??
        (await this.#find('evidence', fromHex(hash, 32), (bytes) => fitting(entry, replicas, bytes))),
    }
  }
}
