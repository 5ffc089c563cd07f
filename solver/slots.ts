/** What a cell collects of a slot until its entry is signed: roots of all sums of its steps, and their metrics. */
import { fail } from '#proto/errors.ts'
import { sumsPerStep } from '#proto/lanes.ts'

/** What was collected of one slot. */
export interface SlotWork {
  /** Of all sums of its steps, by number, the steps one after the other. */
  readonly sumRoots: Promise<Uint8Array>[]
  readonly metrics: Float32Array[]
}

/** A step of a plan epoch. */
interface StepName {
  readonly epoch: number
  readonly step: number
}

export class Slots {
  readonly #entrySteps: number
  readonly #slots = new Map<string, SlotWork>()

  constructor(entrySteps: number) {
    this.#entrySteps = entrySteps
  }

  /** That of a step; empty at first. */
  of({ epoch, step }: StepName): SlotWork {
    const key = this.#keyOf(epoch, step)
    const work = this.#slots.get(key) ?? { sumRoots: [], metrics: [] }
    this.#slots.set(key, work)
    return work
  }

  /** That of a step, which is forgotten; undefined if nothing was collected. */
  take({ epoch, step }: StepName): SlotWork | undefined {
    const key = this.#keyOf(epoch, step)
    const work = this.#slots.get(key)
    this.#slots.delete(key)
    return work
  }

  /** Takes down the root of sum `sum` of a step of `replicas` replicas. */
  put(name: StepName, replicas: number, sum: number, root: Uint8Array | Promise<Uint8Array>): void {
    const coming = Promise.resolve(root)
    coming.catch(() => {})
    this.of(name).sumRoots[this.#place(name.step, replicas, sum)] = coming
  }

  /** Roots of some sums of a step. @throws internal for one that was not put here */
  roots(name: StepName, replicas: number, sums: readonly number[]): Promise<Uint8Array>[] {
    const { sumRoots } = this.of(name)
    return sums.map(
      (sum) =>
        sumRoots[this.#place(name.step, replicas, sum)] ??
        fail('internal', `sum ${sum} of step ${name.step} is not here`),
    )
  }

  clear(): void {
    this.#slots.clear()
  }

  #place(step: number, replicas: number, sum: number): number {
    return (step % this.#entrySteps) * sumsPerStep(replicas) + sum
  }

  #keyOf(epoch: number, step: number): string {
    return `${epoch}:${Math.floor(step / this.#entrySteps)}`
  }
}
