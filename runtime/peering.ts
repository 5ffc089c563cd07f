/** A role's peer: of its network alone, with bans that outlive the process, and a log of who is kept out and why. */
import { networkScope } from '#net/addresses.ts'
import { isForeign } from '#net/hello.ts'
import { createPeer, type Peer } from '#net/peer.ts'
import { type Ban, type BanStore, FAULTS } from '#net/reputation.ts'
import { addressBytes, type Hash } from '#proto/ids.ts'
import { networkId } from '#proto/messages.ts'
import { Announcer } from '#runtime/announcer.ts'
import type { Database } from '#runtime/database.ts'
import type { Identity } from '#runtime/keys.ts'
import type { Network } from '#runtime/network.ts'
import { Sequence } from '#runtime/sequence.ts'
import type { Logger } from '#runtime/shell.ts'

export interface PeeringOptions {
  /** Multiaddrs to listen on; default a free port of the loopback. */
  readonly listen?: readonly string[]
  /** Looks for peers on the local site. */
  readonly mdns?: boolean
}

/** Identifier of a network: its chain and its contract. */
export function networkIdOf(network: Network): Hash {
  return networkId(BigInt(network.chainId), addressBytes(network.contracts.assay))
}

/** Starts the peer of a role. @throws AssayError `bad-input`, `network` */
export async function openPeer(
  network: Network,
  identity: Identity,
  database: Database,
  log: Logger,
  { listen, mdns }: PeeringOptions,
): Promise<Peer> {
  const foreign = new Set<string>()
  return await createPeer({
    privateKey: identity.peerKey,
    network: networkIdOf(network),
    bootstrap: network.bootstrap.filter((address) => !listen?.some((own) => address.startsWith(own))),
    bans: banStore(database),
    ...(listen ? { listen } : {}),
    ...(mdns ? { mdns } : {}),
    onBan: ({ peer, reason, detail, count, since, until }) => {
      const seconds = Math.round((until - since) / 1_000)
      log.warn({ peer, reason, meaning: FAULTS[reason].meaning, detail, count, seconds }, 'banned a peer')
    },
    onError: (error, where, from) => {
      // A misconfigured peer comes back again and again: it is worth one line.
      const loud = isForeign(error) && !foreign.has(from) && foreign.size < MAX_FOREIGN
      if (loud) foreign.add(from)
      log[loud ? 'warn' : 'debug']({ where, from, code: error.code, error: error.message, next: error.next }, 'peer')
    },
  })
}

/** The place of a role in the gossip of its network. */
export function openAnnouncer(
  network: Network,
  identity: Identity,
  peer: Peer,
  database: Database,
  log: Logger,
  { mdns }: PeeringOptions,
): Announcer {
  const scope = networkScope(network.bootstrap, mdns)
  return new Announcer(peer, identity, networkIdOf(network), log, { scope, sequence: new Sequence(database) })
}

/** Foreign peers that the log tells of at most. */
const MAX_FOREIGN = 256
/** Kind of the database's object that holds the bans. */
const KIND = 'bans'
const KEY = new Uint8Array(0)

/** Bans as JSON in the database; what is not readable counts as none. */
function banStore(database: Database): BanStore {
  return {
    load: () => {
      const body = database.object(KIND, KEY)
      try {
        return body === undefined ? [] : (JSON.parse(new TextDecoder().decode(body)) as unknown[]).filter(isBan)
      } catch {
        return []
      }
    },
    save: (bans) => database.putObject(KIND, KEY, new TextEncoder().encode(JSON.stringify(bans))),
  }
}

function isBan(value: unknown): value is Ban {
  const { peer, reason, detail, count, since, until } = value as Ban
  const numbers = [count, since, until].every(Number.isSafeInteger)
  return typeof peer === 'string' && Object.hasOwn(FAULTS, reason) && typeof detail === 'string' && numbers
}
