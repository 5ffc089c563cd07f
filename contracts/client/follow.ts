/** Follows a chain's events by polling: every block once, in order, through any trouble with the node. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChainEvent } from '#contracts/codec.ts'
import { fail } from '#proto/errors.ts'

export interface FollowOptions {
  /** Blocks that must stand on top of a block before its events count. Default 0. */
  readonly confirmations?: number
  /** Ends the following: the promise resolves. */
  readonly signal?: AbortSignal
  /** Time between two looks at the chain, ms. Default 100. */
  readonly pollMs?: number
  /** Told about every failed look; the next ones come at growing intervals. */
  readonly onTrouble?: (error: unknown, failures: number) => void
}

export interface EventSource {
  blockNumber(): Promise<number>
  events(from: number, to: number): Promise<ChainEvent[]>
}

/** Blocks handed over at a time while catching up. */
const BATCH = 2000
const LONGEST_WAIT_MS = 5000

/**
 * Calls `handler` with the events of the next blocks and the last block they cover, also when there are none, one call
 * at a time. A look that fails is repeated; an error of the handler ends the following and is thrown.
 */
export async function follow(
  source: EventSource,
  fromBlock: number,
  handler: (events: readonly ChainEvent[], throughBlock: number) => Promise<void> | void,
  options: FollowOptions = {},
): Promise<void> {
  const { confirmations = 0, signal, pollMs = 100, onTrouble } = options
  if (pollMs <= 0 || confirmations < 0) fail('bad-input', 'pollMs must be positive, confirmations not negative')
  let next = fromBlock
  let failures = 0
  while (!isAborted(signal)) {
    const batch = await look(source, next, confirmations).catch((error: unknown) => {
      failures++
      onTrouble?.(error, failures)
      return undefined
    })
    if (isAborted(signal)) return
    if (batch !== undefined) {
      failures = 0
      if (batch.through >= next) {
        await handler(batch.events, batch.through)
        next = batch.through + 1
        if (batch.more) continue
      }
    }
    await pause(Math.min(LONGEST_WAIT_MS, pollMs * 2 ** Math.min(failures, 10)), signal)
  }
}

interface Batch {
  readonly events: readonly ChainEvent[]
  readonly through: number
  readonly more: boolean
}

async function look(source: EventSource, next: number, confirmations: number): Promise<Batch> {
  const head = (await source.blockNumber()) - confirmations
  const through = Math.min(head, next + BATCH - 1)
  return { events: through < next ? [] : await source.events(next, through), through, more: through < head }
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    if (!isAborted(signal)) throw error
  }
}
