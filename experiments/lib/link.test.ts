/** Links keep order, rate and latency; a real connection through one takes the time that the model says. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { LinkModel, openLink } from './link.ts'

test('packets wait for each other, arrive in order, and after the latency', () => {
  const link = new LinkModel({ bitsPerSecond: 8e6, latencyMs: 50 })
  // A thousand bytes take a millisecond.
  expect(link.send(0, 1000)).toBe(51)
  expect(link.send(0, 2000)).toBe(53)
  expect(link.queueMs(1)).toBe(2)
  expect(link.send(100, 1000)).toBe(151)
  expect(link.queueMs(200)).toBe(0)
})

test('jitter keeps the order and is the same for the same seed', () => {
  const arrivals = (seed: number): number[] => {
    const link = new LinkModel({ bitsPerSecond: 1e9, latencyMs: 10, jitterMs: 20, seed })
    return Array.from({ length: 50 }, (_, i) => link.send(i, 100))
  }
  const some = arrivals(1)
  expect(some).toEqual([...some].sort((a, b) => a - b))
  expect(arrivals(1)).toEqual(some)
  expect(arrivals(2)).not.toEqual(some)
  expect(Math.max(...some.map((at, i) => at - i))).toBeLessThanOrEqual(31)
})

test('bytes between sockets take at least as long as the link needs, unchanged', async () => {
  const server = createServer((socket) => socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const link = await openLink((server.address() as AddressInfo).port, { bitsPerSecond: 80e6, latencyMs: 20 })
  onTestFinished(() => link.close())
  const bytes = Uint8Array.from({ length: 500_000 }, (_, i) => (i * 7) >> 3)
  const socket = connect(link.port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const start = performance.now()
  socket.write(bytes)
  const back = new Uint8Array(bytes.length)
  let got = 0
  await new Promise<void>((resolve) => {
    socket.on('data', (data) => {
      back.set(data, got)
      got += data.length
      if (got === bytes.length) resolve()
    })
  })
  // 50 ms of bytes, and twice the latency; the way back overlaps the way there.
  expect(performance.now() - start).toBeGreaterThan(89)
  expect(back).toEqual(bytes)
})
