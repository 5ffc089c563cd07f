/**
 * One solver cell of a `sync` job as a pure machine: (state, event) -> (state, actions). It knows neither time nor
 * network; a process or a simulation performs the actions, in order, and reports what came of them
 * (docs/spec/protocol.md, "Cell").
 *
 * In each step the cell sums its own lanes, exchanges partial sums with one partner a level (recursive doubling), applies
 * the optimizer, and at the end of a slot has the state hashed and signs an entry. It signs each slot once an epoch.
 */
import { bytesEqual } from '#proto/bytes.ts'
import { check, fail } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import { exchangesOf, isPowerOfTwo } from '#proto/lanes.ts'
import { type Schedule, slotCount, slotOfStep, slotSteps, windowOfSlot } from '#proto/windows.ts'

/** Slots whose roots may be outstanding while training goes on: each holds a copy of the state. */
export const MAX_UNROOTED_SLOTS = 2

/** A cell's place in a plan epoch, and where its training starts. */
export interface CellPlan {
  readonly epoch: number
  readonly replica: number
  readonly replicas: number
  /** First step to train; the start of a slot. */
  readonly fromStep: number
  /** State root before `fromStep`; null for the init state where the chain does not know its root. */
  readonly root: Hash | null
  /** Steps below this are already covered by entries that this solver signed in this epoch (before a restart). */
  readonly signedTo: number
  /** Steps below this may be trained: the end of the last open window. */
  readonly maxStep: number
}

/** What a finished slot hashes to. */
export interface SlotRoots {
  readonly rootAfter: Hash
  readonly lanesRoot: Hash
  readonly metricsRoot: Hash
}

/**
 * Everything but `start`, `windowOpened`, `stop` names the epoch it belongs to; an event of another epoch is ignored, so
 * what was under way before a rollback cannot disturb what follows.
 */
export type CellEvent =
  /** The chain assigned this cell: from idle or stopped the first time, later with a greater epoch (a rollback). */
  | { readonly type: 'start'; readonly plan: CellPlan }
  /** `loadState` succeeded. */
  | { readonly type: 'stateLoaded'; readonly epoch: number; readonly step: number; readonly root: Hash }
  /** `computeLocalSum` ended: the sum is the current partial sum. */
  | { readonly type: 'localSumReady'; readonly epoch: number; readonly step: number }
  /** The partner's partial sum of this level is at hand; may come late, twice or unasked. */
  | { readonly type: 'received'; readonly epoch: number; readonly step: number; readonly level: number }
  /** The partner cannot or does not serve its partial sum: the cell computes it itself. */
  | { readonly type: 'unavailable'; readonly epoch: number; readonly step: number; readonly level: number }
  /** `applyUpdate` ended. */
  | { readonly type: 'stepApplied'; readonly epoch: number; readonly step: number }
  /** `commitState` ended; slots may be rooted in any order. */
  | { readonly type: 'slotRooted'; readonly epoch: number; readonly slot: number; readonly roots: SlotRoots }
  /** Steps below `maxStep` may be trained. Never takes steps back. */
  | { readonly type: 'windowOpened'; readonly maxStep: number }
  /** Time to ask again for what may have been lost. */
  | { readonly type: 'retry' }
  | { readonly type: 'stop' }

/** To be performed in order. */
export type CellAction =
  /**
   * Bring the state before `step` to the engine (from a checkpoint, a peer or the init graph), however long it takes, then
   * `stateLoaded`. Offers and sums of older plans are void.
   */
  | { readonly type: 'loadState'; readonly step: number; readonly root: Hash | null }
  /** Compute the replica's own subtree sum, then `localSumReady`. */
  | { readonly type: 'computeLocalSum'; readonly step: number; readonly replica: number; readonly replicas: number }
  /** Keep a copy of the current partial sum for the partner of this level. */
  | { readonly type: 'offer'; readonly step: number; readonly level: number; readonly partner: number }
  /** Offers of steps up to `step` are fetched by all and can go. */
  | { readonly type: 'release'; readonly step: number }
  /** Fetch the partner's partial sum, then `received` or `unavailable`. */
  | { readonly type: 'request'; readonly step: number; readonly level: number; readonly partner: number }
  /** Compute the partner's partial sum: the subtree of replica `index` of `of` replicas; then `received`. */
  | {
      readonly type: 'substitute'
      readonly step: number
      readonly level: number
      readonly index: number
      readonly of: number
    }
  /** Add the partner's partial sum to the current one; `lower`: the partner's is the left operand. */
  | { readonly type: 'combine'; readonly step: number; readonly level: number; readonly lower: boolean }
  /** Apply the optimizer to the whole sum, then `stepApplied`. */
  | { readonly type: 'applyUpdate'; readonly step: number }
  /** Copy the state after the slot, hash it and the slot's sums and metrics, then `slotRooted`. Training goes on. */
  | { readonly type: 'commitState'; readonly slot: number; readonly step: number }
  | {
      readonly type: 'signEntry'
      readonly epoch: number
      readonly replica: number
      readonly window: number
      readonly stepFrom: number
      readonly stepTo: number
      readonly rootBefore: Hash
      readonly rootAfter: Hash
      readonly lanesRoot: Hash
      readonly metricsRoot: Hash
    }

