/** Links as they are: a rate, a latency and a queue for each direction, between two real TCP peers of this machine. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { seededRandom } from '#proto/testing.ts'

/** One direction of a link. */
export interface LinkOptions {
  /** Of everything that goes this way. */
  readonly bitsPerSecond: number
  /** From the last byte that leaves to its arrival. */
  readonly latencyMs: number
  /** Up to so much is added to the latency of a packet; packets stay in order. Default 0. */
  readonly jitterMs?: number
  readonly seed?: number
}

/** Bytes that are delayed as one. */
const PACKET_BYTES = 16 * 1024
/** Bytes that may wait for the link before whoever sends is held up. */
const QUEUE_BYTES = 256 * 1024

/** When packets arrive: first in, first out. Pure: time is an argument, in milliseconds. */
export class LinkModel {
  readonly #options: LinkOptions
  readonly #random: ReturnType<typeof seededRandom>
  #free = 0
  #last = 0

  constructor(options: LinkOptions) {
    this.#options = options
    this.#random = seededRandom(options.seed ?? 1)
  }

  /** Takes in a packet at `now`. Returns when it arrives. */
  send(now: number, bytes: number): number {
    const { bitsPerSecond, latencyMs, jitterMs = 0 } = this.#options
    this.#free = Math.max(now, this.#free) + (bytes * 8e3) / bitsPerSecond
    const jitter = jitterMs > 0 ? (this.#random.below(1001) / 1000) * jitterMs : 0
    this.#last = Math.max(this.#last, this.#free + latencyMs + jitter)
    return this.#last
  }

  /** Milliseconds until a packet that is handed over at `now` would begin to leave. */
  queueMs(now: number): number {
    return Math.max(0, this.#free - now)
  }
}

/** A link in front of a port of this machine. */
export interface Link {
  /** Where to connect instead. */
  readonly port: number
  close(): void
}

/** Everything that connects to the link's port talks to `target` through it: `up` is the way to the target. */
export async function openLink(target: number, up: LinkOptions, down: LinkOptions = up): Promise<Link> {
  const models = { up: new LinkModel(up), down: new LinkModel(down) }
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        // A link carries the end of a connection too, but nobody measures it.
        near.destroy()
        far.destroy()
      })
    }
    carry(near, far, models.up, up)
    carry(far, near, models.down, down)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Hands over what `from` receives when it has arrived at the other end; stops reading while the queue is full. */
function carry(from: Socket, to: Socket, model: LinkModel, { bitsPerSecond }: LinkOptions): void {
  const arriving: { at: number; bytes: Uint8Array }[] = []
  const queueMs = (QUEUE_BYTES * 8e3) / bitsPerSecond
  let timer: NodeJS.Timeout | undefined
  const deliver = (): void => {
    timer = undefined
    const now = performance.now()
    while (arriving.length > 0 && (arriving[0] as { at: number }).at <= now)
      to.write((arriving.shift() as { bytes: Uint8Array }).bytes)
    if (arriving.length > 0) timer = setTimeout(deliver, Math.max(1, (arriving[0] as { at: number }).at - now))
  }
  from.on('data', (data: Uint8Array) => {
    const now = performance.now()
    for (let at = 0; at < data.length; at += PACKET_BYTES) {
      const bytes = data.subarray(at, at + PACKET_BYTES)
      arriving.push({ at: model.send(now, bytes.length), bytes })
    }
    timer ??= setTimeout(deliver, Math.max(1, (arriving[0] as { at: number }).at - now))
    const excess = model.queueMs(now) - queueMs
    if (excess <= 0) return
    from.pause()
    setTimeout(() => from.resume(), excess)
  })
  from.on('close', () => clearTimeout(timer))
}
