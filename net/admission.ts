/**
 * What gossip of one peer is taken in, decided before any signature is checked: a share of messages for each topic, and
 * of bytes and control ids over all (docs/spec/network.md, "Gossip").
 */
import type { GossipSub } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { Buckets } from './bucket.ts'
import type { NetLimits } from './limits.ts'
import type { Reputation } from './reputation.ts'

/** What is read here of a decoded gossip RPC. */
interface Rpc {
  messages: { readonly topic: string; readonly data?: Uint8Array | undefined }[]
  subscriptions?: readonly unknown[]
  control?: {
    readonly ihave?: readonly Ids[]
    readonly iwant?: readonly Ids[]
    readonly idontwant?: readonly Ids[]
    readonly graft?: readonly unknown[]
    readonly prune?: readonly unknown[]
  }
}
interface Ids {
  readonly messageIDs?: readonly unknown[]
}

/** The entrance of gossipsub for everything that a peer sent. It is public in the class, not in the interface. */
interface Entrance {
  handleReceivedRpc(from: PeerId, rpc: Rpc): Promise<void>
}

/** Peers whose dropped messages are counted at most. */
const MAX_PEERS = 4_096

export class Admission {
  private readonly limits: NetLimits
  private readonly reputation: Reputation
  private readonly messages: Buckets
  private readonly bytes: Buckets
  private readonly control: Buckets
  private readonly drops = new Map<string, number>()
  /** Messages dropped since the start. */
  dropped = 0

  constructor(limits: NetLimits, reputation: Reputation) {
    this.limits = limits
    this.reputation = reputation
    this.messages = new Buckets(limits.gossipMessages)
    this.bytes = new Buckets(limits.gossipBytes)
    this.control = new Buckets(limits.gossipControl)
  }

  /** Stands guard at the entrance of `pubsub`; only topics in its `topicValidators` pass. */
  guard(pubsub: GossipSub): void {
    const entrance = pubsub as GossipSub & Entrance
    const inside = entrance.handleReceivedRpc.bind(pubsub)
    entrance.handleReceivedRpc = async (from, rpc) => {
      const peer = from.toString()
      rpc.messages = rpc.messages.filter(
        ({ topic, data }) => pubsub.topicValidators.has(topic) && this.admit(peer, topic, data?.length ?? 0),
      )
      if (!this.control.take(peer, controlIds(rpc))) {
        this.drop(peer)
        delete rpc.control
      }
      await inside(from, rpc)
    }
  }

  private admit(peer: string, topic: string, size: number): boolean {
    const admitted = this.messages.take(`${peer} ${topic}`, 1) && this.bytes.take(peer, size)
    if (!admitted) this.drop(peer)
    return admitted
  }

  private drop(peer: string): void {
    this.dropped++
    const { floodDrops } = this.limits
    const drops = (this.drops.get(peer) ?? 0) + 1
    this.drops.delete(peer)
    if (drops < floodDrops) this.drops.set(peer, drops)
    else this.reputation.fault(peer, 'flood', `${floodDrops} announcements above its share`)
    if (this.drops.size > MAX_PEERS) this.drops.delete(this.drops.keys().next().value as string)
  }
}

/** How much there is to handle in the control part of an RPC: each entry and each message id. */
function controlIds({ subscriptions = [], control = {} }: Rpc): number {
  const { ihave = [], iwant = [], idontwant = [], graft = [], prune = [] } = control
  let count = subscriptions.length + graft.length + prune.length
  for (const { messageIDs = [] } of [...ihave, ...iwant, ...idontwant]) count += 1 + messageIDs.length
  return count
}