/** What every phase between `start` and `stop` carries. */
interface Training {
  readonly plan: CellPlan
  /** The step that is next or under way. */
  readonly step: number
  readonly maxStep: number
  /** The first slot whose entry is not decided yet, and the state root before it. */
  readonly slot: number
  readonly rootBefore: Hash
  /** Roots of later slots that came before their turn. */
  readonly early: ReadonlyMap<number, SlotRoots>
}

export type CellState =
  | { readonly phase: 'idle' }
  | { readonly phase: 'loading'; readonly plan: CellPlan; readonly maxStep: number }
  /** The next step's window is not open, or too many slots are being hashed. */
  | ({ readonly phase: 'waiting' } & Training)
  | ({ readonly phase: 'summing' } & Training)
  /** At exchange number `exchange`; `substituting` once the partner is given up for this level. */
  | ({ readonly phase: 'exchanging'; readonly exchange: number; readonly substituting: boolean } & Training)
  | ({ readonly phase: 'updating' } & Training)
  /** Every step is trained and every entry signed. */
  | ({ readonly phase: 'finished' } & Training)
  | { readonly phase: 'stopped'; readonly epoch: number }

export interface CellResult {
  readonly state: CellState
  readonly actions: readonly CellAction[]
}

export const IDLE_CELL: CellState = { phase: 'idle' }

/** Transitions, for documentation and tests. An event without a row keeps the phase and causes no action, or throws. */
export const CELL_TRANSITIONS: readonly {
  readonly from: readonly CellState['phase'][]
  readonly event: CellEvent['type']
  readonly to: readonly CellState['phase'][]
  readonly actions: string
}[] = [
  {
    from: ['idle', 'loading', 'waiting', 'summing', 'exchanging', 'updating', 'finished', 'stopped'],
    event: 'start',
    to: ['loading'],
    actions: 'loadState',
  },
  { from: ['loading'], event: 'stateLoaded', to: ['summing', 'waiting', 'finished'], actions: 'computeLocalSum' },
  {
    from: ['summing'],
    event: 'localSumReady',
    to: ['exchanging', 'updating'],
    actions: 'offer, request; with one replica applyUpdate',
  },
  {
    from: ['exchanging'],
    event: 'received',
    to: ['exchanging', 'updating'],
    actions: 'combine, then offer, request of the next level; after the last one release, applyUpdate',
  },
  { from: ['exchanging'], event: 'unavailable', to: ['exchanging'], actions: 'substitute' },
  { from: ['exchanging'], event: 'retry', to: ['exchanging'], actions: 'request' },
  {
    from: ['updating'],
    event: 'stepApplied',
    to: ['summing', 'waiting'],
    actions: 'commitState after the last step of a slot; computeLocalSum',
  },
  {
    from: ['waiting', 'summing', 'exchanging', 'updating'],
    event: 'slotRooted',
    to: ['waiting', 'summing', 'exchanging', 'updating', 'finished'],
    actions: 'signEntry for each slot whose turn it is; computeLocalSum if that was awaited',
  },
  { from: ['waiting'], event: 'windowOpened', to: ['summing', 'waiting'], actions: 'computeLocalSum' },
  {
    from: ['idle', 'loading', 'waiting', 'summing', 'exchanging', 'updating', 'finished'],
    event: 'stop',
    to: ['stopped'],
    actions: '',
  },
]

/**
 * Applies one event. Late, repeated or foreign network events leave the state as it is.
 *
 * Throws `wrong-state` for a local report that does not fit, `stale` for a plan that is not newer, `bad-plan` for an
 * impossible one, `bad-state` when the loaded state has another root than the plan names.
 */
