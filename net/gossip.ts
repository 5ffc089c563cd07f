/**
 * Announcements by gossipsub: signed by their origin, judged before they are forwarded, bounded in size
 * (docs/spec/network.md, "Gossip").
 */
import {
  type GossipSub,
  type GossipSubComponents,
  gossipsub,
  type Message,
  StrictSign,
  TopicValidatorResult,
} from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { ascii } from '#proto/bytes.ts'
import { AssayError, check, isAssayError } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { TOPICS } from '#proto/topics.ts'
import type { Admission } from './admission.ts'
import { networkError } from './errors.ts'
import type { NetLimits } from './limits.ts'
import type { Reputation } from './reputation.ts'

/** What to do with a message: deliver and forward, drop, or drop and hold it against the peer that sent it. */
export type Verdict = 'accept' | 'ignore' | 'reject'
export type Validator = (data: Uint8Array, from: string) => Verdict
export type Listener = (data: Uint8Array, from: string) => void

/** Room of an RPC around one message of full size: signature, key, topic, piggybacked control. */
const RPC_OVERHEAD = 64 * 1024
/** Bounds of one decoded RPC. */
const RPC_LIMITS = {
  maxSubscriptions: 256,
  maxMessages: 512,
  maxIhaveMessageIDs: 5_000,
  maxIwantMessageIDs: 5_000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 512,
  maxPeerInfos: 16,
}

/**
 * Two copies of one content by one origin are one message. The origin is part of the identity, so nobody can make a
 * message unheard by publishing its bytes first.
 */
function messageId(message: Message): Uint8Array {
  const origin = message.type === 'signed' ? message.from.toMultihash().bytes : new Uint8Array(0)
  return sha256(sha256(ascii(message.topic)), sha256(origin), sha256(message.data))
}

/**
 * How gossip ranks peers by what they do on a topic: rejected messages cost, first deliveries count a little. A peer that
 * has nothing to say on a topic is no worse for it, so there is no penalty for silence in the mesh.
 */
const TOPIC_SCORE = {
  topicWeight: 1,
  timeInMeshWeight: 0,
  timeInMeshQuantum: 1,
  timeInMeshCap: 1,
  firstMessageDeliveriesWeight: 0.1,
  firstMessageDeliveriesDecay: 0.9,
  firstMessageDeliveriesCap: 100,
  meshMessageDeliveriesWeight: 0,
  meshMessageDeliveriesDecay: 0.5,
  meshMessageDeliveriesCap: 1,
  meshMessageDeliveriesThreshold: 1,
  meshMessageDeliveriesWindow: 10,
  meshMessageDeliveriesActivation: 5_000,
  meshFailurePenaltyWeight: 0,
  meshFailurePenaltyDecay: 0.5,
  invalidMessageDeliveriesWeight: -5,
  invalidMessageDeliveriesDecay: 0.97,
}

/** The gossipsub service of one peer, behind `admission`. */
export function gossipService(limits: NetLimits, reputation: Reputation, admission: Admission) {
  const service = gossipsub({
    globalSignaturePolicy: StrictSign,
    fallbackToFloodsub: false,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    canRelayMessage: false,
    msgIdFn: messageId,
    maxInboundDataLength: limits.maxGossip + RPC_OVERHEAD,
    maxOutboundBufferSize: limits.maxGossipBacklog,
    decodeRpcLimits: RPC_LIMITS,
    // Many peers behind one address are normal here; misbehaviour is judged by what a peer sends.
    scoreParams: {
      IPColocationFactorWeight: 0,
      appSpecificWeight: 1,
      appSpecificScore: (peer) => reputation.score(peer),
      // A peer that comes back after a crash grafts within its old backoff: a few times are no offence.
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyDecay: 0.9,
      topics: Object.fromEntries(Object.values(TOPICS).map((topic) => [topic, TOPIC_SCORE])),
    },
  })
  return (components: GossipSubComponents): GossipSub => {
    const pubsub = service(components)
    admission.guard(pubsub)
    return pubsub
  }
}

export class Gossip {
  private readonly pubsub: GossipSub
  private readonly limits: NetLimits
  private readonly reputation: Reputation
  private readonly onError: (error: AssayError, topic: string, from: string) => void
  private readonly listeners = new Map<string, Listener>()
  readonly counts = { published: 0, delivered: 0, ignored: 0, rejected: 0 }

  constructor(pubsub: GossipSub, limits: NetLimits, reputation: Reputation, onError: Gossip['onError']) {
    this.pubsub = pubsub
    this.limits = limits
    this.reputation = reputation
    this.onError = onError
    pubsub.addEventListener('message', (event) => this.deliver(event.detail))
  }

  subscribe(topic: string, validate: Validator, listener: Listener): void {
    check(!this.listeners.has(topic), 'bad-input', `${topic} is already subscribed to`)
    ascii(topic)
    this.listeners.set(topic, listener)
    this.pubsub.topicValidators.set(topic, (source, message) => this.judge(source, message, validate))
    this.pubsub.subscribe(topic)
  }

  async publish(topic: string, data: Uint8Array): Promise<void> {
    const { maxGossip } = this.limits
    check(data.length <= maxGossip, 'over-limit', `a gossip message of ${data.length} bytes is above ${maxGossip}`, {
      next: 'Announce the root of the bytes and serve them as a blob.',
    })
    try {
      await this.pubsub.publish(topic, data)
    } catch (error) {
      throw networkError(error, `publishing on ${topic}`)
    }
    this.counts.published++
  }

  private judge(source: PeerId, message: Message, validate: Validator): TopicValidatorResult {
    const from = message.type === 'signed' ? message.from.toString() : ''
    let verdict: Verdict
    let why = `on ${message.topic}`
    try {
      verdict = from === '' || message.data.length > this.limits.maxGossip ? 'reject' : validate(message.data, from)
    } catch (error) {
      const grave = isAssayError(error) && (error.consequence === 'penalise' || error.consequence === 'slash')
      verdict = grave ? 'reject' : 'ignore'
      if (grave) why = `${error.code} ${why}: ${error.message}`
      this.report(error, message.topic, from)
    }
    if (verdict === 'accept') return TopicValidatorResult.Accept
    if (verdict === 'ignore') {
      this.counts.ignored++
      return TopicValidatorResult.Ignore
    }
    this.counts.rejected++
    // Whoever forwards a message vouches for it: every peer judges before it forwards.
    this.reputation.fault(source.toString(), 'announcement', why)
    return TopicValidatorResult.Reject
  }

  private deliver(message: Message): void {
    const listener = this.listeners.get(message.topic)
    if (listener === undefined || message.type !== 'signed') return
    const from = message.from.toString()
    this.counts.delivered++
    try {
      listener(message.data, from)
    } catch (error) {
      this.report(error, message.topic, from)
    }
  }

  private report(error: unknown, topic: string, from: string): void {
    const known = error instanceof AssayError
    this.onError(known ? error : new AssayError('internal', `gossip on ${topic}`, { cause: error }), topic, from)
  }
}
