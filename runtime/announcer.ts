/** Signed gossip: sends this process's announcements, judges those of others, and remembers who is where. */
import type { Peer } from '#net/peer.ts'
import { isAssayError } from '#proto/errors.ts'
import { addressText, type Hash } from '#proto/ids.ts'
import {
  type Announcement,
  type AnnouncementKind,
  announcer,
  decodeAnnouncement,
  encodeAnnouncement,
  type Provider,
  type Role,
  SequenceGuard,
} from '#proto/messages.ts'
import { TOPICS } from '#proto/topics.ts'
import type { Identity } from '#runtime/keys.ts'
import type { Logger } from '#runtime/shell.ts'

/** Milliseconds between two announcements of this peer. */
const ANNOUNCE_MS = 5_000
/** Peers remembered at most. */
const MAX_DIRECTORY = 4_096

type Body<K extends AnnouncementKind> = Omit<Announcement<K>, 'network' | 'sequence'>

/** One process's place in the gossip of a network. */
export class Announcer {
  readonly #peer: Peer
  readonly #identity: Identity
  readonly #network: Hash
  readonly #log: Logger
  readonly #guard = new SequenceGuard()
  readonly #directory = new Map<string, Provider>()
  #sequence = Date.now()
  #timer: NodeJS.Timeout | undefined

  constructor(peer: Peer, identity: Identity, network: Hash, log: Logger) {
    this.#peer = peer
    this.#identity = identity
    this.#network = network
    this.#log = log
    this.subscribe('peer', ({ account, provider }) => this.#meet(addressText(account), provider))
  }

  /** Where this process can be reached. */
  self(): Provider {
    return { peerId: this.#peer.id, addresses: this.#peer.addresses().slice(0, 8) }
  }

  /** Peer id of an account that has announced itself. */
  peerOf(account: string): string | undefined {
    return this.#directory.get(account.toLowerCase())?.peerId
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
    this.#sequence = Math.max(this.#sequence + 1, Date.now())
    const message = { ...body, network: this.#network, sequence: this.#sequence } as unknown as Announcement<K>
    await this.#peer.publish(TOPICS[kind], encodeAnnouncement(kind, message, this.#identity.key))
  }

  /** Hears announcements of a kind: forged or malformed ones are rejected at the network, repeated ones ignored. */
  subscribe<K extends AnnouncementKind>(kind: K, handler: (message: Announcement<K>) => void): void {
    // Checking a signature costs milliseconds: what was judged is delivered as it was decoded then.
    const judged = new WeakMap<Uint8Array, Announcement<K>>()
    this.#peer.subscribe(
      TOPICS[kind],
      (data) => {
        try {
          const message = decodeAnnouncement(kind, data, this.#network)
          judged.set(data, message)
          const { sequence } = message as { sequence: number }
          return this.#guard.isNew(kind, announcer(kind, message), sequence) ? 'accept' : 'ignore'
        } catch (error) {
          return isAssayError(error) && error.consequence === 'ignore' ? 'ignore' : 'reject'
        }
      },
      (data) => handler(judged.get(data) ?? decodeAnnouncement(kind, data, this.#network)),
    )
  }

  #meet(account: string, provider: Provider): void {
    if (this.#directory.size >= MAX_DIRECTORY && !this.#directory.has(account)) return
    this.#directory.set(account, provider)
    if (provider.peerId === this.#peer.id || this.#peer.peers().includes(provider.peerId)) return
    this.#peer.connect(provider.addresses).catch((error) => {
      this.#log.debug({ account, error: String(error) }, 'could not connect to a peer')
    })
  }
}
