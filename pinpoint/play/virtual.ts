/** Trees too large to hold, over lists that consist of a few runs of equal items. */
import { fail } from '#proto/errors.ts'
import { ARITY, HASH_BYTES, LEAF_BYTES, leafHash, nodeHash } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { childrenOf, heightOf, widthOf } from '../tree.ts'
import { spanOf } from './levels.ts'

/** From index `from` on, up to the next run, all items are `item`. */
export interface Run<T> {
  readonly from: number
  readonly item: T
}

/** What a tree's bottom consists of. */
interface Bottom {
  readonly count: number
  /** Two ranges within one run look alike; undefined if a range is not within one. `to` is exclusive. */
  readonly runOf: (from: number, to: number) => number | undefined
  readonly preimage: (index: number) => Uint8Array
  readonly hash: (index: number) => Hash
}

/** Like `Levels`, with work and memory that grow with the logarithm of the number of items. */
export class VirtualTree {
  readonly #bottom: Bottom
  readonly #known = new Map<string, Hash>()
  /** Height of the root. */
  readonly height: number

  private constructor(bottom: Bottom) {
    this.#bottom = bottom
    this.height = heightOf(bottom.count)
  }

  /** The tree over `count` hashes. `runs` ascend from 0. */
  static ofHashes(count: number, runs: readonly Run<Hash>[]): VirtualTree {
    const at = (index: number): Hash => (runs[runAt(runs, index)] as Run<Hash>).item
    return new VirtualTree({ count, runOf: within(runs), preimage: at, hash: at })
  }

  /** The tree of the bytes of `count` words, little-endian. `runs` ascend from 0. */
  static ofWords(count: number, runs: readonly Run<number>[]): VirtualTree {
    const size = LEAF_BYTES / 4
    const words = within(runs)
    const preimage = (leaf: number): Uint8Array => {
      const first = leaf * size
      const view = new DataView(new ArrayBuffer(4 * (Math.min(count, first + size) - first)))
      for (let i = 0; 4 * i < view.byteLength; i++) {
        view.setUint32(4 * i, (runs[runAt(runs, first + i)] as Run<number>).item, true)
      }
      return new Uint8Array(view.buffer)
    }
    return new VirtualTree({
      count: Math.ceil(count / size),
      runOf: (from, to) => words(from * size, Math.min(count, to * size)),
      preimage,
      hash: (leaf) => leafHash(preimage(leaf)),
    })
  }

  get root(): Hash {
    return this.#hash(this.height, 0)
  }

  /** As `Levels.preimage`. @throws bad-input */
  preimage(height: number, index: number): Uint8Array {
    const { count, preimage } = this.#bottom
    if (!(height >= 0 && height <= this.height && index >= 0 && index < widthOf(count, height))) {
      fail('bad-input', `there is no node ${index} at height ${height}`)
    }
    if (height === 0) return preimage(index)
    const children = childrenOf(count, height, index)
    const out = new Uint8Array(children * HASH_BYTES)
    for (let c = 0; c < children; c++) out.set(this.#hash(height - 1, index * ARITY + c), c * HASH_BYTES)
    return out
  }

  #hash(height: number, index: number): Hash {
    const { count, runOf, hash } = this.#bottom
    const first = index * spanOf(height)
    const end = Math.min(count, first + spanOf(height))
    const run = end === first + spanOf(height) ? runOf(first, end) : undefined
    // Only the last node of a height is not full, or has a last leaf that may be short.
    const key = run === undefined || end === count ? `${height}:${index}` : `${height} of run ${run}`
    let known = this.#known.get(key)
    if (known === undefined) {
      known = height === 0 ? hash(index) : nodeHash(split(this.preimage(height, index)))
      this.#known.set(key, known)
    }
    return known
  }
}

function split(bytes: Uint8Array): Hash[] {
  return Array.from({ length: bytes.length / HASH_BYTES }, (_, i) =>
    bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  )
}

function runAt(runs: readonly Run<unknown>[], index: number): number {
  return runs.findLastIndex(({ from }) => from <= index)
}

function within(runs: readonly Run<unknown>[]): (from: number, to: number) => number | undefined {
  return (from, to) => {
    const run = runAt(runs, from)
    return run === runAt(runs, to - 1) ? run : undefined
  }
}
