/** Keeps a peer connected to its bootstrap peers: dials at once, then again with growing pauses, for as long as it runs. */
import { setTimeout as sleep } from 'node:timers/promises'

export class Bootstrap {
  private readonly dial: (address: string) => Promise<string>
  private readonly connected: (peer: string) => boolean
  private readonly pauses: readonly [number, number]
  private readonly onError: (error: unknown, address: string) => void
  private readonly controller = new AbortController()
  private readonly loops: Promise<void>[] = []

  /**
   * @param dial connects to an address and returns the peer id; rejects when it cannot
   * @param pauses first and longest pause between attempts, milliseconds
   * @param onError told of each attempt that failed
   */
  constructor(
    dial: (address: string) => Promise<string>,
    connected: (peer: string) => boolean,
    pauses: readonly [number, number],
    onError: (error: unknown, address: string) => void,
  ) {
    this.dial = dial
    this.connected = connected
    this.pauses = pauses
    this.onError = onError
  }

  keep(address: string): void {
    this.loops.push(this.loop(address))
  }

  async stop(): Promise<void> {
    this.controller.abort()
    await Promise.all(this.loops)
  }

  private async loop(address: string): Promise<void> {
    const { signal } = this.controller
    const [first, longest] = this.pauses
    let pause = first
    let peer: string | undefined
    while (!signal.aborted) {
      if (peer !== undefined && this.connected(peer)) pause = first
      else {
        try {
          peer = await this.dial(address)
          pause = first
        } catch (error) {
          if (!signal.aborted) this.onError(error, address)
          // Random spread, so that peers do not come back in step after an outage of the bootstrap peer.
          pause = Math.min(longest, pause * (1.5 + Math.random()))
        }
      }
      await sleep(pause, undefined, { signal }).catch(() => {})
    }
  }
}
