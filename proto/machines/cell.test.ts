import { describe, expect, test } from 'vitest'
import { AssayError, type ErrorCode } from '#proto/errors.ts'
import { type CellEvent, type CellPlan, type CellState, cellStep, IDLE_CELL } from '#proto/machines/cell.ts'

const job = { steps: 6, entrySteps: 2, entriesPerWindow: 2 }
const root = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const roots = (n: number) => ({ rootAfter: root(n), lanesRoot: root(100 + n), metricsRoot: root(200 + n) })
const plan: CellPlan = { epoch: 1, replica: 1, replicas: 4, fromStep: 0, root: root(0), signedTo: 0, maxStep: 4 }
const alone: CellPlan = { ...plan, replica: 0, replicas: 1 }

function run(events: readonly CellEvent[], from: CellState = IDLE_CELL) {
  const actions: string[] = []
  let state = from
  for (const event of events) {
    const result = cellStep(job, state, event)
    state = result.state
    for (const { type, ...rest } of result.actions) {
      const numbers = Object.entries(rest).filter(([, value]) => typeof value !== 'object')
      actions.push(`${type} ${numbers.map(([key, value]) => `${key}=${value}`).join(' ')}`.trim())
    }
  }
  return { state, actions }
}

function codeOf(run: () => unknown): ErrorCode | 'none' {
  try {
    run()
  } catch (error) {
    if (error instanceof AssayError) return error.code
    throw error
  }
  return 'none'
}

/** A step of a lone replica. */
const soloStep = (step: number): CellEvent[] => [
  { type: 'localSumReady', epoch: 1, step },
  { type: 'stepApplied', epoch: 1, step },
]
const loaded: CellEvent[] = [
  { type: 'start', plan },
  { type: 'stateLoaded', epoch: 1, step: 0, root: root(0) },
]
const soloLoaded: CellEvent[] = [
  { type: 'start', plan: alone },
  { type: 'stateLoaded', epoch: 1, step: 0, root: root(0) },
]

