/**
 * Follows a chain's events by polling: every block once, in order, through any trouble with the node; says so when the chain
 * takes back what it told.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChainEvent } from '#contracts/codec.ts'
import { AssayError, fail } from '#proto/errors.ts'

export interface FollowOptions {
  /** Blocks that must stand on top of a block before its events count. Default 0. */
  readonly confirmations?: number | undefined
  /** Ends the following: the promise resolves. */
  readonly signal?: AbortSignal
  /** Time between two looks at the chain, ms. Default 100. */
  readonly pollMs?: number | undefined
  /** Told about every failed look; the next ones come at growing intervals. */
  readonly onTrouble?: (error: unknown, failures: number) => void
  /**
   * Told when the last block handed over is no longer of the chain, and not lower than `confirmations` below its head. All
   * that was handed over is void; it begins again with the first block. Without it the following ends with `chain`.
   */
  readonly onRollback?: (block: number) => void
}

/** A block by its number and hashes. */
export interface BlockId {
  readonly number: number
  readonly hash: string
  readonly parentHash: string
}

export interface EventSource {
  /** The block of a number, the newest one without; null where the chain has none. */
  block(number?: number): Promise<BlockId | null>
  events(from: number, to: number): Promise<ChainEvent[]>
}

/**
 * Takes in the events of the next blocks, `throughBlock` being the last of them, also when there are none. `more`: later
 * blocks are there already, so that what these tell is past.
 */
export type FollowHandler = (events: readonly ChainEvent[], throughBlock: number, more: boolean) => Promise<void> | void

/** Blocks handed over at a time while catching up. */
const BATCH = 2000
const LONGEST_WAIT_MS = 2000

/**
 * Calls `handler` with the events of the next blocks, one call at a time. A look that fails is repeated; an error of the
 * handler ends the following and is thrown. A head below the last block handed over may be a node that lags behind: it is
 * waited for until it has caught up, and then the hash tells.
 */
export async function follow(
  source: EventSource,
  fromBlock: number,
  handler: FollowHandler,
  options: FollowOptions = {},
): Promise<void> {
  const { confirmations = 0, signal, pollMs = 100, onTrouble } = options
  if (pollMs <= 0 || confirmations < 0) fail('bad-input', 'pollMs must be positive, confirmations not negative')
  let seen: BlockId | undefined
  let failures = 0
  while (!isAborted(signal)) {
    const next = seen === undefined ? fromBlock : seen.number + 1
    const found = await look(source, next, seen, confirmations).catch((error: unknown) => {
      failures++
      onTrouble?.(error, failures)
      return undefined
    })
    if (isAborted(signal)) return
    if (found !== undefined) failures = 0
    if (found === 'rollback') {
      rolledBack(seen?.number ?? 0, options)
      seen = undefined
      continue
    }
    if (found !== undefined && found !== 'nothing') {
      await handler(found.events, found.last.number, found.more)
      seen = found.last
      if (found.more) continue
    }
    await pause(Math.min(LONGEST_WAIT_MS, pollMs * 2 ** Math.min(failures, 10)), signal)
  }
}

function rolledBack(block: number, { onRollback }: FollowOptions): void {
  if (!onRollback) throw new AssayError('chain', `the chain took back block ${block}`, { next: 'Start again.' })
  onRollback(block)
}

interface Batch {
  readonly events: readonly ChainEvent[]
  readonly last: BlockId
  readonly more: boolean
}

/** One look at the chain; throws when its answers do not belong to one chain. */
async function look(
  source: EventSource,
  next: number,
  seen: BlockId | undefined,
  confirmations: number,
): Promise<Batch | 'nothing' | 'rollback'> {
  const newest = await source.block()
  if (newest === null) return 'nothing'
  const head = newest.number - confirmations
  if (head < (seen?.number ?? next)) return 'nothing'
  const through = Math.min(head, next + BATCH - 1)
  const last = through === newest.number ? newest : await source.block(through)
  if (last === null) return 'nothing'
  if (seen && !(await descends(source, last, seen))) return 'rollback'
  if (through < next) return 'nothing'
  const events = await source.events(next, through)
  // A hash stands for the whole chain below it: the same before and after, and so all answers between were of one chain.
  if ((await source.block(through))?.hash !== last.hash) throw new AssayError('chain', 'the chain changed under a look')
  return { events, last, more: through < head }
}

/** Whether `block` is `seen` or stands on it. */
async function descends(source: EventSource, block: BlockId, seen: BlockId): Promise<boolean> {
  if (block.number === seen.number) return block.hash === seen.hash
  if (block.number === seen.number + 1) return block.parentHash === seen.hash
  return (await source.block(seen.number))?.hash === seen.hash
}

const isAborted = (signal: AbortSignal | undefined): boolean => signal?.aborted === true

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    if (!isAborted(signal)) throw error
  }
}