export function cellStep(job: Schedule, state: CellState, event: CellEvent): CellResult {
  switch (event.type) {
    case 'start':
      return start(job, state, event.plan)
    case 'stop':
      return none({ phase: 'stopped', epoch: epochOf(state) })
    case 'windowOpened':
      return windowOpened(job, state, event.maxStep)
    case 'retry':
      return { state, actions: pending(state) }
    case 'stateLoaded':
      return event.epoch === epochOf(state) ? stateLoaded(job, state, event) : none(state)
    case 'slotRooted':
      return event.epoch === epochOf(state) ? slotRooted(job, state, event.slot, event.roots) : none(state)
    case 'received':
    case 'unavailable':
      return event.epoch === epochOf(state) ? exchanged(state, event) : none(state)
    case 'localSumReady':
    case 'stepApplied':
      return event.epoch === epochOf(state) ? computed(job, state, event) : none(state)
  }
}

/** The request whose answer the cell waits for: what `retry` repeats. Local actions are performed once and do end. */
export function pending(state: CellState): readonly CellAction[] {
  if (state.phase === 'exchanging' && !state.substituting) return [request(state)]
  return []
}

function none(state: CellState): CellResult {
  return { state, actions: [] }
}

/** The current plan epoch, or the last one; -1 before any. */
function epochOf(state: CellState): number {
  if (state.phase === 'idle') return -1
  return state.phase === 'stopped' ? state.epoch : state.plan.epoch
}

function start(job: Schedule, state: CellState, plan: CellPlan): CellResult {
  const message = `plan epoch ${plan.epoch} is not after ${epochOf(state)}`
  check(plan.epoch > epochOf(state) || state.phase === 'stopped', 'stale', message, { consequence: 'ignore' })
  check(plan.epoch >= epochOf(state), 'stale', message, { consequence: 'ignore' })
  check(isPowerOfTwo(plan.replicas), 'bad-plan', `${plan.replicas} replicas are no power of two`)
  check(plan.replica >= 0 && plan.replica < plan.replicas, 'bad-plan', `there is no replica ${plan.replica}`)
  const boundary = plan.fromStep % job.entrySteps === 0 || plan.fromStep === job.steps
  check(
    plan.fromStep >= 0 && plan.fromStep <= job.steps && boundary,
    'bad-plan',
    `step ${plan.fromStep} starts no slot`,
  )
  return {
    state: { phase: 'loading', plan, maxStep: plan.maxStep },
    actions: [{ type: 'loadState', step: plan.fromStep, root: plan.root }],
  }
}

function stateLoaded(job: Schedule, state: CellState, event: CellEvent & { type: 'stateLoaded' }): CellResult {
  if (state.phase !== 'loading' || event.step !== state.plan.fromStep) return none(state)
  const { plan, maxStep } = state
  const expected = plan.root === null || bytesEqual(plan.root, event.root)
  check(expected, 'bad-state', `the state before step ${plan.fromStep} has another root than the plan names`)
  const slot = plan.fromStep === job.steps ? slotCount(job) : slotOfStep(job, plan.fromStep)
  const training: Training = {
    plan,
    step: plan.fromStep,
    maxStep,
    slot,
    rootBefore: event.root,
    early: new Map(),
  }
  return nextStep(job, training, [])
}

/** Starts the next step, or waits for what it needs. */
function nextStep(job: Schedule, training: Training, actions: readonly CellAction[]): CellResult {
  const { step, maxStep, slot, plan } = training
  if (slot === slotCount(job)) return { state: { ...training, phase: 'finished' }, actions }
  const trained = Math.floor(step / job.entrySteps)
  if (step >= job.steps || step >= maxStep || trained - slot >= MAX_UNROOTED_SLOTS) {
    return { state: { ...training, phase: 'waiting' }, actions }
  }
  const { replica, replicas } = plan
  return {
    state: { ...training, phase: 'summing' },
    actions: [...actions, { type: 'computeLocalSum', step, replica, replicas }],
  }
}

function windowOpened(job: Schedule, state: CellState, maxStep: number): CellResult {
  if (state.phase === 'idle' || state.phase === 'stopped' || maxStep <= state.maxStep) return none(state)
  const wider = { ...state, maxStep }
  return wider.phase === 'waiting' ? nextStep(job, wider, []) : none(wider)
}

