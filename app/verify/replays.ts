/** Replays: the drawn slots, or all of them, computed again on the exact engine and compared root by root. */
import { readFile } from 'node:fs/promises'
import type { ExactEngineName } from '#engine/conformance/exact.ts'
import type { Program } from '#graph/types.ts'
import { bytesEqual, fromHex, to0x, toHex } from '#proto/bytes.ts'
import { drawActivation, replayDigest } from '#proto/draw.ts'
import type { EntryView, WindowView } from '#proto/machines/job-view.ts'
import { hashTree } from '#proto/merkle.ts'
import type { Replayed } from '#runtime/compute/replay.ts'
import type { ComputeMethods } from '#runtime/compute/worker.ts'
import { judge, lanesRoot } from '#runtime/judge.ts'
import { Calls, sharedBytes } from '#runtime/rpc.ts'
import type { KeptEvidence, OpenedSpec, SoundStates } from './blobs.ts'
import { entryPlace } from './entries.ts'
import { Findings, type Outcome } from './finding.ts'
import type { History } from './history.ts'

export interface ReplayOptions {
  /** Every slot of every final window, from the init state on; else the drawn ones alone. */
  readonly all: boolean
  readonly engine: ExactEngineName
  readonly threads: number
  readonly signal: AbortSignal
  /** Told of each step that was computed. */
  readonly onStep: (done: number, total: number) => void
}

interface Material {
  readonly opened: OpenedSpec
  readonly program: Program
  readonly data: Uint8Array
  readonly states: SoundStates
  readonly evidence: KeptEvidence
}

/** The entries of one slot in one window: what is replayed at a time. */
interface Slot {
  readonly window: WindowView
  readonly from: number
  readonly to: number
  readonly entries: readonly { readonly index: number; readonly view: EntryView }[]
}

/** Slots of a window in order. */
function slotsOf(window: WindowView): Slot[] {
  const slots = new Map<number, { index: number; view: EntryView }[]>()
  for (const [index, view] of window.entries.entries()) {
    const slot = slots.get(view.entry.stepFrom) ?? []
    slot.push({ index, view })
    slots.set(view.entry.stepFrom, slot)
  }
  return [...slots].map(([from, entries]) => ({ window, from, to: entries[0]?.view.entry.stepTo ?? from, entries }))
}

/** The state root that a slot starts from. */
function before({ entries }: Slot): string {
  return toHex(entries[0]?.view.entry.rootBefore ?? new Uint8Array())
}

const isDrawn = ({ entries }: Slot): boolean => entries.some(({ view }) => view.sampled)

/**
 * What was sampled, or everything, computed again: state roots, sums and metrics of each entry, the proof of replay in
 * each verdict, and that every verdict says what the replay says.
 * Why: the only check that does not rest on anybody's word.
 */
export async function checkReplays(history: History, material: Material, options: ReplayOptions): Promise<Outcome> {
  const compute = new Calls<ComputeMethods>(new URL('../../runtime/compute/worker.ts', import.meta.url))
  const stop = (): void => void compute.close()
  options.signal.addEventListener('abort', stop, { once: true })
  try {
    const { opened, data } = material
    const { engine, threads } = options
    const { stateBytes } = await compute.call('open', { job: opened.bytes, data, engine, threads })
    return await new Replays(compute, stateBytes, history, material, options).run()
  } finally {
    options.signal.removeEventListener('abort', stop)
    await compute.close()
  }
}

class Replays {
  readonly #compute: Calls<ComputeMethods>
  readonly #shared: Uint8Array
  readonly #material: Material
  readonly #options: ReplayOptions
  readonly #findings = new Findings()
  readonly #notes: string[] = []
  readonly #wanted: Slot[]
  /** Slots of final windows by their first step: the way along which a state can be computed from an earlier one. */
  readonly #path: ReadonlyMap<number, Slot>
  /** Step and root of the state in the engine; undefined where it is not one of the chain. */
  #at: { step: number; root: string } | undefined
  #steps = 0
  #total = 0
  #entries = 0
  #proofs = 0
  #computed = 0

