import { expect, test } from 'vitest'
import { toHex } from '#proto/bytes.ts'
import { sha256 } from '#proto/hash.ts'
import { laneTree, microBatchesOfLane } from '#proto/lanes.ts'
import {
  CELL_TRANSITIONS,
  type CellAction,
  type CellEvent,
  type CellPlan,
  type CellState,
  cellStep,
  IDLE_CELL,
  MAX_UNROOTED_SLOTS,
} from '#proto/machines/cell.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { type Schedule, slotCount, slotSteps, windowSteps } from '#proto/windows.ts'

const text = (value: string): Uint8Array => sha256(new TextEncoder().encode(value))
const INIT = text('init')

interface Job extends Schedule {
  readonly microBatches: number
  readonly lanes: number
}

/** Sum of the subtree of a replica, as an expression over micro-batch gradients of a state. */
function subtree(job: Job, state: Uint8Array, replica: number, replicas: number): string {
  const plan = laneTree(replica, job.microBatches, job.lanes, replicas)
  const values = new Map(
    plan.lanes.map((lane) => [
      lane,
      microBatchesOfLane(lane, job.microBatches, job.lanes)
        .map((m) => `g${m}@${toHex(state).slice(0, 6)}`)
        .reduce((a, b) => `(${a}+${b})`),
    ]),
  )
  for (const { into, from } of plan.adds) values.set(into, `(${values.get(into)}+${values.get(from)})`)
  return values.get(plan.result) as string
}

/** States before each step of a run on one machine. */
function honestStates(job: Job): Uint8Array[] {
  const states = [INIT]
  for (let step = 0; step < job.steps; step++) {
    const state = states[step] as Uint8Array
    states.push(text(`${toHex(state)} ${subtree(job, state, 0, 1)}`))
  }
  return states
}

/** A cell's process: performs actions at random times on symbolic sums. */
class Process {
  state: CellState = IDLE_CELL
  readonly tasks: (() => void)[] = []
  offers = new Map<string, string>()
  readonly inbox = new Map<string, string>()
  model: Uint8Array = INIT
  sum = ''
  /** Durable: end of the last signed slot in each epoch. */
  readonly signedTo = new Map<number, number>()
  readonly world: World
  readonly id: number

  constructor(world: World, id: number) {
    this.world = world
    this.id = id
  }

  get epoch(): number {
    return this.state.phase === 'idle' ? -1 : this.state.phase === 'stopped' ? this.state.epoch : this.state.plan.epoch
  }

  feed(event: CellEvent): void {
    const before = this.state.phase
    const { state, actions } = cellStep(this.world.job, this.state, event)
    if (state.phase !== before || actions.length > 0) this.world.seen.add(`${before} ${event.type} ${state.phase}`)
    this.state = state
    for (const action of actions) this.perform(action)
  }

  /** Local work happens at once in order; its report comes later, as does everything from the network. */
  private perform(action: CellAction): void {
    const { job, honest, random } = this.world
    const epoch = this.epoch
    switch (action.type) {
      case 'loadState': {
        this.offers.clear()
        this.inbox.clear()
        const model = honest[action.step] as Uint8Array
        this.later(() => {
          if (this.epoch === epoch) this.model = model
          this.feed({ type: 'stateLoaded', epoch, step: action.step, root: model })
        })
        break
      }
      case 'computeLocalSum':
        this.sum = subtree(job, this.model, action.replica, action.replicas)
        this.later(() => this.feed({ type: 'localSumReady', epoch, step: action.step }))
        break
      case 'offer':
        this.offers.set(`${action.step}/${action.level}`, this.sum)
        break
      case 'release':
        for (const key of this.offers.keys()) if (Number(key.split('/')[0]) <= action.step) this.offers.delete(key)
        break
      case 'request':
        this.later(() => this.ask(epoch, action))
        break
      case 'substitute': {
        const value = subtree(job, this.model, action.index, action.of)
        this.later(() => this.arrive(epoch, action.step, action.level, value))
        break
      }
      case 'combine': {
        const theirs = this.inbox.get(`${epoch}/${action.step}/${action.level}`) as string
        this.sum = action.lower ? `(${theirs}+${this.sum})` : `(${this.sum}+${theirs})`
        break
      }
      case 'applyUpdate':
        this.model = text(`${toHex(this.model)} ${this.sum}`)
        this.later(() => this.feed({ type: 'stepApplied', epoch, step: action.step }))
        break
      case 'commitState': {
        const [slot, rootAfter] = [action.slot, this.model]
        const roots = { rootAfter, lanesRoot: text(`lanes ${slot}`), metricsRoot: text(`metrics ${slot}`) }
        expect(++this.world.rooting[this.id]!).toBeLessThanOrEqual(MAX_UNROOTED_SLOTS)
        this.later(() => {
          if (this.epoch === epoch) this.world.rooting[this.id]!--
          this.feed({ type: 'slotRooted', epoch, slot, roots })
        })
        break
      }
      case 'signEntry':
        this.signedTo.set(action.epoch, action.stepTo)
        this.world.sign(action)
        break
    }
    if (random.bool(0.02)) this.later(() => this.feed({ type: 'retry' }))
  }

  private later(task: () => void): void {
    this.tasks.push(task)
  }

  private ask(epoch: number, request: CellAction & { type: 'request' }): void {
    const { random, cells } = this.world
    if (random.bool(0.15)) return
    const { step, level } = request
    const partner = cells[request.partner]
    const offer = partner?.epoch === epoch ? partner.offers.get(`${step}/${level}`) : undefined
    if (offer === undefined) {
      const ahead = partner?.epoch === epoch && 'step' in partner.state && partner.state.step > step
      expect(ahead && this.world.calm, 'an offer was released before its partner had it').toBe(false)
      if (ahead || (!this.world.calm && random.bool(0.05))) this.feed({ type: 'unavailable', epoch, step, level })
      return
    }
    for (let copies = random.bool(0.2) ? 2 : 1; copies > 0; copies--) {
      this.later(() => this.arrive(epoch, step, level, offer))
    }
  }

