/** Requests and connections of the peer, on real connections over loopback. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { RemoteError } from '#net/errors.ts'
import { createPeer } from '#net/peer.ts'
import { liveBytes, startPair, startPeer, until } from '#net/testing.ts'
import { AssayError } from '#proto/errors.ts'

const ECHO = '/test/echo/1'
const MIB = 2 ** 20
const brief = { maxResponse: 1024, timeoutMs: 5_000 }

test('a request and its response', async () => {
  const [server, client] = await startPair()
  server.handle(ECHO, async (request, from) => [Uint8Array.of(from === client.id ? 1 : 0), request])
  expect(await client.request(server.id, ECHO, Uint8Array.of(5, 6), brief)).toEqual(Uint8Array.of(1, 5, 6))
  expect(await client.request(server.id, ECHO, new Uint8Array(0), brief)).toEqual(Uint8Array.of(1))
  // The hello was the first.
  expect(server.stats().answers.served).toBe(3)
  expect(() => server.handle(ECHO, async () => [])).toThrow('a handler already')
  expect(() => server.handle('/test/x/1', async () => [], { timeoutMs: 2 ** 31 })).toThrow('not a time-out')
})

test('the id follows from the key', async () => {
  const privateKey = randomBytes(32)
  const first = await createPeer({ privateKey })
  await first.stop()
  const second = await startPeer({ privateKey })
  expect(second.id).toBe(first.id)
  expect(second.addresses()[0]).toMatch(new RegExp(`^/ip4/127.0.0.1/tcp/\\d+/p2p/${first.id}$`))
})

test('connecting twice, at once or later, makes one connection', async () => {
  const [a, b] = await Promise.all([startPeer(), startPeer()])
  const seen: string[] = []
  a.onPeer((peer, connected) => seen.push(`${peer} ${connected}`))
  const ids = await Promise.all([b.connect(a.addresses()), b.connect(a.addresses())])
  expect([...ids, await b.connect(a.addresses())]).toEqual([a.id, a.id, a.id])
  await until(() => seen.length > 0, 'the peer event')
  expect(seen).toEqual([`${b.id} true`])
  expect(b.peers()).toEqual([a.id])
})

test('malformed and dead addresses are typed errors', async () => {
  const peer = await startPeer({ limits: { dialMs: 1_000 } })
  await expect(peer.connect(['nonsense'])).rejects.toMatchObject({ code: 'bad-input' })
  await expect(peer.connect([])).rejects.toMatchObject({ code: 'bad-input' })
  const gone = await createPeer({ privateKey: randomBytes(32) })
  const addresses = gone.addresses()
  await gone.stop()
  await expect(peer.connect(addresses)).rejects.toMatchObject({ code: 'network' })
  await expect(peer.request(gone.id, ECHO, new Uint8Array(0), brief)).rejects.toMatchObject({ code: 'network' })
  await expect(peer.request('nobody', ECHO, new Uint8Array(0), brief)).rejects.toMatchObject({ code: 'bad-input' })
  await expect(createPeer({ privateKey: randomBytes(31) })).rejects.toMatchObject({ code: 'bad-input' })
})

test('errors travel as code and message; the inside of a failure does not', async () => {
  const errors: string[] = []
  const [server, client] = await startPair({ onError: (error) => errors.push(error.code) }, {})
  server.handle(ECHO, (request) => {
    if (request[0] === 1) throw new AssayError('stale', `window 7 is over\u001b[31m ${'x'.repeat(2000)}`)
    if (request[0] === 2) throw new AssayError('storage', '/home/somebody/secret')
    throw new Error('a bug in /home/somebody/code')
  })
  const ask = (kind: number) => client.request(server.id, ECHO, Uint8Array.of(kind), brief).catch((error) => error)
  const stale = await ask(1)
  expect(stale).toBeInstanceOf(RemoteError)
  expect(stale).toMatchObject({ code: 'stale', peer: server.id })
  expect(stale.message).toContain('window 7 is over [31m')
  expect(stale.message.length).toBeLessThan(700)
  for (const [kind, code] of [
    [2, 'storage'],
    [3, 'internal'],
  ] as const) {
    const error = await ask(kind)
    expect(error.code).toBe(code)
    expect(error.message).not.toContain('somebody')
  }
  expect(errors).toEqual(['stale', 'storage', 'internal'])
  await expect(client.request(server.id, '/test/none/1', new Uint8Array(0), brief)).rejects.toMatchObject({
    code: 'unsupported',
  })
})

test('oversize is refused: a request by its head, a response before memory is taken for it', async () => {
  const [server, client] = await startPair()
  const big = new Uint8Array(8 * MIB)
  server.handle(ECHO, async () => big, { maxRequest: 1000 })
  await expect(client.request(server.id, ECHO, new Uint8Array(1001), brief)).rejects.toThrow('a request of 1001 bytes')
  const before = server.stats().bytesReceived
  await expect(client.request(server.id, ECHO, big, brief)).rejects.toMatchObject({ code: 'over-limit' })
  // The refusal arrives while the request is being sent; the window bounds what was on its way.
  expect(server.stats().bytesReceived - before).toBeLessThan(2 * MIB)
  await expect(client.request(server.id, ECHO, new Uint8Array(1), brief)).rejects.toThrow('is above 1024')
  const into = new Uint8Array(8 * MIB - 1)
  const options = { maxResponse: 8 * MIB, timeoutMs: 5_000, into }
  await expect(client.request(server.id, ECHO, new Uint8Array(1), options)).rejects.toMatchObject({
    code: 'over-limit',
  })
})

test('a response of 64 MiB arrives whole, with little more memory than itself', async () => {
  const [server, client] = await startPair()
  const part = randomBytes(MIB)
  server.handle(ECHO, async () => Array.from({ length: 64 }, () => part))
  const into = new Uint8Array(64 * MIB)
  const before = liveBytes()
  let peak = 0
  let samples = 0
  const sampler = setInterval(() => {
    // Collecting garbage takes long in a test runner: a few samples do.
    if (samples++ < 4) peak = Math.max(peak, liveBytes() - before)
  }, 200)
  const response = await client.request(server.id, ECHO, new Uint8Array(1), {
    maxResponse: 64 * MIB,
    timeoutMs: 60_000,
    into,
  })
  clearInterval(sampler)
  expect(response.buffer).toBe(into.buffer)
  for (let i = 0; i < 64; i++) expect(Buffer.compare(response.subarray(i * MIB, (i + 1) * MIB), part)).toBe(0)
  // Both ends run here: windows, socket buffers and one chunk each, not the response.
  expect(samples).toBeGreaterThan(0)
  expect(peak).toBeLessThan(40 * MIB)
  expect(client.stats().bytesReceived).toBeGreaterThan(64 * MIB)
  expect(client.stats().bytesReceived).toBeLessThan(66 * MIB)
})

test('a request that nobody answers times out, and the handler learns of it', async () => {
  const [server, client] = await startPair()
  const reasons: unknown[] = []
  server.handle('/test/warm/1', async () => new Uint8Array(0))
  await client.request(server.id, '/test/warm/1', new Uint8Array(0), brief)
  server.handle(ECHO, async (_request, _from, signal) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    reasons.push(signal.reason)
    return new Uint8Array(0)
  })
  const options = { maxResponse: 0, timeoutMs: 400 }
  await expect(client.request(server.id, ECHO, new Uint8Array(1), options)).rejects.toMatchObject({ code: 'timeout' })
  await until(() => reasons.length === 1, 'the abort')
  expect(reasons[0]).toBeInstanceOf(AssayError)
})

test('a slow handler is cut off by the server', async () => {
  const [server, client] = await startPair()
  server.handle(ECHO, () => new Promise(() => {}), { timeoutMs: 100 })
  const error = await client.request(server.id, ECHO, new Uint8Array(1), brief).catch((caught) => caught)
  expect(error).toBeInstanceOf(RemoteError)
  expect(error.code).toBe('timeout')
})

test('the caller can stop a request, before and during it', async () => {
  const [server, client] = await startPair()
  let started = 0
  let stopped = 0
  server.handle(ECHO, async (_request, _from, signal) => {
    started++
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    stopped++
    return new Uint8Array(0)
  })
  const controller = new AbortController()
  const asked = client.request(server.id, ECHO, new Uint8Array(1), { ...brief, signal: controller.signal })
  const refused = expect(asked).rejects.toMatchObject({ code: 'cancelled' })
  await until(() => started === 1, 'the handler')
  controller.abort()
  await refused
  await until(() => stopped === 1, 'the end of the handler')
  const again = client.request(server.id, ECHO, new Uint8Array(1), { ...brief, signal: controller.signal })
  await expect(again).rejects.toMatchObject({ code: 'cancelled' })
  expect(started).toBe(1)
})

test('requests above the limits are refused by name and the others are answered', async () => {
  const [server, client] = await startPair({ limits: { requestsPerPeer: 6 } })
  let release = (): void => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  server.handle(ECHO, async () => gate.then(() => Uint8Array.of(1)), { maxConcurrent: 4 })
  const other = '/test/other/1'
  server.handle(other, async () => gate.then(() => Uint8Array.of(2)))
  const ask = (protocol: string, times: number) =>
    Array.from({ length: times }, () =>
      client.request(server.id, protocol, new Uint8Array(0), brief).then(
        (answer) => answer[0],
        (error) => error.code,
      ),
    )
  const first = ask(ECHO, 10)
  await until(() => server.stats().answers.refused === 6, 'six refusals')
  const second = ask(other, 3)
  await until(() => server.stats().answers.refused === 7, 'the refusal over all protocols')
  release()
  expect((await Promise.all(first)).sort()).toEqual([1, 1, 1, 1, ...Array(6).fill('rate-limited')])
  expect((await Promise.all(second)).sort()).toEqual([2, 2, 'rate-limited'])
  expect(await Promise.all(ask(ECHO, 4))).toEqual([1, 1, 1, 1])
})

test('a bootstrap peer that is not there yet is reached when it comes, and again after it was away', async () => {
  const privateKey = randomBytes(32)
  const first = await createPeer({ privateKey })
  const [address] = first.addresses()
  await first.stop()
  const listen = [(address as string).replace(/\/p2p\/.*/, '')]
  const peer = await startPeer({ bootstrap: [address as string], limits: { redialMs: [20, 200] } })
  await sleep(200)
  expect(peer.peers()).toEqual([])
  const second = await createPeer({ privateKey, listen })
  await until(() => peer.peers().includes(first.id), 'the first connection')
  await second.stop()
  await until(() => peer.peers().length === 0, 'the loss')
  await startPeer({ privateKey, listen })
  await until(() => peer.peers().includes(first.id), 'the second connection')
})

test('stop ends what is in progress', async () => {
  const [server, client] = await startPair()
  server.handle(ECHO, (_request, _from, signal) => {
    return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const asked = client.request(server.id, ECHO, new Uint8Array(1), brief)
  const refused = expect(asked).rejects.toMatchObject({ code: 'cancelled' })
  await until(() => server.stats().peers === 1, 'the connection')
  await client.stop()
  await refused
  await expect(client.request(server.id, ECHO, new Uint8Array(1), brief)).rejects.toMatchObject({ code: 'wrong-state' })
  await client.stop()
})