  constructor(
    compute: Calls<ComputeMethods>,
    stateBytes: number,
    history: History,
    material: Material,
    options: ReplayOptions,
  ) {
    this.#compute = compute
    this.#shared = sharedBytes(stateBytes)
    this.#material = material
    this.#options = options
    const final = history.windows.filter(({ status }) => status === 'final').sort((a, b) => a.window - b.window)
    const path = final.flatMap(slotsOf)
    this.#path = new Map(path.map((slot) => [slot.from, slot]))
    const others = history.windows
      .filter(({ status }) => status !== 'final')
      .flatMap(slotsOf)
      .filter(isDrawn)
    this.#wanted = [...(options.all ? path : path.filter(isDrawn)), ...others]
    this.#total = this.#wanted.reduce((sum, { from, to }) => sum + to - from, 0)
  }

  async run(): Promise<Outcome> {
    await this.#init()
    for (const slot of this.#wanted) {
      this.#options.signal.throwIfAborted()
      if (await this.#reach(slot)) await this.#replay(slot)
    }
    const extra = this.#computed > 0 ? ` and ${this.#computed} steps between them` : ''
    const seen = `${this.#entries} entries (${this.#steps} steps${extra}) and ${this.#proofs} proofs of replay computed again`
    return this.#findings.outcome(seen, this.#notes)
  }

  /** The state before step 0 is the init graph's, not whatever the first entry claims. */
  async #init(): Promise<void> {
    const root = await this.#start()
    const first = this.#path.get(0)
    if (first) this.#findings.same(`${entryPlace(first.window, 0)}`, 'the root of the init state', before(first), root)
  }

  /** Brings the engine to the init state; returns its root. */
  async #start(): Promise<string> {
    const root = toHex(await this.#compute.call('init', this.#shared))
    this.#at = { step: 0, root }
    return root
  }

