/** Turns a plan into a WebAssembly module: one function for each distinct program, and `run`, which calls them. */
import { elementsOf } from '#graph/shape.ts'
import type { Frame } from '../kernel/elements.ts'
import { Body, type Expr, i32, raw, type ValType } from '../kernel/ir.ts'
import type { Place, Plan, Task } from '../kernel/plan.ts'
import { methodOf } from '../kernel/select.ts'
import type { Target } from '../kernel/target.ts'
import { emitTile, TILE_PARAMS, type Tiles } from '../kernel/tile.ts'
import { BARRIER_COUNT, BARRIER_TURN, FAULT } from './control.ts'
import { encode, type Fma, LANES } from './encode.ts'
import { emulatedFma, type FmaMode } from './fma.ts'
import { MAX_PAGES } from './memory.ts'
import { ModuleBuilder } from './module.ts'

/** 12 sums, 2 columns and 1 row value fill the 15 registers V8 has. */
export const TARGET: Target = { lanes: LANES, tileRows: () => 6, tileVectors: 2 }

export interface Linked {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Bytes of scratch memory each thread needs. */
  readonly scratch: number
  /** For each task, the kind of kernel that computes it. */
  readonly kinds: readonly string[]
}

/** Looks at the other threads this often before it sleeps. */
const SPINS = 2000

/**
 * The module exports `run(thread, scratch, arena, table)`. Every thread calls it with its own number and scratch memory;
 * `table` holds the addresses of the inputs' buffers, then of the outputs'. It returns when all threads have ended.
 * @param profile also exports `task0`, `task1`, ...: each task alone, same parameters
 */
export function link(plan: Plan, inputs: number, threads: number, mode: FmaMode, profile = false): Linked {
  const module = new ModuleBuilder({ initial: 1, maximum: MAX_PAGES })
  const fma: Fma = { mode, emulated: mode === 'emulated' ? module.declare(['vec', 'vec', 'vec'], ['vec']) : -1 }
  if (mode === 'emulated') module.define(fma.emulated, emulatedFma())
  const barrier = threads > 1 ? defineBarrier(module, threads) : null

  const tiles = tileFunctions(module, fma)
  const functions = new Map<string, { index: number; kind: string }>()
  let scratch = 0
  const functionOf = (task: Task): { index: number; kind: string } => {
    const key = task.program ? JSON.stringify(task.program) : `copy ${elementsOf(task.type.shape)}`
    let known = functions.get(key)
    if (!known) {
      const method = task.program ? methodOf(task.program, TARGET) : null
      scratch = Math.max(scratch, method?.scratch ?? 0)
      const index = defineTask(module, task, fma, threads, tiles)
      known = { index, kind: method?.name ?? 'copy' }
      functions.set(key, known)
    }
    return known
  }

  const runParams: readonly ValType[] = ['i32', 'i32', 'i32', 'i32']
  const run = module.declare(runParams, [])
  const body = new Body(runParams)
  const kinds = plan.tasks.map((task, i) => {
    const { index, kind } = functionOf(task)
    if (task.barrier && barrier !== null) body.call(barrier, [])
    callTask(body, task, index, inputs)
    if (profile) {
      const alone = module.declare(runParams, [])
      const single = new Body(runParams)
      callTask(single, task, index, inputs)
      module.define(alone, encode(single, fma))
      module.export(`task${i}`, alone)
    }
    return kind
  })
  if (barrier !== null) body.call(barrier, [])
  module.define(run, encode(body, fma))
  module.export('run', run)
  return { bytes: module.build(), scratch, kinds }
}

function callTask(body: Body, task: Task, index: number, inputs: number): void {
  const [thread, scratch, arena, table] = body.params as readonly Expr[] as [Expr, Expr, Expr, Expr]
  const address = (place: Place): Expr => {
    if (place.in === 'arena') return i32.add(arena, i32.const(place.offset))
    return i32.load(table, 4 * (place.in === 'input' ? place.port : inputs + place.port))
  }
  body.call(index, [thread, scratch, address(task.out), ...task.operands.map(address)])
}

function defineTask(module: ModuleBuilder, task: Task, fma: Fma, threads: number, tiles: Tiles): number {
  const params: ValType[] = ['i32', 'i32', 'i32', ...task.operands.map((): ValType => 'i32')]
  const index = module.declare(params, [])
  const body = new Body(params)
  const [thread, scratch, out, ...operands] = body.params as readonly Expr[] as [Expr, Expr, Expr, ...Expr[]]
  const frame: Frame = { body, target: TARGET, threads, thread, serial: task.serial, scratch, out, operands }
  if (task.program) {
    methodOf(task.program, TARGET).emit(frame, tiles)
  } else {
    const bytes = i32.const(4 * elementsOf(task.type.shape))
    body.if(i32.eqz(thread), () => body.copy(out, operands[0]!, bytes))
  }
  module.define(index, encode(body, fma))
  return index
}

/** The module's register tiles, each distinct one defined once. */
function tileFunctions(module: ModuleBuilder, fma: Fma): Tiles {
  const known = new Map<string, number>()
  return (key) => {
    const name = JSON.stringify(key)
    let index = known.get(name)
    if (index === undefined) {
      index = module.declare(TILE_PARAMS, [])
      const body = new Body(TILE_PARAMS, { tight: true })
      emitTile(body, TARGET, key)
      module.define(index, encode(body, fma))
      known.set(name, index)
    }
    return index
  }
}

const atomic = (code: number): number[] => [0xfe, code, 0x02, 0x00]
const atomicLoad = (address: Expr): Expr => raw('i32', atomic(0x10), address)
const atomicAdd = (address: Expr, by: Expr): Expr => raw('i32', atomic(0x1e), address, by)
const ATOMIC_STORE = atomic(0x17)
const DROP = 0x1a
/** After an address and the word that is expected there: sleeps without limit while it is there. */
const ATOMIC_WAIT = [0x42, 0x7f, ...atomic(0x01), DROP]
const ATOMIC_NOTIFY = [...atomic(0x00), DROP]
const UNREACHABLE = 0x00

/**
 * A function in which threads wait until all have come: a counter, and a turn that the last one advances. It traps once a
 * thread has failed, who says so before it advances the turn: whoever looks at the turn first cannot miss both.
 */
function defineBarrier(module: ModuleBuilder, threads: number): number {
  const index = module.declare([], [])
  const body = new Body([])
  const count = i32.const(BARRIER_COUNT)
  const turn = i32.const(BARRIER_TURN)
  const mine = body.let(atomicLoad(turn))
  const trapOnFault = (): void => body.if(atomicLoad(i32.const(FAULT)), () => body.raw([UNREACHABLE]))
  trapOnFault()
  const last = i32.eq(atomicAdd(count, i32.const(1)), i32.const(threads - 1))
  const waiting = (): Expr => i32.eq(atomicLoad(turn), mine)
  body.if(
    last,
    () => {
      body.raw(ATOMIC_STORE, count, i32.const(0))
      body.raw(ATOMIC_STORE, turn, i32.add(mine, i32.const(1)))
      body.raw(ATOMIC_NOTIFY, turn, i32.const(-1))
    },
    () => {
      const spins = body.let(i32.const(SPINS))
      body.while(i32.mul(waiting(), spins), () => body.set(spins, i32.add(spins, i32.const(-1))))
      body.while(waiting(), () => body.raw(ATOMIC_WAIT, turn, mine))
      trapOnFault()
    },
  )
  module.define(index, encode(body, { mode: 'fused', emulated: -1 }))
  return index
}
