/** Turns a plan into a module of IR functions: one for each distinct program, and `run`, which calls them. */
import { elementsOf } from '#graph/shape.ts'
import type { Frame } from './elements.ts'
import { Body, type Expr, i32, type ValType } from './ir.ts'
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
  const functionOf = (task: Task): { index: number; kind: string } => {
    const key = task.program ? `${task.serial} ${JSON.stringify(task.program)}` : `copy ${elementsOf(task.type.shape)}`
    let found = known.get(key)
    if (!found) {
      const method = task.program ? methodOf(task.program, target) : null
      scratch = Math.max(scratch, method?.scratch ?? 0)
      found = { index: add(taskFunction(task, target, threads, tiles)), kind: method?.name ?? 'copy' }
      known.set(key, found)
    }
    return found
  }

  const body = new Body(RUN_PARAMS)
  const tasks: number[] = []
  const kinds = plan.tasks.map((task) => {
    const { index, kind } = functionOf(task)
    if (task.barrier && barrier !== null) body.call(barrier, [])
    callTask(body, task, index, inputs)
    if (singly) {
      const alone = new Body(RUN_PARAMS)
      callTask(alone, task, index, inputs)
      tasks.push(add(alone))
    }
    return kind
  })
  if (barrier !== null) body.call(barrier, [])
  return { functions, run: add(body), tasks, kinds, scratch }
}

function callTask(body: Body, task: Task, index: number, inputs: number): void {
  const [thread, scratch, arena, table] = body.params as readonly Expr[] as [Expr, Expr, Expr, Expr]
  const address = (place: Place): Expr => {
    if (place.in === 'arena') return i32.add(arena, i32.const(place.offset))
    return i32.load(table, 4 * (place.in === 'input' ? place.port : inputs + place.port))
  }
  body.call(index, [thread, scratch, address(task.out), ...task.operands.map(address)])
}

function taskFunction(task: Task, target: Target, threads: number, tiles: Tiles): Body {
  const body = new Body(['i32', 'i32', 'i32', ...task.operands.map((): ValType => 'i32')])
  const [thread, scratch, out, ...operands] = body.params as readonly Expr[] as [Expr, Expr, Expr, ...Expr[]]
  const frame: Frame = { body, target, threads, thread, serial: task.serial, scratch, out, operands }
  if (task.program) {
    methodOf(task.program, target).emit(frame, tiles)
  } else {
    const bytes = i32.const(4 * elementsOf(task.type.shape))
    body.if(i32.eqz(thread), () => body.copy(out, operands[0]!, bytes))
  }
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