  /** Brings the engine to the state before a slot; false (and a note) if no state leads there. */
  async #reach(slot: Slot): Promise<boolean> {
    const root = before(slot)
    if (this.#at?.step === slot.from && this.#at.root === root) return true
    if (await this.#load(slot.from, root)) return true
    if (slot.from === 0 && (await this.#start()) === root) return true
    // Along the final windows, from the nearest state that is kept or the init state.
    const onPath = this.#path.get(slot.from)
    if (onPath && before(onPath) === root) {
      const started = await this.#nearest(slot.from)
      this.#notes.push(`no sound checkpoint of step ${slot.from}: computed from step ${started}`)
      await this.#advance(slot.from)
      if (this.#at?.root === root) return true
      this.#findings.add(
        entryPlace(slot.window, slot.entries[0]?.index ?? 0),
        `training from step ${started} leads to state root ${this.#at?.root}, not ${root}`,
      )
      return false
    }
    this.#notes.push(
      `window ${slot.window.window} of epoch ${slot.window.epoch}, steps ${slot.from} to ${slot.to - 1}, was voided and no folder keeps the state before it: not replayed`,
    )
    return false
  }

  async #load(step: number, root: string): Promise<boolean> {
    const file = this.#material.states.get(root)
    if (file === undefined) return false
    this.#shared.set(await readFile(file))
    await this.#compute.call('load', this.#shared)
    this.#at = { step, root }
    return true
  }

  /** Brings the engine to the last state before `step` that is at hand; returns its step. */
  async #nearest(step: number): Promise<number> {
    const here = this.#isOnPath(step) ? (this.#at?.step ?? -1) : -1
    for (const slot of [...this.#path.values()].filter(({ from }) => from < step && from > here).reverse())
      if (await this.#load(slot.from, before(slot))) return slot.from
    if (here >= 0) return here
    await this.#start()
    return 0
  }

  /** Whether the engine holds a state of the final windows, at `step` or before. */
  #isOnPath(step: number): boolean {
    if (this.#at === undefined || this.#at.step > step) return false
    const slot = this.#path.get(this.#at.step)
    return slot !== undefined && before(slot) === this.#at.root
  }

  async #advance(to: number): Promise<void> {
    while (this.#at && this.#at.step < to) {
      this.#options.signal.throwIfAborted()
      const slot = this.#path.get(this.#at.step)
      const stepTo = slot?.to ?? to
      const replayed = await this.#compute.call('replay', { stepFrom: this.#at.step, stepTo, replicas: 1 })
      this.#computed += stepTo - this.#at.step
      this.#at = { step: stepTo, root: toHex(replayed.rootAfter) }
    }
  }

  async #replay(slot: Slot): Promise<void> {
    const { program, opened } = this.#material
    const { window, from, to, entries } = slot
    const replicas = entries.length
    const drawn = entries.filter(({ view }) => view.sampled && view.verdicts.length > 0)
    const activations = drawn.map(({ view }) => {
      const { microBatches } = opened.spec
      const seed = fromHex(window.seed ?? '', 32)
      const { microBatch, node } = drawActivation(
        seed,
        fromHex(view.entryHash, 32),
        microBatches,
        program.micro.nodes.length,
      )
      return { microBatch, node: program.micro.inputs.length + node }
    })
    const replayed = await this.#compute.call('replay', { stepFrom: from, stepTo: to, replicas, activations })
    this.#steps += to - from
    this.#at = { step: to, root: toHex(replayed.rootAfter) }
    this.#options.onStep(this.#steps, this.#total)
    const shown = entries.flatMap(({ view }) => this.#material.evidence.get(view.entryHash) ?? [])
    for (const { index, view } of entries) {
      this.#entries++
      const judgement = judge(replayed, view.entry, replicas, shown[0])
      const accused = judgement.accept ? index : (entries[judgement.against]?.index ?? index)
      this.#compare(slot, index, view, replayed, judgement.accept)
      this.#verdicts(slot, index, view, judgement.accept, shown.length > 0 ? accused : undefined)
    }
    for (const [i, entry] of drawn.entries()) this.#proof(slot, entry, replayed.activations[i] as Uint8Array)
  }

  /** A claim of a final window holds in every root; a wrong one of a voided window is what it was voided for. */
  #compare(slot: Slot, index: number, { entry }: EntryView, replayed: Replayed, accept: boolean): void {
    if (accept || slot.window.status !== 'final') return
    const place = entryPlace(slot.window, index)
    const roots: [string, Uint8Array, Uint8Array][] = [
      ['state root before it', entry.rootBefore, replayed.rootBefore],
      ['state root after it', entry.rootAfter, replayed.rootAfter],
      ['root of its sums', entry.lanesRoot, lanesRoot(replayed.sumRoots)],
      ['root of its metrics', entry.metricsRoot, hashTree([...replayed.metricRoots])],
    ]
    for (const [what, claimed, computed] of roots)
      if (!bytesEqual(claimed, computed)) this.#findings.same(place, `the ${what}`, to0x(claimed), to0x(computed))
  }

  /** @param accused whom a verdict that rejects has to name; undefined where no evidence is kept that tells */
  #verdicts({ window }: Slot, index: number, view: EntryView, accept: boolean, accused: number | undefined): void {
    for (const verdict of view.verdicts) {
      const place = `${entryPlace(window, index)}, verdict of ${verdict.verifier}`
      if (verdict.status === 'accepted')
        this.#findings.expect(accept, place, () => 'it accepts what the replay refutes')
      if (verdict.status === 'rejected') {
        this.#findings.expect(!accept, place, () => 'it rejects what the replay confirms')
        // Who was shown no evidence names the entry that it was drawn for.
        if (!accept && accused !== undefined && verdict.against !== index)
          this.#findings.same(place, 'the entry it accuses', verdict.against, accused)
      }
    }
  }

  /** The proof of replay of each verdict on an entry: a value deep inside the last step that only a replay yields. */
  #proof(slot: Slot, { index, view }: { index: number; view: EntryView }, activation: Uint8Array): void {
    const seed = fromHex(slot.window.seed ?? '', 32)
    for (const verdict of view.verdicts) {
      if (verdict.status !== 'accepted' && verdict.status !== 'rejected') continue
      this.#proofs++
      const due = to0x(replayDigest(fromHex(verdict.verifier, 20), seed, activation))
      this.#findings.same(
        `${entryPlace(slot.window, index)}, verdict of ${verdict.verifier}`,
        'its proof of replay',
        verdict.digest,
        due,
      )
    }
  }
}
