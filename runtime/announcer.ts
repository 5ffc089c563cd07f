/** Signed gossip: sends this process's announcements, judges those of others, and seeks the peers it should know. */
import { dialable, type Scope } from '#net/addresses.ts'
import type { Peer } from '#net/peer.ts'
import { check } from '#proto/errors.ts'
import { addressText, type Hash } from '#proto/ids.ts'
import {
  type Announcement,
  type AnnouncementKind,
  announcer,
  decodeAnnouncement,
  encodeAnnouncement,
  type PeerAnnouncement,
  type Provider,
  type Role,
  SequenceGuard,
} from '#proto/messages.ts'
import { TOPICS } from '#proto/topics.ts'
import { Directory } from '#runtime/directory.ts'
import type { Identity } from '#runtime/keys.ts'
import { Sequence } from '#runtime/sequence.ts'
import type { Logger } from '#runtime/shell.ts'

/** Milliseconds between two announcements of this peer. */
const ANNOUNCE_MS = 5_000
/** With so many peers connected, only those whose account has a seat are dialled. */
const ENOUGH_PEERS = 64
/** First and longest pause before a peer that did not answer is dialled again, milliseconds. */
const REDIAL_MS = [5_000, 300_000] as const
/** Peers whose failed dials are remembered, and dials in progress of peers without a seat. */
const MAX_FAILED = 1_024
const MAX_DIALS = 8

type Body<K extends AnnouncementKind> = Omit<Announcement<K>, 'network' | 'sequence'>

export interface AnnouncerOptions {
  /** How far addresses must reach to be dialled. Default `machine`: all of them. */
  readonly scope?: Scope
  /** Numbers of its announcements; default those of a process without a past. */
  readonly sequence?: Sequence
}

/** One process's place in the gossip of a network. */
export class Announcer {
  readonly #peer: Peer
  readonly #identity: Identity
  readonly #network: Hash
  readonly #log: Logger
  readonly #scope: Scope
  readonly #sequence: Sequence
  readonly #guard = new SequenceGuard()
  readonly #directory: Directory
  readonly #failed = new Map<string, { pause: number; until: number }>()
  #hasSeat: (account: string) => boolean = () => false
  #dials = 0
  #timer: NodeJS.Timeout | undefined

  constructor(peer: Peer, identity: Identity, network: Hash, log: Logger, options: AnnouncerOptions = {}) {
    this.#peer = peer
    this.#identity = identity
    this.#network = network
    this.#log = log
    this.#scope = options.scope ?? 'machine'
    this.#sequence = options.sequence ?? new Sequence()
    this.#directory = new Directory(
      (account) => this.#hasSeat(account),
      (id, seated) => peer.seat(id, seated),
    )
    this.subscribe('peer', ({ account, provider }) => this.#meet(addressText(account), provider))
  }

  /** Says which accounts have a seat in a job that has not ended: they are remembered and dialled first. */
  seats(hasSeat: (account: string) => boolean): void {
    this.#hasSeat = hasSeat
  }

  /** Where this process can be reached. */
  self(): Provider {
    return { peerId: this.#peer.id, addresses: this.#peer.addresses().slice(0, 8) }
  }

  /** Peer id of an account that has announced itself lately. */
  peerOf(account: string): string | undefined {
    return this.#directory.peerOf(account.toLowerCase())
  }

  /** Announces this process's role now and then, and to every peer that connects. */
  introduce(role: Role): void {
    const announce = (): void => {
      this.publish('peer', { role, account: this.#identity.address, provider: this.self() }).catch((error) =>
        this.#log.debug({ error: String(error) }, 'could not announce this peer'),
      )
    }
    this.#timer = setInterval(announce, ANNOUNCE_MS)
    this.#timer.unref()
    this.#peer.onPeer((_peer, connected) => {
      // The newcomer's subscription arrives a moment after its connection.
      if (connected) setTimeout(announce, 300).unref()
    })
    announce()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async publish<K extends AnnouncementKind>(kind: K, body: Body<K>): Promise<void> {
    const message = { ...body, network: this.#network, sequence: this.#sequence.next() } as unknown as Announcement<K>
    await this.#peer.publish(TOPICS[kind], encodeAnnouncement(kind, message, this.#identity.key))
  }

  /** Hears announcements of a kind: forged or malformed ones are rejected at the network, repeated ones ignored. */
  subscribe<K extends AnnouncementKind>(kind: K, handler: (message: Announcement<K>) => void): void {
    // Checking a signature costs milliseconds: what was judged is delivered as it was decoded then.
    const judged = new WeakMap<Uint8Array, Announcement<K>>()
    this.#peer.subscribe(
      TOPICS[kind],
      (data, from) => {
        const message = decodeAnnouncement(kind, data, this.#network)
        if (kind === 'peer') checkOrigin(message as unknown as PeerAnnouncement, from)
        judged.set(data, message)
        const { sequence } = message as { sequence: number }
        return this.#guard.isNew(kind, announcer(kind, message), sequence) ? 'accept' : 'ignore'
      },
      (data) => handler(judged.get(data) ?? decodeAnnouncement(kind, data, this.#network)),
    )
  }

  #meet(account: string, { peerId, addresses }: Provider): void {
    if (peerId === this.#peer.id) return
    const known = dialable(addresses, peerId, this.#scope)
    const seated = this.#directory.meet(account, { peerId, addresses: known })
    const peers = this.#peer.peers()
    const crowded = !seated && (peers.length >= ENOUGH_PEERS || this.#dials >= MAX_DIALS)
    const resting = (this.#failed.get(peerId)?.until ?? 0) > performance.now()
    if (peers.includes(peerId) || crowded || resting || known.length === 0) return
    void this.#dial(account, peerId, known)
  }

  async #dial(account: string, peerId: string, addresses: readonly string[]): Promise<void> {
    this.#dials++
    try {
      await this.#peer.connect(addresses)
      this.#failed.delete(peerId)
    } catch (error) {
      const pause = Math.min(REDIAL_MS[1], (this.#failed.get(peerId)?.pause ?? REDIAL_MS[0] / 2) * 2)
      this.#failed.delete(peerId)
      this.#failed.set(peerId, { pause, until: performance.now() + pause })
      if (this.#failed.size > MAX_FAILED) this.#failed.delete(this.#failed.keys().next().value as string)
      this.#log.debug({ account, error: String(error) }, 'could not connect to a peer')
    } finally {
      this.#dials--
    }
  }
}

/** Who announces a peer is that peer: its key signed the gossip message. Throws `bad-signature` (penalise). */
function checkOrigin({ provider }: PeerAnnouncement, from: string): void {
  check(provider.peerId === from, 'bad-signature', `peer ${from} announces ${provider.peerId}, which it is not`, {
    consequence: 'penalise',
  })
}
