/** Kernel modules as WebAssembly: their functions encoded, with the barrier and the fused multiply-add that hosts lack. */

import { BARRIER_COUNT, BARRIER_TURN, FAULT } from '../compiled/control.ts'
import { MAX_PAGES } from '../compiled/memory.ts'
import { Body, type Expr, i32, raw } from '../kernel/ir.ts'
import type { KernelModule } from '../kernel/module.ts'
import type { Target } from '../kernel/target.ts'
import { encode, type Fma, LANES } from './encode.ts'
import { emulatedFma, type FmaMode } from './fma.ts'
import { type FunctionBody, ModuleBuilder } from './module.ts'

/** 12 sums, 2 columns and 1 row value fill the 15 registers V8 has. */
export const TARGET: Target = { lanes: LANES, tileRows: () => 6, tileVectors: 2 }

/** Looks at the other threads this often before it sleeps. */
const SPINS = 20_000

/**
 * The bytes of a module that exports `run(thread, scratch, arena, table)`, see `KernelModule`, and `task0`, `task1`, ... with
 * the same parameters.
 */
export function link({ functions, run, tasks }: KernelModule, threads: number, mode: FmaMode): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ initial: 1, maximum: MAX_PAGES })
  for (const body of functions)
    module.declare(
      (body?.params ?? []).map(({ type }) => type),
      [],
    )
  const fma: Fma = { mode, emulated: mode === 'emulated' ? module.declare(['vec', 'vec', 'vec'], ['vec']) : -1 }
  if (mode === 'emulated') module.define(fma.emulated, emulatedFma())
  functions.forEach((body, index) => {
    module.define(index, body ? encode(body, fma) : barrier(threads))
  })
  module.export('run', run)
  tasks.forEach((index, task) => {
    module.export(`task${task}`, index)
  })
  return module.build()
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
function barrier(threads: number): FunctionBody {
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
  return encode(body, { mode: 'fused', emulated: -1 })
}