/** `localSumReady` and `stepApplied`: the engine did what it was told. */
function computed(
  job: Schedule,
  state: CellState,
  event: CellEvent & { type: 'localSumReady' | 'stepApplied' },
): CellResult {
  // what was under way when the cell was stopped
  if (state.phase === 'stopped') return none(state)
  const expected = event.type === 'localSumReady' ? 'summing' : 'updating'
  if (state.phase !== expected || state.step !== event.step) {
    fail('wrong-state', `${event.type} of step ${event.step} does not fit a cell that is ${state.phase}`)
  }
  return event.type === 'localSumReady' ? exchange(state, 0, []) : stepApplied(job, state)
}

/** Enters exchange number `index` of the step, or applies the update after the last one. */
function exchange(training: Training, index: number, done: readonly CellAction[]): CellResult {
  const { step, plan } = training
  const exchanges = exchangesOf(plan.replica, plan.replicas)
  const next = exchanges[index]
  if (next === undefined) {
    // every partner's sum of this step is here, so every partner has finished the step before
    const release: CellAction[] =
      exchanges.length > 0 && step > plan.fromStep ? [{ type: 'release', step: step - 1 }] : []
    const update: CellAction = { type: 'applyUpdate', step }
    return { state: { ...bare(training), phase: 'updating' }, actions: [...done, ...release, update] }
  }
  const state = { ...bare(training), phase: 'exchanging', exchange: index, substituting: false } as const
  const offer: CellAction = { type: 'offer', step, level: next.level, partner: next.partner }
  return { state, actions: [...done, offer, request(state)] }
}

/** The training fields alone, without those of a phase. */
function bare({ plan, step, maxStep, slot, rootBefore, early }: Training): Training {
  return { plan, step, maxStep, slot, rootBefore, early }
}

function currentExchange(state: CellState & { phase: 'exchanging' }) {
  return exchangesOf(state.plan.replica, state.plan.replicas)[state.exchange] ?? fail('internal', 'no such exchange')
}

function request(state: CellState & { phase: 'exchanging' }): CellAction {
  const { level, partner } = currentExchange(state)
  return { type: 'request', step: state.step, level, partner }
}

function exchanged(state: CellState, event: CellEvent & { type: 'received' | 'unavailable' }): CellResult {
  if (state.phase !== 'exchanging' || state.step !== event.step) return none(state)
  const { level, partner, lower } = currentExchange(state)
  if (level !== event.level) return none(state)
  if (event.type === 'received') {
    return exchange(state, state.exchange + 1, [{ type: 'combine', step: state.step, level, lower }])
  }
  if (state.substituting) return none(state)
  // with levels above `level` joined, the partner holds the subtree of its index among 2 * level replicas
  const of = 2 * level
  const substitute: CellAction = { type: 'substitute', step: state.step, level, index: partner % of, of }
  return { state: { ...state, substituting: true }, actions: [substitute] }
}

function stepApplied(job: Schedule, state: Training): CellResult {
  const slot = slotOfStep(job, state.step)
  const step = state.step + 1
  const ended = step === slotSteps(job, slot).to
  const actions: CellAction[] = ended ? [{ type: 'commitState', slot, step }] : []
  return nextStep(job, { ...bare(state), step }, actions)
}

function slotRooted(job: Schedule, state: CellState, rooted: number, roots: SlotRoots): CellResult {
  if (state.phase === 'idle' || state.phase === 'stopped') return none(state)
  if (state.phase === 'loading') fail('wrong-state', `slot ${rooted} is rooted before the state is loaded`)
  const trained = state.step === job.steps ? slotCount(job) : slotOfStep(job, state.step)
  if (rooted < state.slot || rooted >= trained || state.early.has(rooted)) {
    fail('wrong-state', `roots of slot ${rooted} do not fit a cell at step ${state.step} with slot ${state.slot} next`)
  }
  const early = new Map(state.early).set(rooted, roots)
  let { slot, rootBefore } = state
  const actions: CellAction[] = []
  for (let next = early.get(slot); next !== undefined; next = early.get(slot)) {
    early.delete(slot)
    const { from, to } = slotSteps(job, slot)
    if (to > state.plan.signedTo) {
      const { epoch, replica } = state.plan
      const window = windowOfSlot(job, slot)
      actions.push({ type: 'signEntry', epoch, replica, window, stepFrom: from, stepTo: to, rootBefore, ...next })
    }
    rootBefore = next.rootAfter
    slot++
  }
  const moved = { ...state, slot, rootBefore, early }
  return moved.phase === 'waiting' ? nextStep(job, bare(moved), actions) : { state: moved, actions }
}
