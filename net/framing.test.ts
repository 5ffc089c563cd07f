/** The framing against peers that do not keep to it: raw libp2p nodes that stall, flood, lie and hang up. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, onTestFinished, test } from 'vitest'
import { StreamReader, send } from '#net/framing.ts'
import type { Peer } from '#net/peer.ts'
import { liveBytes, rawNode, startPeer, testBytes, until } from '#net/testing.ts'

const ECHO = '/test/echo/1'
const MIB = 2 ** 20

async function dial(node: Libp2p, peer: Peer): Promise<Connection> {
  return await node.dial(multiaddr(peer.addresses()[0]))
}

const collect = (stream: Stream): { bytes: number[]; closed: boolean } => {
  const seen = { bytes: [] as number[], closed: false }
  stream.addEventListener('message', (event) => seen.bytes.push(...event.data.subarray()))
  stream.addEventListener('close', () => {
    seen.closed = true
  })
  return seen
}

test('a peer that does not read its response costs a window of memory, and is cut off', async () => {
  const server = await startPeer({ limits: { stallMs: 1_000, memoryPerPeer: 1024 * MIB } })
  const part = testBytes(MIB)
  server.handle(ECHO, async () => Array.from({ length: 256 }, () => part))
  const node = await rawNode()
  const connection = await dial(node, server)
  const before = liveBytes()
  const streams = await Promise.all(Array.from({ length: 4 }, () => connection.newStream(ECHO)))
  for (const stream of streams) {
    stream.pause()
    stream.send(Uint8Array.of(0, 0, 0, 0))
    await stream.close()
  }
  await sleep(500)
  expect(server.stats().answers).toMatchObject({ served: 0, failed: 0 })
  // Sent bytes wait in the windows of the reader, here in this very process, and in one chunk each at the sender.
  expect(liveBytes() - before).toBeLessThan(32 * MIB)
  await until(() => server.stats().answers.failed === 4, 'the end of the patience')
})

test('a reader between two reads holds one window, whatever was buffered before', async () => {
  const [a, b] = await Promise.all([rawNode(), rawNode()])
  let reader: StreamReader | undefined
  let inbound: Stream | undefined
  await a.handle(ECHO, (stream) => {
    inbound = stream
    reader = new StreamReader(stream, 5_000)
  })
  const stream = await (await b.dial(a.getMultiaddrs())).newStream(ECHO)
  const bytes = testBytes(16 * MIB)
  const sent = send(stream, new Uint8Array(0), [bytes], 30_000)
  await until(() => (inbound?.readBufferLength ?? 0) > 200_000, 'a full first window')
  const head = new Uint8Array(5)
  await reader?.read(head)
  expect(head).toEqual(bytes.subarray(0, 5))
  await sleep(300)
  expect(inbound?.status).toBe('open')
  expect(inbound?.readBufferLength).toBeLessThanOrEqual(MIB)
  const rest = await reader?.body(bytes.length - 5)
  expect(Buffer.compare(rest as Uint8Array, bytes.subarray(5))).toBe(0)
  await sent
})

test('a peer that takes its response in drops, never stalling, is cut off too', async () => {
  const errors: string[] = []
  const limits = { stallMs: 1_000, minRate: 64 * MIB }
  const server = await startPeer({ limits, onError: (error) => errors.push(error.message) })
  const part = testBytes(MIB)
  server.handle(ECHO, async () => Array.from({ length: 64 }, () => part))
  const node = await rawNode()
  const stream = await (await dial(node, server)).newStream(ECHO)
  let got = 0
  stream.addEventListener('message', (event) => {
    got += event.data.byteLength
    queueMicrotask(() => stream.readStatus === 'readable' && stream.pause())
  })
  const timer = setInterval(() => stream.readStatus === 'paused' && stream.resume(), 100)
  onTestFinished(() => clearInterval(timer))
  stream.send(Uint8Array.of(0, 0, 0, 0))
  await stream.close()
  await until(() => errors.length === 1, 'the end of the patience')
  expect(errors[0]).toContain('slower than')
  expect(got).toBeGreaterThan(0)
})

test('a request that arrives too slowly, or not at all, is given up', async () => {
  const server = await startPeer({ limits: { requestReadMs: 300, stallMs: 5_000 } })
  server.handle(ECHO, async (request) => request)
  const node = await rawNode()
  const connection = await dial(node, server)
  const silent = await connection.newStream(ECHO)
  const drip = await connection.newStream(ECHO)
  const answer = collect(drip)
  drip.send(Uint8Array.of(100, 0, 0, 0))
  const timer = setInterval(
    () => drip.status === 'open' && drip.writeStatus === 'writable' && drip.send(Uint8Array.of(1)),
    50,
  )
  await until(() => server.stats().answers.failed === 2, 'both given up')
  clearInterval(timer)
  await until(() => answer.bytes.length > 5, 'the refusal')
  expect(answer.bytes[0]).toBe(1)
  expect(Buffer.from(answer.bytes).toString()).toContain('timeout')
  silent.abort(new Error('done'))
})

test('malformed requests are refused and the peer goes on serving', async () => {
  const server = await startPeer()
  server.handle(ECHO, async (request) => request, { maxRequest: 100 })
  const node = await rawNode()
  const connection = await dial(node, server)
  const exchanges: [string, Uint8Array, string][] = [
    ['nothing', Uint8Array.of(), 'network'],
    ['half a head', Uint8Array.of(1, 0), 'network'],
    ['half a body', Uint8Array.of(5, 0, 0, 0, 1, 2), 'network'],
    ['too long a body', Uint8Array.of(255, 255, 255, 255, 1), 'over-limit'],
    ['bytes after the end', Uint8Array.of(1, 0, 0, 0, 1, 2), 'bad-encoding'],
  ]
  for (const [what, bytes, code] of exchanges) {
    const stream = await connection.newStream(ECHO)
    const seen = collect(stream)
    if (bytes.length > 0) stream.send(bytes)
    await stream.close()
    await until(() => seen.closed, `the answer to ${what}`)
    expect(seen.bytes[0], what).toBe(1)
    expect(Buffer.from(seen.bytes).toString(), what).toContain(code)
  }
  const stream = await connection.newStream(ECHO)
  const seen = collect(stream)
  stream.send(Uint8Array.of(2, 0, 0, 0, 8, 9))
  await stream.close()
  await until(() => seen.closed, 'the answer')
  expect(seen.bytes).toEqual([0, 2, 0, 0, 0, 8, 9])
})

test('malformed responses are typed errors of the asking peer', async () => {
  const node = await rawNode()
  const answers: Record<string, [Uint8Array, string]> = {
    nothing: [Uint8Array.of(), 'network'],
    'half a head': [Uint8Array.of(0, 1), 'network'],
    'half a body': [Uint8Array.of(0, 4, 0, 0, 0, 1), 'network'],
    'another status': [Uint8Array.of(7, 0, 0, 0, 0), 'bad-encoding'],
    'bytes after the end': [Uint8Array.of(0, 1, 0, 0, 0, 1, 2), 'bad-encoding'],
    'too much': [Uint8Array.of(0, 255, 255, 255, 255), 'over-limit'],
    'a long error': [Uint8Array.of(1, 255, 255, 0, 0), 'over-limit'],
    'a malformed error': [Uint8Array.of(1, 2, 0, 0, 0, 9, 9), 'bad-encoding'],
    'an unknown code': [Uint8Array.of(1, 10, 0, 0, 0, 2, 0, 0, 0, 0x78, 0x79, 0, 0, 0, 0), 'network'],
  }
  const names = Object.keys(answers)
  for (const [i, name] of names.entries()) {
    await node.handle(`/test/${i}/1`, async (stream) => {
      const bytes = (answers[name] as [Uint8Array, string])[0]
      if (bytes.length > 0) stream.send(bytes)
      await stream.close()
    })
  }
  await node.handle('/test/hang-up/1', (stream) => stream.abort(new Error('no')))
  await node.handle('/test/stall/1', (stream) => void stream.send(Uint8Array.of(0, 9, 0, 0, 0, 1)))
  const peer = await startPeer({ limits: { stallMs: 200 } })
  await peer.connect([String(node.getMultiaddrs()[0])])
  const ask = (protocol: string) =>
    peer.request(node.peerId.toString(), protocol, Uint8Array.of(1), { maxResponse: 1000, timeoutMs: 5_000 })
  for (const [i, name] of names.entries()) {
    await expect(ask(`/test/${i}/1`), name).rejects.toMatchObject({ code: (answers[name] as [Uint8Array, string])[1] })
  }
  await expect(ask('/test/hang-up/1')).rejects.toMatchObject({ code: 'network' })
  await expect(ask('/test/stall/1')).rejects.toMatchObject({ code: 'timeout' })
  // Every one of these streams is gone on both sides: none waits for a peer that broke the protocol.
  const open = () =>
    node
      .getConnections(peerIdFromString(peer.id))
      .flatMap(({ streams }) => streams.filter(({ protocol }) => protocol.startsWith('/test/')))
  await until(() => open().length === 0, 'the end of the streams')
})

test('an announced length is not allocated before its bytes arrive', async () => {
  const node = await rawNode()
  await node.handle(ECHO, (stream) => void stream.send(Uint8Array.of(0, 0, 0, 0, 0x40, 1)))
  const peer = await startPeer()
  await peer.connect([String(node.getMultiaddrs()[0])])
  const before = liveBytes()
  const asked = peer.request(node.peerId.toString(), ECHO, new Uint8Array(0), { maxResponse: 2 ** 31, timeoutMs: 600 })
  const refused = expect(asked).rejects.toMatchObject({ code: 'timeout' })
  await sleep(400)
  expect(liveBytes() - before).toBeLessThan(4 * MIB)
  await refused
})

test('more streams than are admitted are refused, by name first, and the peer goes on serving', async () => {
  const server = await startPeer({ limits: { requestsPerPeer: 8 } })
  server.handle(ECHO, async (request) => request)
  const node = await rawNode()
  const connection = await dial(node, server)
  const opened = await Promise.allSettled(
    Array.from({ length: 200 }, () => connection.newStream(ECHO, { maxOutboundStreams: 1_000 })),
  )
  await until(() => server.stats().answers.refused > 50, 'the refusals')
  for (const result of opened) if (result.status === 'fulfilled') result.value.abort(new Error('done'))
  const honest = await startPeer()
  await honest.connect(server.addresses())
  const answer = await honest.request(server.id, ECHO, Uint8Array.of(3), { maxResponse: 1, timeoutMs: 5_000 })
  expect(answer).toEqual(Uint8Array.of(3))
})