describe('a cell', () => {
  test('exchanges level by level, its partner below it on the left', () => {
    const { actions, state } = run([
      ...loaded,
      { type: 'localSumReady', epoch: 1, step: 0 },
      { type: 'received', epoch: 1, step: 0, level: 1 },
      { type: 'received', epoch: 1, step: 0, level: 2 },
      { type: 'received', epoch: 1, step: 0, level: 2 },
      { type: 'received', epoch: 1, step: 0, level: 1 },
      { type: 'stepApplied', epoch: 1, step: 0 },
    ])
    expect(actions).toEqual([
      'loadState step=0',
      'computeLocalSum step=0 replica=1 replicas=4',
      'offer step=0 level=2 partner=3',
      'request step=0 level=2 partner=3',
      'combine step=0 level=2 lower=false',
      'offer step=0 level=1 partner=0',
      'request step=0 level=1 partner=0',
      'combine step=0 level=1 lower=true',
      'applyUpdate step=0',
      'computeLocalSum step=1 replica=1 replicas=4',
    ])
    expect(state.phase).toBe('summing')
  })

  test('computes the sum of a partner that does not serve, once', () => {
    const { actions } = run([
      ...loaded,
      { type: 'localSumReady', epoch: 1, step: 0 },
      { type: 'unavailable', epoch: 1, step: 0, level: 2 },
      { type: 'unavailable', epoch: 1, step: 0, level: 2 },
      { type: 'retry' },
      { type: 'received', epoch: 1, step: 0, level: 2 },
      { type: 'unavailable', epoch: 1, step: 0, level: 1 },
    ])
    expect(actions.filter((a) => a.startsWith('substitute'))).toEqual([
      'substitute step=0 level=2 index=3 of=4',
      'substitute step=0 level=1 index=0 of=2',
    ])
    expect(actions.filter((a) => a.startsWith('request'))).toHaveLength(2)
  })

  test('asks again when told to, and for nothing else', () => {
    const summing = run(loaded)
    expect(run([{ type: 'retry' }], summing.state).actions).toEqual([])
    const exchanging = run([{ type: 'localSumReady', epoch: 1, step: 0 }], summing.state)
    expect(run([{ type: 'retry' }], exchanging.state).actions).toEqual(['request step=0 level=2 partner=3'])
  })

  test('signs slots in order, whatever the order of their roots, and waits for open windows', () => {
    const { actions, state } = run([
      ...soloLoaded,
      ...soloStep(0),
      ...soloStep(1),
      ...soloStep(2),
      ...soloStep(3),
      { type: 'slotRooted', epoch: 1, slot: 1, roots: roots(2) },
      { type: 'slotRooted', epoch: 1, slot: 0, roots: roots(1) },
    ])
    expect(actions.filter((a) => a.startsWith('signEntry'))).toEqual([
      'signEntry epoch=1 replica=0 window=0 stepFrom=0 stepTo=2',
      'signEntry epoch=1 replica=0 window=0 stepFrom=2 stepTo=4',
    ])
    expect(state).toMatchObject({ phase: 'waiting', step: 4, rootBefore: root(2) })
    const rest = run(
      [
        { type: 'windowOpened', maxStep: 3 },
        { type: 'windowOpened', maxStep: 6 },
        ...soloStep(4),
        ...soloStep(5),
        { type: 'slotRooted', epoch: 1, slot: 2, roots: roots(3) },
      ],
      state,
    )
    expect(rest.actions).toContain('signEntry epoch=1 replica=0 window=1 stepFrom=4 stepTo=6')
    expect(rest.state.phase).toBe('finished')
  })

  test('trains at most two slots ahead of their roots', () => {
    const wide: CellEvent[] = [{ type: 'start', plan: { ...alone, maxStep: 6 } }, ...soloLoaded.slice(1)]
    const { state } = run([...wide, ...soloStep(0), ...soloStep(1), ...soloStep(2), ...soloStep(3)])
    expect(state).toMatchObject({ phase: 'waiting', step: 4 })
    const next = run([{ type: 'slotRooted', epoch: 1, slot: 0, roots: roots(1) }], state)
    expect(next.actions).toEqual([
      'signEntry epoch=1 replica=0 window=0 stepFrom=0 stepTo=2',
      'computeLocalSum step=4 replica=0 replicas=1',
    ])
  })

  test('signs nothing again that was signed before a restart', () => {
    const again: CellEvent[] = [{ type: 'start', plan: { ...alone, signedTo: 2 } }, ...soloLoaded.slice(1)]
    const { actions } = run([
      ...again,
      ...soloStep(0),
      ...soloStep(1),
      ...soloStep(2),
      ...soloStep(3),
      { type: 'slotRooted', epoch: 1, slot: 0, roots: roots(1) },
      { type: 'slotRooted', epoch: 1, slot: 1, roots: roots(2) },
    ])
    expect(actions.filter((a) => a.startsWith('signEntry'))).toEqual([
      'signEntry epoch=1 replica=0 window=0 stepFrom=2 stepTo=4',
    ])
  })

  test('starts over in a newer epoch and forgets what was under way', () => {
    const middle = run([...loaded, { type: 'localSumReady', epoch: 1, step: 0 }])
    const next = { ...alone, epoch: 2 }
    const over = run([{ type: 'start', plan: next }], middle.state)
    expect(over.actions).toEqual(['loadState step=0'])
    const late: CellEvent[] = [
      { type: 'received', epoch: 1, step: 0, level: 2 },
      { type: 'localSumReady', epoch: 1, step: 0 },
      { type: 'slotRooted', epoch: 1, slot: 0, roots: roots(1) },
    ]
    expect(run(late, over.state)).toEqual({ state: over.state, actions: [] })
  })

  test('refuses what cannot be', () => {
    const at = (events: CellEvent[], event: CellEvent): ErrorCode | 'none' => {
      const { state } = run(events)
      return codeOf(() => cellStep(job, state, event))
    }
    expect(at(loaded, { type: 'start', plan })).toBe('stale')
    expect(at([], { type: 'start', plan: { ...plan, replicas: 3 } })).toBe('bad-plan')
    expect(at([], { type: 'start', plan: { ...plan, replica: 4 } })).toBe('bad-plan')
    expect(at([], { type: 'start', plan: { ...plan, fromStep: 1 } })).toBe('bad-plan')
    expect(at([{ type: 'start', plan }], { type: 'stateLoaded', epoch: 1, step: 0, root: root(9) })).toBe('bad-state')
    expect(at(loaded, { type: 'stepApplied', epoch: 1, step: 0 })).toBe('wrong-state')
    expect(at(loaded, { type: 'localSumReady', epoch: 1, step: 1 })).toBe('wrong-state')
    expect(at(loaded, { type: 'slotRooted', epoch: 1, slot: 0, roots: roots(1) })).toBe('wrong-state')
  })

  test('takes no notice of work that ends after it was stopped', () => {
    for (const [at, late] of [
      ...soloStep(0),
      { type: 'slotRooted', epoch: 1, slot: 0, roots: roots(1) } as const,
    ].entries()) {
      const { state, actions } = run([...soloLoaded, ...soloStep(0).slice(0, at), { type: 'stop' }])
      expect(run([late], state)).toEqual({ state, actions: [] })
      expect(actions.length).toBeGreaterThan(0)
    }
  })

  test('stops, and starts again in the same epoch', () => {
    const stopped = run([...loaded, { type: 'stop' }])
    expect(stopped.state).toEqual({ phase: 'stopped', epoch: 1 })
    expect(run([{ type: 'start', plan }], stopped.state).state.phase).toBe('loading')
    expect(codeOf(() => cellStep(job, stopped.state, { type: 'start', plan: { ...plan, epoch: 0 } }))).toBe('stale')
  })
})
