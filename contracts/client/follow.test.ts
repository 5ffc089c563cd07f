/** Following: every block once, in order, whatever the source does. */
import { describe, expect, it } from 'vitest'
import { type Anvil, startAnvil } from '#contracts/anvil.ts'
import type { ChainEvent } from '#contracts/codec.ts'
import { type BlockId, type EventSource, follow } from '#contracts/follow.ts'
import { foundryTool } from '#contracts/foundry.ts'
import { isAssayError } from '#proto/errors.ts'

const event = (blockNumber: number): ChainEvent => ({
  name: 'JobCancelled',
  jobId: '0x00',
  blockNumber,
  transactionHash: '0x',
  logIndex: 0,
})

/** A chain that grows by `growth` blocks a look and has one event in every third block. */
class Source implements EventSource {
  readonly asked: [number, number][] = []
  head = 0
  readonly growth: number
  readonly failing: (look: number) => boolean
  private looks = 0

  constructor(growth: number, failing: (look: number) => boolean = () => false) {
    this.growth = growth
    this.failing = failing
  }

  /** Blocks from this number on are of the second branch. */
  fork = Number.POSITIVE_INFINITY

  block(number?: number): Promise<BlockId | null> {
    if (number === undefined) this.head += this.growth
    if (this.failing(this.looks++)) return Promise.reject(new Error('node is away'))
    const asked = number ?? this.head
    const hash = (n: number): string => `${n}${n < this.fork ? '' : ' again'}`
    return Promise.resolve(asked > this.head ? null : { number: asked, hash: hash(asked), parentHash: hash(asked - 1) })
  }

  events(from: number, to: number): Promise<ChainEvent[]> {
    this.asked.push([from, to])
    if (this.failing(this.looks++)) return Promise.reject(new Error('node is away'))
    const blocks = Array.from({ length: to - from + 1 }, (_, i) => from + i)
    return Promise.resolve(blocks.filter((block) => block % 3 === 0).map(event))
  }
}

async function blocksSeen(source: EventSource, until: number, confirmations = 0): Promise<number[]> {
  const stop = new AbortController()
  const seen: number[] = []
  await follow(
    source,
    4,
    (events, through) => {
      seen.push(...events.map(({ blockNumber }) => blockNumber))
      if (through >= until) stop.abort()
    },
    { signal: stop.signal, pollMs: 1, confirmations },
  )
  return seen
}

const expected = (last: number): number[] =>
  Array.from({ length: last + 1 }, (_, i) => i).filter((block) => block >= 4 && block % 3 === 0)

describe('following', () => {
  it('hands over every block once', async () => {
    const seen = await blocksSeen(new Source(5), 40)
    expect(seen).toEqual(expected(40))
  })

  it('catches up in batches', async () => {
    const source = new Source(4500)
    const seen = await blocksSeen(source, 4500)
    expect(seen).toEqual(expected(seen.at(-1) ?? 0))
    expect(Math.max(...source.asked.map(([from, to]) => to - from + 1))).toBe(2000)
  })

  it('repeats looks that fail, without a gap or a repetition', async () => {
    const seen = await blocksSeen(new Source(3, (call) => call % 5 === 1), 60)
    expect(seen).toEqual(expected(seen.at(-1) ?? 0))
    expect(seen.length).toBeGreaterThan(15)
  })

  it('holds back what is not confirmed', async () => {
    const source = new Source(5)
    await blocksSeen(source, 20, 7)
    expect(Math.max(...source.asked.map(([, to]) => to))).toBeLessThanOrEqual(source.head - 7)
  })

  it('tells of blocks that the chain took back, and begins again', async () => {
    const source = new Source(1)
    const stop = new AbortController()
    const told: string[] = []
    await follow(
      source,
      4,
      (_events, through, more) => {
        told.push(`${through}${more ? ' and more' : ''}`)
        if (through === 7 && source.fork > 7) {
          // The node comes back without its last blocks, and makes others.
          source.fork = 6
          source.head = 4
        }
        if (through >= 9) stop.abort()
      },
      { signal: stop.signal, pollMs: 1, onRollback: (block) => void told.push(`rollback of ${block}`) },
    )
    // Nothing is handed over while the head is below block 7.
    expect(told).toEqual(['4', '5', '6', '7', 'rollback of 7', '8', '9'])
  })

  it('ends when blocks are taken back and nobody was to hear of it', async () => {
    const source = new Source(1)
    const takeBack = (): void => {
      source.fork = 4
    }
    const ended = follow(source, 4, takeBack, { pollMs: 1 })
    await expect(ended).rejects.toSatisfy((error) => isAssayError(error, 'chain'))
  })

  it('ends with the error of its handler', async () => {
    const broken = follow(new Source(5), 4, () => Promise.reject(new Error('cannot store')), { pollMs: 1 })
    await expect(broken).rejects.toThrow('cannot store')
  })

  it('ends at once when told while waiting', async () => {
    const stop = new AbortController()
    const ended = follow(new Source(0), 4, () => undefined, { signal: stop.signal, pollMs: 60_000 })
    setTimeout(() => stop.abort(), 10)
    await ended
  })
})

describe('the local chain', () => {
  it('fails in words when its port is taken', async () => {
    const first: Anvil = await startAnvil()
    // The same chain id: the first one's answers must not pass for the second one's.
    const second = startAnvil({ port: first.port, mnemonic: first.mnemonic })
    await expect(second).rejects.toSatisfy((error) => isAssayError(error, 'chain'))
    await first.stop()
    await first.stop()
  })

  it('finds its tools, or says what to install', () => {
    expect(foundryTool('anvil')).toMatch(/anvil/)
    expect(foundryTool('forge', '')).toMatch(/forge/)
  })
})