  private arrive(epoch: number, step: number, level: number, value: string): void {
    this.inbox.set(`${epoch}/${step}/${level}`, value)
    this.feed({ type: 'received', epoch, step, level })
  }

  /** Loses everything but what is durable, and starts again at some slot it has a checkpoint of. */
  crash(plan: CellPlan): void {
    this.state = IDLE_CELL
    this.tasks.length = 0
    this.world.rooting[this.id] = 0
    const signedTo = this.signedTo.get(plan.epoch) ?? 0
    const { job, honest, random } = this.world
    const slots = Math.floor(Math.max(signedTo - plan.fromStep, 0) / job.entrySteps)
    const fromStep = plan.fromStep + random.below(slots + 1) * job.entrySteps
    this.feed({ type: 'start', plan: { ...plan, fromStep, root: honest[fromStep] as Uint8Array, signedTo } })
  }
}

class World {
  readonly cells: Process[] = []
  readonly rooting: number[] = []
  readonly seen: Set<string>
  readonly honest: Uint8Array[]
  readonly signed = new Map<string, CellAction & { type: 'signEntry' }>()
  /** Messages are lost, but nobody crashes or gives a partner up. */
  readonly calm: boolean
  readonly job: Job
  readonly random: SeededRandom

  constructor(job: Job, random: SeededRandom, seen: Set<string>) {
    this.calm = random.bool(0.3)
    this.job = job
    this.random = random
    this.seen = seen
    this.honest = honestStates(job)
  }

  sign(entry: CellAction & { type: 'signEntry' }): void {
    const key = `${entry.epoch}/${entry.replica}/${entry.stepFrom}`
    expect(this.signed.has(key), `${key} is signed twice`).toBe(false)
    this.signed.set(key, entry)
    expect(entry.rootBefore).toEqual(this.honest[entry.stepFrom])
    expect(entry.rootAfter).toEqual(this.honest[entry.stepTo])
    expect(entry.window).toBe(Math.floor(entry.stepFrom / this.job.entrySteps / this.job.entriesPerWindow))
  }
}

function simulate(seed: number, seen: Set<string>): void {
  const random = seededRandom(seed)
  const lanes = 2 ** random.below(4)
  const job: Job = {
    steps: 1 + random.below(20),
    entrySteps: 1 + random.below(3),
    entriesPerWindow: 1 + random.below(3),
    microBatches: lanes + random.below(4),
    lanes,
  }
  const world = new World(job, random, seen)
  const epochs = 1 + random.below(3)
  let fromStep = 0
  for (let epoch = 0; epoch < epochs; epoch++) {
    const replicas = 2 ** random.below(Math.log2(lanes) + 1)
    const firstWindow = Math.floor(fromStep / job.entrySteps / job.entriesPerWindow)
    let maxStep = windowSteps(job, firstWindow).to
    const root = fromStep === 0 ? null : (world.honest[fromStep] as Uint8Array)
    const plan = (replica: number): CellPlan => ({ epoch, replica, replicas, fromStep, root, signedTo: 0, maxStep })
    while (world.cells.length < replicas) world.cells.push(new Process(world, world.cells.length))
    for (const [r, cell] of world.cells.entries()) {
      world.rooting[r] = 0
      if (r < replicas) cell.feed({ type: 'start', plan: plan(r) })
      else cell.feed({ type: 'stop' })
    }
    const last = epoch === epochs - 1
    const active = world.cells.slice(0, replicas)
    for (let tick = 0; !active.every((cell) => cell.state.phase === 'finished'); tick++) {
      expect(tick, `seed ${seed} does not end`).toBeLessThan(200_000)
      const cell = random.pick(active)
      if (!world.calm && random.bool(0.002)) cell.crash({ ...plan(world.cells.indexOf(cell)), maxStep })
      else if (cell.tasks.length > 0) cell.tasks.splice(random.below(cell.tasks.length), 1)[0]?.()
      else if (random.bool(0.3)) cell.feed({ type: 'retry' })
      if (random.bool(0.05) && maxStep < job.steps) {
        maxStep = windowSteps(job, Math.floor(maxStep / job.entrySteps / job.entriesPerWindow)).to
        for (const one of active) one.feed({ type: 'windowOpened', maxStep })
      }
      if (!last && random.bool(0.003)) break
    }
    if (last) {
      for (let slot = Math.ceil(fromStep / job.entrySteps); slot < slotCount(job); slot++) {
        for (let r = 0; r < replicas; r++) {
          expect(world.signed.has(`${epoch}/${r}/${slotSteps(job, slot).from}`), `seed ${seed} slot ${slot}`).toBe(true)
        }
      }
    } else {
      const windows = Math.ceil(slotCount(job) / job.entriesPerWindow)
      fromStep = windowSteps(job, random.below(windows)).from
    }
  }
}

test('cells over a lossy network, with crashes and rollbacks, sign the states of one machine, each range once', () => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= 250; seed++) simulate(seed, seen)
  const table = new Set(
    CELL_TRANSITIONS.flatMap(({ from, event, to }) => from.flatMap((a) => to.map((b) => `${a} ${event} ${b}`))),
  )
  expect([...seen].filter((transition) => !table.has(transition))).toEqual([])
  for (const { from, event } of CELL_TRANSITIONS) {
    const some = [...seen].some((t) => from.some((phase) => t.startsWith(`${phase} ${event} `)))
    expect(some, `${from.join('|')} ${event} was never simulated`).toBe(true)
  }
})
