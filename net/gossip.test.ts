/** Gossip between real peers: what is judged, forwarded, refused. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Verdict } from '#net/gossip.ts'
import type { Peer } from '#net/peer.ts'
import { startPeer, until } from '#net/testing.ts'
import { AssayError } from '#proto/errors.ts'

const TOPIC = 'assay/test/1'
const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

function listen(peer: Peer, validate: (text: string) => Verdict = () => 'accept'): { text: string; from: string }[] {
  const heard: { text: string; from: string }[] = []
  peer.subscribe(
    TOPIC,
    (data) => validate(new TextDecoder().decode(data)),
    (data, from) => heard.push({ text: new TextDecoder().decode(data), from }),
  )
  return heard
}

const judge = (text: string): Verdict => {
  if (text.startsWith('reject')) return 'reject'
  if (text.startsWith('ignore')) return 'ignore'
  if (text.startsWith('throw')) throw new AssayError('bad-encoding', 'malformed', { consequence: 'penalise' })
  return 'accept'
}

test('a message passes through a line of peers only where it is accepted', async () => {
  const [a, b, c] = await Promise.all([startPeer(), startPeer(), startPeer()])
  listen(a)
  const atB = listen(b, judge)
  const atC = listen(c)
  await a.connect(b.addresses())
  await c.connect(b.addresses())
  await until(() => a.subscribers(TOPIC).length === 1 && b.subscribers(TOPIC).length === 2, 'the subscriptions')
  // The mesh between b and c is made at a heartbeat.
  await until(() => {
    void a.publish(TOPIC, encode(`good ${Math.random()}`))
    return atC.length > 0
  }, 'a forwarded message')
  await a.publish(TOPIC, encode('ignore 1'))
  await a.publish(TOPIC, encode('reject 1'))
  await a.publish(TOPIC, encode('throw 1'))
  await a.publish(TOPIC, encode('last'))
  await until(() => atC.some(({ text }) => text === 'last'), 'the last message')
  for (const heard of [atB, atC]) {
    expect(heard.every(({ text, from }) => (text.startsWith('good') || text === 'last') && from === a.id)).toBe(true)
  }
  expect(b.stats().gossip).toMatchObject({ ignored: 1, rejected: 2 })
})

test('who keeps sending rejected messages is disconnected and not let in again', async () => {
  const [a, b] = await Promise.all([startPeer(), startPeer()])
  listen(a)
  const atB = listen(b, judge)
  await a.connect(b.addresses())
  await until(() => a.subscribers(TOPIC).length === 1, 'the subscription')
  // A message finds no way until both directions of gossip are open.
  await until(() => {
    void a.publish(TOPIC, encode(`good ${Math.random()}`))
    return atB.length > 0
  }, 'a good message')
  for (let i = 0; i < 3; i++) await a.publish(TOPIC, encode(`reject ${i}`))
  await until(() => a.peers().length === 0 && b.peers().length === 0, 'the end of the connection')
  expect(b.stats().gossip.rejected).toBe(3)
  // Refused after the handshake has told who it is: the dial may fail, or the connection end at once.
  await a.connect(b.addresses()).catch(() => {})
  await until(() => a.peers().length === 0, 'the refusal')
  await expect(b.connect(a.addresses())).rejects.toMatchObject({ code: 'network' })
  expect(atB.every(({ text }) => text.startsWith('good'))).toBe(true)
  expect(b.bans()).toMatchObject([{ peer: a.id, reason: 'announcement', count: 1 }])
  expect(a.bans()).toEqual([])
})

test('size, silence and repetition', async () => {
  const [a, b] = await Promise.all([startPeer(), startPeer()])
  await a.publish(TOPIC, encode('to nobody'))
  await expect(a.publish(TOPIC, new Uint8Array(256 * 1024 + 1))).rejects.toMatchObject({ code: 'over-limit' })
  listen(a)
  let largest = 0
  b.subscribe(
    TOPIC,
    () => 'accept',
    (data) => {
      largest = Math.max(largest, data.length)
    },
  )
  expect(() => listen(b)).toThrow('already subscribed')
  await a.connect(b.addresses())
  await until(() => a.subscribers(TOPIC).length === 1, 'the subscription')
  await a.publish(TOPIC, new Uint8Array(256 * 1024))
  await a.publish(TOPIC, new Uint8Array(256 * 1024))
  await until(() => largest === 256 * 1024, 'the largest message')
  await sleep(50)
  expect(b.stats().gossip.delivered).toBe(1)
})

test('ten peers behind one address hear each other through one of them', async () => {
  const hub = await startPeer()
  const others = await Promise.all(Array.from({ length: 9 }, () => startPeer({ bootstrap: hub.addresses() })))
  const heard = others.map((peer) => listen(peer))
  listen(hub)
  await until(() => hub.peers().length === 9 && hub.subscribers(TOPIC).length === 9, 'nine connections')
  await until(() => others.every((peer) => peer.subscribers(TOPIC).length === 1), 'the subscriptions')
  const first = others[0] as Peer
  await until(() => {
    void first.publish(TOPIC, encode(`hello ${Math.random()}`))
    return heard.slice(1).every((list) => list.length > 0)
  }, 'everybody hearing')
  expect(
    heard
      .slice(1)
      .flat()
      .every(({ from }) => from === first.id),
  ).toBe(true)
})
