/** Turns a plan into a module of IR functions: one for each distinct program, and `run`, which calls them. */
import { elementsOf } from '#graph/shape.ts'
import { type Frame, share } from './elements.ts'
import { Body, type Expr, i32, pick, type ValType } from './ir.ts'
import type { Place, Plan, Task } from './plan.ts'
import { emitQuantisedTile } from './quantised-tile.ts'
import { methodOf } from './select.ts'
import type { Target } from './target.ts'
import { emitTile, TILE_PARAMS, type Tiles } from './tile.ts'

export interface KernelModule {
  /** Functions call each other by their index. Null: the barrier, without parameters, which the target supplies. */
  readonly functions: readonly (Body | null)[]
  /**
   * `run(thread, scratch, arena, table)`: every thread calls it with its own number and scratch memory; `table` holds the
   * addresses of the inputs' buffers, then of the outputs'. It returns when all threads have ended.
   */
  readonly run: number
  /** Each task alone, with the parameters of `run`; empty unless asked for. */
  readonly tasks: readonly number[]
  /** For each task, the kind of kernel that computes it. */
  readonly kinds: readonly string[]
  /** Bytes of scratch memory each thread needs. */
  readonly scratch: number
}

export const RUN_PARAMS: readonly ValType[] = ['i32', 'i32', 'i32', 'i32']

/** @param singly whether to add functions for single tasks */
export function moduleOf(plan: Plan, inputs: number, threads: number, target: Target, singly = false): KernelModule {
  const functions: (Body | null)[] = []
  const add = (body: Body): number => functions.push(body) - 1
  const barrier = threads > 1 ? functions.push(null) - 1 : null
  const tiles = tileFunctions(add, target)
  const known = new Map<string, { index: number; kind: string }>()
  let scratch = 0
  const functionOf = (tasks: readonly Task[]): { index: number; kind: string } => {
    const key = JSON.stringify([tasks.map(({ program, type }) => program ?? elementsOf(type.shape)), wiringOf(tasks)])
    let found = known.get(key)
    if (!found) {
      const methods = tasks.map(({ program }) => (program ? methodOf(program, target) : null))
      scratch = Math.max(scratch, ...methods.map((method) => method?.scratch ?? 0))
      const kind = [...new Set(methods.map((method) => method?.name ?? 'copy'))].join('+')
      found = { index: add(passFunction(tasks, target, threads, tiles)), kind }
      known.set(key, found)
    }
    return found
  }

  const body = new Body(RUN_PARAMS)
  const tasks: number[] = []
  const kinds: string[] = []
  for (const together of unitsOf(plan)) {
    const { index, kind } = functionOf(together)
    if (together[0]!.barrier && barrier !== null) body.call(barrier, [])
    callTasks(body, together, index, inputs)
    if (singly) {
      const alone = new Body(RUN_PARAMS)
      callTasks(alone, together, index, inputs)
      tasks.push(add(alone))
    }
    kinds.push(kind)
  }
  if (barrier !== null) body.call(barrier, [])
  return { functions, run: add(body), tasks, kinds, scratch }
}

/** The plan's tasks, those of one pass together: each list is one function. */
export function unitsOf({ tasks }: Plan): Task[][] {
  const units: Task[][] = []
  for (const task of tasks) {
    const last = units.at(-1)
    if (last && task.pass !== null && last[0]!.pass === task.pass) last.push(task)
    else units.push([task])
  }
  return units
}

const samePlace = (a: Place, b: Place): boolean =>
  a.in === 'arena' ? b.in === 'arena' && a.offset === b.offset : b.in !== 'arena' && a.in === b.in && a.port === b.port

/** The distinct places that tasks touch, in order: the parameters of their function. */
function placesOf(tasks: readonly Task[]): Place[] {
  const places: Place[] = []
  for (const { out, operands } of tasks) {
    for (const place of [out, ...operands]) if (!places.some((known) => samePlace(known, place))) places.push(place)
  }
  return places
}

/** For each task, the parameters that are its result and its operands. */
function wiringOf(tasks: readonly Task[]): number[][] {
  const places = placesOf(tasks)
  return tasks.map(({ out, operands }) =>
    [out, ...operands].map((place) => places.findIndex((known) => samePlace(known, place))),
  )
}

function callTasks(body: Body, tasks: readonly Task[], index: number, inputs: number): void {
  const [thread, scratch, arena, table] = body.params as readonly Expr[] as [Expr, Expr, Expr, Expr]
  const address = (place: Place): Expr => {
    if (place.in === 'arena') return i32.add(arena, i32.const(place.offset))
    return i32.load(table, 4 * (place.in === 'input' ? place.port : inputs + place.port))
  }
  body.call(index, [thread, scratch, ...placesOf(tasks).map(address)])
}

/** Bytes that a pass may touch between two tasks: a part of the second-level cache. */
const PASS_BYTES = 128 * 1024

function passFunction(tasks: readonly Task[], target: Target, threads: number, tiles: Tiles): Body {
  const wiring = wiringOf(tasks)
  const body = new Body(['i32', 'i32', ...placesOf(tasks).map((): ValType => 'i32')])
  const [thread, scratch, ...places] = body.params as readonly Expr[] as [Expr, Expr, ...Expr[]]
  const [{ serial, pass }] = tasks as readonly [Task]
  const frameOf = (nth: number): Frame => {
    const [out, ...operands] = wiring[nth]!.map((index) => places[index]!) as [Expr, ...Expr[]]
    return { body, target, threads, thread, serial, scratch, out, operands }
  }
  const emit = ({ program, type }: Task, frame: Frame): void => {
    if (program) {
      methodOf(program, target).emit(frame, tiles)
    } else {
      const bytes = i32.const(4 * elementsOf(type.shape))
      body.if(i32.eqz(thread), () => body.copy(frame.out, frame.operands[0]!, bytes))
    }
  }
  if (!pass) {
    tasks.forEach((task, nth) => {
      emit(task, frameOf(nth))
    })
    return body
  }
  const { rows, grain, rowBytes } = pass
  const chunk = Math.max(1, Math.floor(PASS_BYTES / rowBytes / grain)) * grain
  const mine = share(frameOf(0), rows, grain)
  body.range(mine.from, mine.to, chunk, (from) => {
    const to = body.let(i32.add(from, i32.const(chunk)))
    body.set(to, pick(i32.ltU(to, mine.to), to, mine.to))
    tasks.forEach((task, nth) => {
      emit(task, { ...frameOf(nth), part: { from, to, of: rows } })
    })
  })
  return body
}

/** The module's register tiles, each distinct one defined once. */
function tileFunctions(add: (body: Body) => number, target: Target): Tiles {
  const known = new Map<string, number>()
  return (key) => {
    const name = JSON.stringify(key)
    let index = known.get(name)
    if (index === undefined) {
      const body = new Body(TILE_PARAMS, { tight: true })
      if ('order' in key) emitQuantisedTile(body, target, key)
      else emitTile(body, target, key)
      index = add(body)
      known.set(name, index)
    }
    return index
  }
}
