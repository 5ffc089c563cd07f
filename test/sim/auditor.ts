/** Audits as runtime/auditor.ts does, with one engine for all processes and one memory of what was replayed. */
import { toHex } from '#proto/bytes.ts'
import type { DrawnActivation } from '#proto/draw.ts'
import { fail } from '#proto/errors.ts'
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import type { Audit } from '#runtime/auditor.ts'
import { type Replayed, replay } from '#runtime/compute/replay.ts'
import { type Evidence, isEvidence, judge } from '#runtime/judge.ts'
import type { Trainer } from '#runtime/trainer.ts'

/** What solvers serve at the moment. */
export interface Served {
  state(root: Uint8Array): Uint8Array | undefined
  evidence(entryHash: string): Evidence | undefined
}

export class SimAuditor {
  readonly #trainer: Trainer
  readonly #served: Served
  readonly #replays = new Map<string, Replayed>()

  constructor(trainer: Trainer, served: Served) {
    this.#trainer = trainer
    this.#served = served
  }

  /** Nodes of the graph that activations are drawn from. */
  get nodes(): number {
    return this.#trainer.program.micro.nodes.length
  }

  /** @throws AssayError `unavailable` when nobody serves the state before the entry */
  audit(window: Pick<WindowView, 'entries'>, index: number, drawn?: DrawnActivation): Audit {
    const { entry } = window.entries[index] as EntryView
    const slot = window.entries.filter((other) => other.entry.stepFrom === entry.stepFrom)
    const replayed = this.#replay(entry.stepFrom, entry.stepTo, entry.rootBefore, slot.length, drawn)
    const shown = slot.flatMap((view): Evidence[] => {
      const evidence = this.#served.evidence(view.entryHash)
      return evidence && isEvidence(view.entry, slot.length, evidence) ? [evidence] : []
    })
    const judgement = judge(replayed, entry, slot.length, shown[0])
    const [activation] = replayed.activations
    if (judgement.accept) return { judgement, activation }
    const against = window.entries.indexOf(slot[judgement.against] as EntryView)
    return { judgement: { accept: false, against }, activation }
  }

  #replay(stepFrom: number, stepTo: number, root: Uint8Array, replicas: number, drawn?: DrawnActivation): Replayed {
    const key = `${toHex(root)} ${stepFrom} ${replicas} ${drawn?.microBatch} ${drawn?.node}`
    const known = this.#replays.get(key)
    if (known) return known
    if (stepFrom === 0) this.#trainer.init()
    else this.#trainer.loadState(this.#served.state(root) ?? fail('unavailable', 'nobody serves the state'))
    const inputs = this.#trainer.program.micro.inputs.length
    const activations = drawn ? [{ microBatch: drawn.microBatch, node: inputs + drawn.node }] : []
    const replayed = replay(this.#trainer, { stepFrom, stepTo, replicas, activations })
    this.#replays.set(key, replayed)
    return replayed
  }
}
