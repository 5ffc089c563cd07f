/** The bare run: one machine, one replica, no network. What every simulated network must repeat bit for bit. */
import { toHex } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import { hashTree } from '#proto/merkle.ts'
import { lanesRoot } from '#runtime/judge.ts'
import { listRoot, metricsRoot } from '#runtime/tensors.ts'
import type { TrainerLike } from '#test/sim/symbolic.ts'

export class BareRun {
  /** Roots of the states before step 0, 1, .., and after the last. */
  readonly roots: Uint8Array[] = []
  readonly #trainer: TrainerLike
  readonly #states: Uint8Array[] = []
  readonly #metricRoots: Uint8Array[] = []
  readonly #sumRoots = new Map<string, Uint8Array>()

  constructor(trainer: TrainerLike, steps: number) {
    this.#trainer = trainer
    trainer.init()
    this.#keep()
    for (let step = 0; step < steps; step++) {
      trainer.sum(step, 0, 1)
      this.#metricRoots.push(metricsRoot(trainer.program.metrics, trainer.update(step)))
      this.#keep()
    }
  }

  #keep(): void {
    const state = new Uint8Array(this.#trainer.stateBytes)
    this.#trainer.readState(state)
    this.#states.push(state)
    this.roots.push(listRoot(this.#trainer.program.state, state))
  }

  /** Names the first field of an entry that an honest solver would have filled otherwise; undefined: none. */
  fault(entry: Entry, replicas: number): string | undefined {
    const steps = Array.from({ length: entry.stepTo - entry.stepFrom }, (_, i) => entry.stepFrom + i)
    const honest = {
      rootBefore: this.roots[entry.stepFrom] as Uint8Array,
      rootAfter: this.roots[entry.stepTo] as Uint8Array,
      lanesRoot: lanesRoot(steps.flatMap((step) => this.#sumRootsOf(step, replicas))),
      metricsRoot: hashTree(steps.map((step) => this.#metricRoots[step] as Uint8Array)),
    }
    for (const [name, root] of Object.entries(honest)) {
      if (toHex(entry[name as keyof typeof honest]) !== toHex(root)) return name
    }
    return undefined
  }

  /** Roots of all sums of a step (docs/spec/protocol.md, Lanes). */
  #sumRootsOf(step: number, replicas: number): Uint8Array[] {
    const roots: Uint8Array[] = []
    for (let width = replicas; width > 1; width /= 2) {
      for (let i = 0; i < width; i++) roots.push(this.#sumRoot(step, i, width))
    }
    return roots
  }

  #sumRoot(step: number, replica: number, replicas: number): Uint8Array {
    const key = `${step} ${replica} ${replicas}`
    const known = this.#sumRoots.get(key)
    if (known) return known
    const sum = new Uint8Array(this.#trainer.sumBytes)
    this.#trainer.loadState(this.#states[step] as Uint8Array)
    this.#trainer.sum(step, replica, replicas)
    this.#trainer.readSum(sum)
    const root = listRoot(this.#trainer.sumPorts, sum)
    this.#sumRoots.set(key, root)
    return root
  }
}
