/**
 * Counts the bytes of the TCP sockets below the connections of one peer.
 *
 * libp2p hands every raw connection to its metrics component; Node already counts the bytes of each socket, so nothing
 * is intercepted.
 */

import type { Socket } from 'node:net'
import type { Metrics, MultiaddrConnection } from '@libp2p/interface'

const nothing = (): void => {}
const metric = {
  increment: nothing,
  decrement: nothing,
  update: nothing,
  reset: nothing,
  observe: nothing,
  timer: () => nothing,
}

export class Traffic {
  private readonly open = new Set<Socket>()
  private closedSent = 0
  private closedReceived = 0

  private track(connection: MultiaddrConnection): void {
    const { socket } = connection as MultiaddrConnection & { socket?: Socket }
    if (socket === undefined || this.open.has(socket)) return
    this.open.add(socket)
    socket.once('close', () => {
      this.open.delete(socket)
      this.closedSent += socket.bytesWritten
      this.closedReceived += socket.bytesRead
    })
  }

  /** Bytes on the wire since the start, handshakes and framing included. */
  bytes(): { sent: number; received: number } {
    let sent = this.closedSent
    let received = this.closedReceived
    for (const socket of this.open) {
      sent += socket.bytesWritten
      received += socket.bytesRead
    }
    return { sent, received }
  }

  /** The metrics component: tracks connections, ignores everything else. */
  metrics(): Metrics {
    return {
      trackMultiaddrConnection: (connection: MultiaddrConnection) => this.track(connection),
      trackProtocolStream: nothing,
      registerMetric: () => metric,
      registerMetricGroup: () => metric,
      registerCounter: () => metric,
      registerCounterGroup: () => metric,
      registerHistogram: () => metric,
      registerHistogramGroup: () => metric,
      registerSummary: () => metric,
      registerSummaryGroup: () => metric,
      traceFunction: <F>(_name: string, fn: F): F => fn,
      createTrace: nothing,
    } as unknown as Metrics
  }
}
