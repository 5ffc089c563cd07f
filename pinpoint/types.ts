/** The vocabulary of the pinpoint challenge: docs/spec/pinpoint.md. */
import type { Word } from '#arith/types.ts'
import type { Entry } from '#proto/entry.ts'
import type { Hash } from '#proto/ids.ts'

/** One graph of the job's program, as far as a game needs it. */
export interface GraphFacts {
  readonly root: Hash
  readonly inputs: number
  readonly nodes: number
  /** Root of the byte string of exported value numbers (u32, little-endian). */
  readonly exports: Hash
}

/** What a game needs of a job (docs/spec/pinpoint.md, Facts). */
export interface Facts {
  readonly init: GraphFacts
  readonly micro: GraphFacts
  readonly combine: GraphFacts
  readonly update: GraphFacts
  readonly state: number
  readonly gradients: number
  readonly metrics: number
  readonly dataRoot: Hash
  readonly dataSize: number
  /** Code of `DTYPE_CODE`: u8 or f32. */
  readonly dataDtype: number
  readonly stride: number
  readonly recordLength: number
  readonly trainRecords: number
  readonly batch: number
  readonly microBatches: number
  readonly lanes: number
  readonly orderSeed: Hash
  readonly initSeed: readonly [Word, Word]
  readonly dropoutSeed: readonly [Word, Word]
}

/**
 * Lists that a game descends, in this order, and `results`, which an export of the items or of the values leads to; `end` is when
 * nothing is left but to prove.
 */
export type Level = 'items' | 'values' | 'words' | 'trace' | 'results' | 'end'

/** Preimages from a root downwards: children of up to 16 hashes each, last the leaf of a word list. */
export type Opening = readonly Uint8Array[]

/** A word that a building block needs: of the trace, or of an operand of the node. */
export interface OpenedWord {
  readonly traced: boolean
  /** Operand of the node; 0 for a word of the trace. */
  readonly operand: number
  readonly index: number
}

/** What choices and proofs bring along; what a level or an end does not need is absent. */
export interface Evidence {
  readonly entry?: Entry
  readonly facts?: Facts
  /** Canonical bytes of the node whose value is disputed, and their opening against the graph's root. */
  readonly node?: Uint8Array
  readonly nodeOpening?: Opening
  /** Of a block: the words that `openings` opens. */
  readonly words?: readonly OpenedWord[]
  /** In the order of docs/spec/pinpoint.md, Evidence. */
  readonly openings?: readonly Opening[]
}

export type Move =
  /**
   * The asserter shows what is under the node in question: its preimage. On entering `words`, `header` is the tensor root's
   * preimage without its last 32 bytes, the tree root, which `data` gives.
   */
  | { readonly kind: 'post'; readonly header?: Uint8Array; readonly data: Uint8Array }
  /** The challenger names an item, or an export, and goes towards it as far as `path` reaches. */
  | { readonly kind: 'choose'; readonly index: number; readonly path: Opening; readonly evidence: Evidence }
  /** Either player ends the game. */
  | { readonly kind: 'prove'; readonly evidence: Evidence }

/** One list of a statement. */
export type List =
  | { readonly level: 'items' }
  | { readonly level: 'values'; readonly item: number }
  | { readonly level: 'words'; readonly item: number; readonly value: number }
  | { readonly level: 'trace'; readonly item: number; readonly value: number; readonly element: number }
  /** The sums of all steps, under `lanesRoot`; or the trees over the metrics of each, under `metricsRoot`. */
  | { readonly level: 'results'; readonly of: 'sum' | 'metric' }
  /** Leaves of an item. */
  | { readonly level: 'results'; readonly of: 'export'; readonly item: number }

/**
 * What one side holds to be true about an entry: any node of any list, computed when it is asked for. Nodes are numbered from the left
 * at each height; height 0 are the leaves of a word list (up to 1,024 bytes), or the items of a list of hashes (32 bytes).
 */
export interface Statement {
  /** The preimage of a node: child hashes side by side, or at height 0 what `List` says. */
  preimage(list: List, height: number, index: number): Promise<Uint8Array>
}

export type Player = 'asserter' | 'challenger'

/** Where a game is: what its contract keeps. Everything in it is known to both players. */
export interface Position {
  readonly level: Level
  readonly turn: Player
  /** The node in question of the list of `level`; undefined until the asserter has posted the list's root. */
  readonly node?: Hash
  readonly height: number
  /** Number of the node at its height; at `end` the last choice: an item of the last list, or an export behind it. */
  readonly index: number
  /** Items in the list of `level`; at `end` of the last one. */
  readonly count: number
  /** Of `words` without its root: the header that the asserter has to post. */
  readonly header?: Uint8Array
  /** What was chosen so far. */
  readonly item?: number
  readonly value?: number
  readonly element?: number
  readonly micro?: number
  /** What the asserter says they are: hash of the item, tensor root, word of the element, word of the trace. */
  readonly itemHash?: Hash
  readonly valueRoot?: Hash
  readonly elementWord?: Word
  readonly microWord?: Word
  /** Roots of the lists on the way here; that of `words` is `valueRoot`. */
  readonly roots: Roots
  /** At `end`, and in `results`, which of the ends of docs/spec/pinpoint.md, Evidence. */
  readonly end?: End
  readonly winner?: Player
}

/** Roots that the asserter has posted for the lists of one game. */
export interface Roots {
  readonly items?: Hash
  readonly values?: Hash
  readonly trace?: Hash
}

/** Ends of a game. */
export type End =
  | 'rootAfter'
  | 'rootBefore'
  | 'sum'
  | 'metric'
  | 'inbound'
  | 'input'
  | 'export'
  | 'word'
  | 'stored'
  | 'block'
