/** Announcements between real peers: who is met, who is dialled, what is held against whom. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { Peer } from '#net/peer.ts'
import { startPeer, until } from '#net/testing.ts'
import { encodeAnnouncement, type Provider } from '#proto/messages.ts'
import { TOPICS } from '#proto/topics.ts'
import { Announcer, type AnnouncerOptions } from '#runtime/announcer.ts'
import { type Identity, identityOf } from '#runtime/keys.ts'

const NETWORK = new Uint8Array(32)
const log = pino({ level: 'silent' })

interface Member {
  readonly peer: Peer
  readonly identity: Identity
  readonly announcer: Announcer
}

async function start(options: AnnouncerOptions = {}): Promise<Member> {
  const identity = identityOf(randomBytes(32))
  const peer = await startPeer({ privateKey: identity.peerKey })
  return { peer, identity, announcer: new Announcer(peer, identity, NETWORK, log, options) }
}

/** Announces until `condition` holds: a message finds no way before gossip has settled. */
async function announcing(member: Member, provider: Provider, condition: () => boolean) {
  await until(() => {
    const role = 'solver' as const
    void member.announcer.publish('peer', { role, account: member.identity.address, provider })
    return condition()
  }, 'the announcement')
}

test('peers that share a third one meet, and their accounts lead to them', async () => {
  const hub = await start()
  const [a, b] = [await start(), await start()]
  for (const { peer } of [a, b]) await peer.connect(hub.peer.addresses())
  await announcing(a, a.announcer.self(), () => b.announcer.peerOf(a.identity.account) === a.peer.id)
  await until(() => b.peer.peers().includes(a.peer.id), 'the dial')
})

test('a peer that announces another one is rejected, and banned when it goes on', async () => {
  const [a, b] = [await start(), await start()]
  const victim = await start()
  await a.peer.connect(b.peer.addresses())
  await until(() => a.peer.subscribers(TOPICS.peer).length === 1, 'the subscription')
  await announcing(a, victim.announcer.self(), () => b.peer.bans().length > 0)
  expect(b.peer.bans()).toMatchObject([{ peer: a.peer.id, reason: 'announcement' }])
  expect(b.peer.bans()[0]?.detail).toContain(`announces ${victim.peer.id}`)
  expect(b.announcer.peerOf(a.identity.account)).toBeUndefined()
  expect(b.peer.peers()).toEqual([])
})

test('addresses that reach less far than the network are not dialled', async () => {
  const hub = await start()
  const [a, b] = [await start(), await start({ scope: 'world' })]
  for (const { peer } of [a, b]) await peer.connect(hub.peer.addresses())
  await announcing(a, a.announcer.self(), () => b.announcer.peerOf(a.identity.account) === a.peer.id)
  await sleep(200)
  expect(b.peer.peers()).toEqual([hub.peer.id])
})

test('a replayed announcement is heard once, one of another network never', async () => {
  const [a, b] = [await start(), await start()]
  let heard = 0
  b.announcer.subscribe('job', () => heard++)
  await a.peer.connect(b.peer.addresses())
  await until(() => a.peer.subscribers(TOPICS.job).length === 1, 'the subscription')
  const { address, key } = a.identity
  const job = { submitter: address, nonce: 1, spec: new Uint8Array(4), providers: [] }
  const message = (sequence: number, network = NETWORK): Uint8Array =>
    encodeAnnouncement('job', { ...job, network, sequence }, key)
  let sequence = 100
  await until(() => {
    void a.peer.publish(TOPICS.job, message(++sequence))
    return heard > 0
  }, 'a first one')
  await sleep(100)
  const before = { heard, ignored: b.peer.stats().gossip.ignored }
  for (const old of [1, 50, 99]) await a.peer.publish(TOPICS.job, message(old))
  await a.peer.publish(TOPICS.job, message(sequence + 1, new Uint8Array(32).fill(9)))
  await until(() => b.peer.stats().gossip.ignored === before.ignored + 4, 'four ignored')
  expect(heard).toBe(before.heard)
  expect(b.peer.bans()).toEqual([])
})
