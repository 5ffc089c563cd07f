/** Results of an entry's phases, computed again when they are asked for: what goes into a phase and what comes out. */
import type { Graph, Program } from '#graph/types.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { type Item, itemAt, itemsOf, type Schedule, sumItem, sumLeaf } from '#pinpoint/schedule.ts'
import type { Facts } from '#pinpoint/types.ts'
import type { Entry } from '#proto/entry.ts'
import { check, fail } from '#proto/errors.ts'
import { type Hash, seedWords } from '#proto/ids.ts'
import type { JobSpec } from '#proto/job.ts'
import { joinerOf } from '#proto/lanes.ts'
import type { Dataset } from '#runtime/dataset.ts'
import { type RecordOrder, recordOrder } from '#runtime/order.ts'
import { sliceList } from '#runtime/tensors.ts'
import { Cache } from './cache.ts'
import type { PhaseRunner, Words } from './runner.ts'

/** An entry and what its phases depend on. */
export interface EntrySource {
  readonly spec: JobSpec
  readonly program: Program
  readonly data: Dataset
  readonly entry: Pick<Entry, 'replica' | 'stepFrom' | 'stepTo'>
  /** Replicas of the entry's plan epoch. */
  readonly replicas: number
  /** The state before the entry, end to end; not needed if `stepFrom` is 0. */
  readonly before?: Uint8Array
  /**
   * A sum of a step that another replica sent, end to end, if it is at hand. Where it is not, the lanes behind it are replayed,
   * which gives the same unless somebody lied.
   */
  readonly received?: (step: number, sum: number) => Uint8Array | undefined
  /** Roots of all sums under `lanesRoot`, if somebody has shown them: of those that are no items of the entry. */
  readonly sumRoots?: readonly Hash[]
}

/** The phases of one entry. Everything is a function of the source; what is kept only saves time. */
export class Results {
  readonly facts: Facts
  readonly schedule: Schedule
  readonly #source: EntrySource
  readonly #runner: PhaseRunner
  readonly #order: RecordOrder
  /** States before steps, by the step's number in the entry. */
  readonly #states: Cache<readonly Words[]>
  /** Schedules of other replicas, whose phases stand behind what this one receives. */
  readonly #partners = new Map<number, Schedule>()

  /**
   * @param limit bytes of states that are kept
   * @throws bad-input without a state before an entry that does not begin with step 0; bad-data for one of a wrong length
   */
  constructor(source: EntrySource, runner: PhaseRunner, limit: number) {
    const { spec, program, entry, replicas } = source
    check(entry.stepFrom === 0 || source.before !== undefined, 'bad-input', 'the state before the entry is missing')
    this.#source = source
    this.#runner = runner
    this.#order = recordOrder(spec.seed, spec.data.trainRecords)
    this.#states = new Cache(limit)
    this.facts = factsOf(spec, program)
    this.schedule = itemsOf(this.facts, entry, replicas)
    if (entry.stepFrom > 0) this.#keep(0, tensors(program.state, source.before as Uint8Array))
  }

  get program(): Program {
    return this.#source.program
  }

  /** Computes all items once, calling `visit` with the tensors of each result, in no particular order. */
  all(visit: (item: number, result: readonly Words[]) => void): void {
    const { schedule } = this
    if (schedule.first === 1) {
      const state = this.#compute(schedule, 0)
      visit(0, state)
      this.#keep(0, state)
    }
    for (let leaf = 0; leaf < schedule.steps; leaf++) {
      const update = schedule.first + (leaf + 1) * schedule.step.length - 1
      const state = this.#compute(schedule, update, visit)
      this.#keep(leaf + 1, state)
    }
  }

  /** Roots of all sums under `lanesRoot` that somebody has shown. */
  get sumRoots(): readonly Hash[] | undefined {
    return this.#source.sumRoots
  }

  /** Inputs of an item's graph, in the order of its ports. @throws bad-input for an inbound sum, which has no graph */
  inputs(index: number): Words[] {
    return this.#inputs(this.schedule, itemAt(this.schedule, index))
  }

  /** Tensors of an item. @throws bad-input if there is none */
  result(index: number): Words[] {
    return this.#compute(this.schedule, index)
  }

