/**
 * Benchmark: bulk transfer over libp2p (noise, yamux) between two processes on loopback, against plain TCP between the
 * same two processes, interleaved. Content goes from memory to memory; the blob fetch also hashes every frame twice.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { serveBlobs } from '#net/bulk.ts'
import { fetchBlob } from '#net/fetch.ts'
import { MemoryStore } from '#net/memory-store.ts'
import { createPeer } from '#net/peer.ts'
import { fromHex, toHex } from '#proto/bytes.ts'
import { report } from '../lib/figures.ts'

const MIB = 2 ** 20
const SIZE = 64 * MIB
const ROUNDS = 5
const PROTOCOL = '/bench/bulk/1'
const ECHO = '/bench/echo/1'
const CALLS = 300
const json = process.argv.includes('--json')

interface Ready {
  readonly address: string
  readonly port: number
  readonly root: string
}

/** The serving process: the same bytes over TCP, as a response, and as a blob. */
async function serve(): Promise<void> {
  const bytes = randomBytes(SIZE)
  const store = new MemoryStore(SIZE)
  const { root } = await store.put(bytes)
  const peer = await createPeer({ privateKey: randomBytes(32) })
  // Shares of strangers would be measured otherwise.
  peer.onPeer((id, connected) => peer.seat(id, connected))
  serveBlobs(peer, store)
  peer.handle(PROTOCOL, async () => bytes)
  peer.handle(ECHO, async (request) => request)
  const tcp = createServer((socket) => {
    socket.once('data', () => socket.end(bytes))
  })
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  const { port } = tcp.address() as { port: number }
  console.log(JSON.stringify({ address: peer.addresses()[0], port, root: toHex(root) }))
}

/** Receives `SIZE` bytes into `into` over a plain TCP connection. */
async function plainTcp(port: number, into: Uint8Array): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  let got = 0
  socket.on('data', (data) => {
    into.set(data, got)
    got += data.length
  })
  socket.write('go')
  await once(socket, 'end')
  if (got !== SIZE) throw new Error(`${got} bytes over TCP`)
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number

/** MB/s of `task`, which moves `SIZE` bytes, and the processor time this side spends on it, seconds a GB. */
async function speed(task: () => Promise<unknown>): Promise<{ rate: number; cpu: number }> {
  const before = process.cpuUsage()
  const start = performance.now()
  await task()
  const rate = SIZE / 1e3 / (performance.now() - start)
  const { user, system } = process.cpuUsage(before)
  return { rate, cpu: ((user + system) * 1e3) / SIZE }
}

async function measure(): Promise<void> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const { address, port, root } = JSON.parse(line) as Ready
    const peer = await createPeer({ privateKey: randomBytes(32) })
    const id = await peer.connect([address])
    const store = new MemoryStore(SIZE)
    const into = new Uint8Array(SIZE)
    const request = new Uint8Array(0)
    const tasks: Record<string, () => Promise<unknown>> = {
      tcp: () => plainTcp(port, into),
      request: () => peer.request(id, PROTOCOL, request, { maxResponse: SIZE, timeoutMs: 60_000, into }),
      blob: () => fetchBlob(peer, store, { root: fromHex(root), maxSize: SIZE, providers: [id] }),
    }
    const samples: Record<string, number[]> = {}
    const costs: Record<string, number[]> = {}
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, task] of Object.entries(tasks)) {
        await store.delete(fromHex(root))
        const { rate, cpu } = await speed(task)
        samples[name] = [...(samples[name] ?? []), Math.round(rate)]
        costs[name] = [...(costs[name] ?? []), cpu]
      }
      if (!json)
        console.log(`round ${round}: ${Object.keys(tasks).map((name) => `${name} ${samples[name]?.at(-1)}`)} MB/s`)
    }
    const start = performance.now()
    for (let i = 0; i < CALLS; i++) await peer.request(id, ECHO, request, { maxResponse: 0, timeoutMs: 5_000 })
    const requestMs = (performance.now() - start) / CALLS
    await peer.stop()
    const rate = (name: string): number => median(samples[name] ?? [])
    report({
      name: 'bulk',
      figures: {
        tcpMBps: rate('tcp'),
        requestMBps: rate('request'),
        blobMBps: rate('blob'),
        requestShare: rate('request') / rate('tcp'),
        blobShare: rate('blob') / rate('tcp'),
        requestCpuSecondsPerGB: median(costs['request'] ?? []),
        blobCpuSecondsPerGB: median(costs['blob'] ?? []),
        requestMs,
      },
      // Shares, because speeds are the machine's: encryption and framing may cost this much of plain TCP.
      thresholds: { requestShare: { min: 0.1 }, blobShare: { min: 0.05 } },
      details: { bytes: SIZE, samples },
    })
  } finally {
    child.kill('SIGKILL')
  }
}

if (process.argv[2] === 'serve') await serve()
else await measure()
