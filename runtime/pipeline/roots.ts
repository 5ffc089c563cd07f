/** The roots of the tensors that cross from one stage to another in one step, and the one root over them that both ends sign. */
import { check } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import { hashTree } from '#proto/merkle.ts'
import type { Border } from './bundles.ts'

/** Where a tensor stands in the list: what is shared before the step, values by micro-batch, what is shared after. */
interface Leaf {
  readonly part: number
  readonly microBatch: number
  readonly id: number
  readonly root: Hash
}

const PART = { state: 0, activation: 1, saved: 1, gradient: 1, sum: 2 } as const

export class StepRoots {
  readonly #leaves: Leaf[] = []
  readonly #expected: number
  #complete: (root: Hash) => void = () => {}
  /** The tree over all tensor roots, in the order of their addresses, once all are known. */
  readonly root: Promise<Hash> = new Promise((resolve) => {
    this.#complete = resolve
  })

  /**
   * @param borders all from the one stage to the other
   * @param count micro-batches of the replica in a step
   */
  constructor(borders: readonly Border[], count: number) {
    this.#expected = borders.reduce((sum, { kind, ids }) => sum + ids.length * (PART[kind] === 1 ? count : 1), 0)
  }

  /** Takes in the roots of a bundle, in the order of its tensors; `microBatch` is 0 for what is shared once a step. */
  put({ kind, ids }: Border, microBatch: number, roots: readonly Hash[]): void {
    for (const [i, root] of roots.entries()) {
      this.#leaves.push({ part: PART[kind], microBatch, id: ids[i] as number, root })
    }
    check(this.#leaves.length <= this.#expected, 'internal', 'a bundle was rooted twice')
    if (this.#leaves.length < this.#expected) return
    this.#leaves.sort((a, b) => a.part - b.part || a.microBatch - b.microBatch || a.id - b.id)
    this.#complete(hashTree(this.#leaves.map(({ root }) => root)))
  }
}
