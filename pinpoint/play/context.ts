/** What players know: the job, the claim, and what the other side has shown. */
import type { TensorType } from '#arith/types.ts'
import { bytesEqual, toHex } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { HASH_BYTES, LEAF_BYTES, leafHash } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'
import { holdsWords } from '../choice.ts'
import type { GraphName, Schedule } from '../schedule.ts'
import { preimageHash } from '../tree.ts'
import type { Evidence, Facts, List, Opening, Statement } from '../types.ts'

/** The graphs of a job, as far as evidence shows them. */
export interface Definitions {
  type(graph: GraphName, value: number): TensorType
  /** Canonical bytes of the node behind a value, and their opening against the graph's root. */
  node(graph: GraphName, value: number): Required<Pick<Evidence, 'node' | 'nodeOpening'>>
  /** Numbers of the values that the graph exports. */
  exports(graph: GraphName): readonly number[]
  /** Opening of word `n` of the byte string of exports. */
  exportOpening(graph: GraphName, n: number): Opening
}

/** What a game is about, laid open. Both players have the same. */
export interface Case {
  readonly entry: Entry
  readonly facts: Facts
  /** Replicas of the entry's plan. */
  readonly replicas: number
  readonly schedule: Schedule
  readonly definitions: Definitions
  /** Opening of the leaf of the data set that holds byte `at`. */
  data(at: number): Promise<Opening>
}

/** Trees of an asserter's statement, as far as they are to be had: its own, or what it has shown. */
export interface Trees {
  /** The preimage of the node of a list with that hash: of one at height 1 and above, or of a leaf. */
  preimage(list: List, height: number, index: number, hash: Hash): Promise<Uint8Array | undefined>
  /** The preimage of the root of a list of words, if the root fits. */
  words(list: List, height: number, fits: (root: Hash) => boolean): Promise<Uint8Array | undefined>
}

/** The trees of one's own statement. What it does not agree with, it does not have. */
export function treesOf(statement: Statement): Trees {
  return {
    async preimage(list, height, index, hash) {
      const preimage = await statement.preimage(list, height, index)
      return bytesEqual(hashOf(list, height, preimage), hash) ? preimage : undefined
    },
    async words(list, height, fits) {
      const preimage = await statement.preimage(list, height, 0)
      return fits(hashOf(list, height, preimage)) ? preimage : undefined
    },
  }
}

/**
 * What an asserter has shown: posted on the chain, or served beside it. Whatever a source gives is checked, and a source that fails
 * has nothing.
 */
export class ShownTrees implements Trees {
  readonly #posted = new Map<string, Uint8Array>()
  readonly #served: Statement | undefined

  /** @param served what the asserter answers when it is asked */
  constructor(served?: Statement) {
    this.#served = served
  }

  /** Takes note of bytes that were posted. */
  post(data: Uint8Array): void {
    if (data.length <= LEAF_BYTES) this.#posted.set(toHex(leafHash(data)), data)
    if (isNode(data)) this.#posted.set(toHex(preimageHash(data)), data)
  }

  async preimage(list: List, height: number, index: number, hash: Hash): Promise<Uint8Array | undefined> {
    const posted = this.#posted.get(toHex(hash))
    if (posted !== undefined) return posted
    const served = await attempt(() => this.#served?.preimage(list, height, index))
    return served !== undefined && bytesEqual(hashOf(list, height, served), hash) ? served : undefined
  }

  async words(list: List, height: number, fits: (root: Hash) => boolean): Promise<Uint8Array | undefined> {
    const served = await attempt(() => this.#served?.preimage(list, height, 0))
    return served !== undefined && fits(hashOf(list, height, served)) ? served : undefined
  }
}

const isNode = ({ length }: Uint8Array): boolean => length > 0 && length % HASH_BYTES === 0 && length <= 16 * HASH_BYTES

/** Hash of a node of a list with that preimage; of no node: an empty one, which equals none. */
export function hashOf({ level }: List, height: number, preimage: Uint8Array): Hash {
  if (height > 0) return isNode(preimage) ? preimageHash(preimage) : new Uint8Array(0)
  if (!holdsWords(level)) return preimage
  return preimage.length <= LEAF_BYTES ? leafHash(preimage) : new Uint8Array(0)
}

/** What a source gives; nothing if it fails, as remote ones do. */
async function attempt<T>(ask: () => Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await ask()
  } catch {
    return undefined
  }
}
