/** Shares of one peer: requests, bytes, memory, announcements; and that no other peer has less for it. */
import { randomBytes } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { DEFAULT_LIMITS } from '#net/limits.ts'
import { createPeer, type Peer } from '#net/peer.ts'
import { Quotas } from '#net/quota.ts'
import { rawNode, startPair, startPeer, until } from '#net/testing.ts'
import { isAssayError } from '#proto/errors.ts'

const ECHO = '/test/echo/1'
const TOPIC = 'assay/test/1'
const brief = { maxResponse: 2 ** 20, timeoutMs: 5_000 }
const never = { perSecond: 0.001, burst: 3 }

/** The first byte of the answer, or the error's code. */
const ask = (from: Peer, to: Peer): Promise<number | string | undefined> =>
  from.request(to.id, ECHO, Uint8Array.of(7), brief).then(
    (answer) => answer[0],
    (error) => (isAssayError(error) ? error.code : String(error)),
  )

test('requests above the rate of a peer are refused, those of others answered, those of a seated peer too', async () => {
  // The hello is the first of three.
  const [server, greedy] = await startPair({ limits: { requestRate: never } }, {})
  server.handle(ECHO, async (request) => request)
  expect([await ask(greedy, server), await ask(greedy, server), await ask(greedy, server)]).toEqual([
    7,
    7,
    'rate-limited',
  ])
  const other = await startPeer()
  await other.connect(server.addresses())
  expect(await ask(other, server)).toBe(7)
  server.seat(greedy.id, true)
  expect(await ask(greedy, server)).toBe(7)
  server.seat(greedy.id, false)
  expect(await ask(greedy, server)).toBe('rate-limited')
  expect(server.bans()).toEqual([])
})

test('who took more bytes than its share waits, and is not blamed', async () => {
  const share = { perSecond: 20_000, burst: 10_000 }
  const [server, greedy] = await startPair({ limits: { servedBytes: share } }, {})
  server.handle(ECHO, async () => new Uint8Array(20_000).fill(7))
  expect(await ask(greedy, server)).toBe(7)
  expect(await ask(greedy, server)).toBe('rate-limited')
  let answer: unknown
  await until(() => {
    void ask(greedy, server).then((byte) => {
      if (byte === 7) answer = byte
    })
    return answer === 7
  }, 'the share to fill again')
  expect(server.bans()).toEqual([])
})

test('memory held for one peer is bounded, a single request of any size is not', () => {
  const quotas = new Quotas({ ...DEFAULT_LIMITS, memoryPerPeer: 100 }, (peer) => peer === 'seated')
  const first = quotas.begin('a')
  first.hold(1)
  first.hold(1_000_000)
  const second = quotas.begin('a')
  expect(() => second.hold(1)).toThrow(/1000001 bytes are held/)
  quotas.begin('b').hold(100)
  for (let i = 0; i < 3; i++) quotas.begin('seated').hold(1_000_000)
  first.end()
  second.hold(100)
})

test('some places of a protocol are kept for peers with a seat', async () => {
  const [server, stranger] = await startPair()
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  server.handle(ECHO, async (request) => gate.then(() => request), { maxConcurrent: 4, maxStrangers: 1 })
  const first = ask(stranger, server)
  await until(() => server.stats().answers.served === 1, 'the hello')
  expect(await ask(stranger, server)).toBe('rate-limited')
  const member = await startPeer()
  await member.connect(server.addresses())
  server.seat(member.id, true)
  const second = ask(member, server)
  release()
  expect(await Promise.all([first, second])).toEqual([7, 7])
})

test('announcements above the share of a peer are dropped before they are judged; a flood is a fault', async () => {
  const limits = { gossipMessages: { perSecond: 0.001, burst: 20 }, floodDrops: 30 }
  const [server, flooder] = await startPair({ limits }, {})
  let judged = 0
  server.subscribe(
    TOPIC,
    () => {
      judged++
      return 'accept'
    },
    () => {},
  )
  flooder.subscribe(
    TOPIC,
    () => 'accept',
    () => {},
  )
  await until(() => flooder.subscribers(TOPIC).length === 1, 'the subscription')
  let sent = 0
  await until(() => {
    for (let i = 0; i < 20; i++) void flooder.publish(TOPIC, new TextEncoder().encode(`${sent++}`)).catch(() => {})
    return server.bans().length > 0
  }, 'the ban')
  expect(judged).toBe(20)
  expect(server.stats().gossip.dropped).toBeGreaterThanOrEqual(150)
  expect(server.bans()).toMatchObject([{ peer: flooder.id, reason: 'flood' }])
})

test('a restart in a loop, lost connections and silence are no faults', async () => {
  const server = await startPeer()
  server.handle(ECHO, async (request) => request)
  const privateKey = randomBytes(32)
  for (let i = 0; i < 8; i++) {
    const peer = await createPeer({ privateKey, bootstrap: server.addresses() })
    peer.subscribe(
      TOPIC,
      () => 'accept',
      () => {},
    )
    await until(() => peer.peers().length === 1, 'the connection')
    const asked = ask(peer, server)
    if (i % 2 === 0) await asked
    await peer.stop()
    await asked
  }
  expect(server.bans()).toEqual([])
})

test('one host does not fill all places, and all hosts leave some for peers of our own choice', async () => {
  const server = await startPeer({ limits: { inboundPerHost: 2 } })
  const nodes = await Promise.all([rawNode(), rawNode(), rawNode()])
  const dial = (node: (typeof nodes)[number]) => node.dial(multiaddr(server.addresses()[0]))
  await Promise.all(nodes.slice(0, 2).map(dial))
  await until(() => nodes.slice(0, 2).every((node) => node.getConnections().length === 1), 'two connections')
  const third = await dial(nodes[2] as (typeof nodes)[number]).catch(() => undefined)
  await until(() => third === undefined || third.status !== 'open', 'the refusal')
  const chosen = await startPeer()
  expect(await server.connect(chosen.addresses())).toBe(chosen.id)
})