  #inputs(schedule: Schedule, item: Item, visit?: (item: number, result: readonly Words[]) => void): Words[] {
    const sum = (index: number): readonly Words[] => this.#compute(schedule, index, visit)
    switch (item.kind) {
      case 'init':
        return [this.#seed('init')]
      case 'micro': {
        const { position, records } = this.#records(item.step, item.microBatch)
        return [...this.#state(item.step), this.#seed('dropout'), Uint32Array.of(item.step), position, records]
      }
      case 'add':
        return [...sum(item.left), ...sum(item.right)]
      case 'update': {
        const total = sum(item.total)
        return [...this.#state(item.step), Uint32Array.of(item.step), ...total]
      }
      case 'inbound':
        return fail('bad-input', 'an inbound sum is the result of no graph')
    }
  }

  /** The result of an item. Each is an operand of one other, so depth first holds few at a time. */
  #compute(schedule: Schedule, index: number, visit?: (item: number, result: readonly Words[]) => void): Words[] {
    const item = itemAt(schedule, index)
    const own = schedule === this.schedule ? index : undefined
    const result = item.kind === 'inbound' ? this.#inbound(schedule, item) : this.#run(schedule, item, own, visit)
    visit?.(index, result)
    return result
  }

  #run(
    schedule: Schedule,
    item: Item,
    own: number | undefined,
    visit?: (item: number, result: readonly Words[]) => void,
  ): Words[] {
    const { program } = this.#source
    const inputs = this.#inputs(schedule, item, visit)
    const run = (graph: Graph): Words[] => this.#runner.run(graph, inputs, own)
    switch (item.kind) {
      case 'init':
        return run(program.init)
      case 'micro':
        return run(program.micro)
      case 'add':
        return run(program.combine)
      default:
        return run(program.update).slice(0, program.state.length)
    }
  }

  /** Tensors of a sum of a step that is no item of the entry, or that it only receives. */
  sum(leaf: number): Words[] {
    const { entry, replicas } = this.#source
    const replica = joinerOf(leaf % this.schedule.sums, entry.replica, replicas)
    let schedule = this.#partners.get(replica)
    if (schedule === undefined) {
      schedule = itemsOf(this.facts, { ...entry, replica }, replicas)
      this.#partners.set(replica, schedule)
    }
    return this.#compute(schedule, sumItem(schedule, leaf) as number)
  }

  #inbound(schedule: Schedule, item: Extract<Item, { kind: 'inbound' }>): Words[] {
    const { program, received } = this.#source
    const bytes = schedule === this.schedule ? received?.(item.step, item.sum) : undefined
    if (bytes !== undefined) return tensors([...program.gradients, ...program.metrics], bytes)
    return this.sum(sumLeaf(schedule, item))
  }

  #state(step: number): readonly Words[] {
    const wanted = step - this.schedule.stepFrom
    let at = wanted
    let state = this.#states.get(`${at}`)
    while (state === undefined && at > 0) state = this.#states.get(`${--at}`)
    state ??= this.#restart()
    for (; at < wanted; at++) {
      this.#keep(at, state)
      state = this.#compute(this.schedule, this.schedule.first + (at + 1) * this.schedule.step.length - 1)
    }
    this.#keep(at, state)
    return state
  }

  #restart(): readonly Words[] {
    const { before, program } = this.#source
    return this.schedule.first === 1 ? this.#compute(this.schedule, 0) : tensors(program.state, before as Uint8Array)
  }

  #keep(leaf: number, state: readonly Words[]): void {
    this.#states.put(
      `${leaf}`,
      state,
      state.reduce((sum, words) => sum + words.byteLength, 0),
    )
  }

  #seed(use: 'init' | 'dropout'): Words {
    return Uint32Array.from(seedWords(this.#source.spec.seed, use))
  }

  #records(step: number, microBatch: number): { position: Words; records: Words } {
    const { spec, data } = this.#source
    const count = spec.batch / spec.microBatches
    const length = spec.data.recordLength
    const first = step * spec.batch + microBatch * count
    const position = Uint32Array.from({ length: count }, (_, i) => first + i)
    const records = new Uint32Array(count * length)
    for (const [i, at] of position.entries()) data.record(this.#order(at), records, i * length)
    return { position, records }
  }
}

/** The tensors of a list that lies end to end. */
function tensors(ports: Program['state'], bytes: Uint8Array): Words[] {
  return sliceList(ports, bytes).map(({ bytes: tensor }) => new Uint32Array(tensor.slice().buffer))
}
