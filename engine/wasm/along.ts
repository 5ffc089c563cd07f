/** Reductions in lanes along one contiguous axis: the 32 lanes of the definition are 8 vectors of accumulators. */
import { LANE_BLOCK, LANES } from '#arith/interpret.ts'
import type { ElementProgram } from '#arith/types.ts'
import type { Vector } from './access.ts'
import { Elements, type Frame, share, storeWords, unflatten } from './elements.ts'
import type { Expr, Local } from './ir.ts'
import { i32, v128 } from './ir.ts'
import { nestOf } from './nest.ts'

const VECTORS = LANES / 4

/** True for reductions over one axis, short enough for one set of lanes or two, that outputs do not share better. */
export function fitsAlong(p: ElementProgram): boolean {
  if (p.order !== 'lanes32') return false
  const { out, loop, loads } = nestOf(p)
  const positions = loop[0] ?? 0
  if (loop.length !== 1 || positions < 4 || positions > LANE_BLOCK * LANES) return false
  const inner = out.length - 1
  const across =
    inner >= 0 && out[inner]! >= 4 && loads.every((load) => load === null || Math.abs(load.at.strides[inner]!) <= 1)
  return !across
}

export function emitAlong(frame: Frame, program: ElementProgram): void {
  const { body, out } = frame
  const e = new Elements(frame, program, (nest) => nest.out.length)
  if (e.size === 0) return
  const none = i32.const(0)
  const same: Vector = { at: none, offset: 0, lanes: 4 }
  const elements = share(frame, e.size, 16)
  const accs = Array.from({ length: VECTORS }, () => body.local('v128'))
  body.range(elements.from, elements.to, 1, (at) => {
    e.access.row(unflatten(body, at, e.nest.out))
    const [word] = e.finish([same], [total(frame, e, accs)])
    storeWords(body, body.let(i32.add(out, i32.mul(at, i32.const(4)))), word!, 1)
  })
}

/** The total, in lane 0. */
function total({ body }: Frame, e: Elements, accs: readonly Local[]): Expr {
  if (e.positions <= LANE_BLOCK) return block(e, accs, body, i32.const(0), e.positions)
  // Block values are folded again: with at most 32 of them each lane takes one.
  const lane = Array.from({ length: Math.ceil(e.positions / LANE_BLOCK) }, (_, index) => {
    const start = index * LANE_BLOCK
    const value = block(e, accs, body, i32.const(start), Math.min(LANE_BLOCK, e.positions - start))
    return e.join(e.init, value)
  })
  while (lane.length < LANES) lane.push(e.init)
  for (let half = LANES / 2; half >= 1; half /= 2) {
    for (let i = 0; i < half; i++) lane[i] = e.join(lane[i]!, lane[i + half]!)
  }
  return lane[0]!
}

/** The value of one block of `count` positions from `start`, in lane 0. */
function block(e: Elements, accs: readonly Local[], body: Frame['body'], start: Expr, count: number): Expr {
  for (const acc of accs) body.set(acc, e.init)
  const whole = count - (count % LANES)
  const end = i32.const((start.value ?? 0) + whole)
  body.range(start, end, LANES, (at) => {
    accs.forEach((acc, v) => {
      body.set(acc, e.step([{ at, offset: 4 * v, lanes: 4 }], [acc])[0]!)
    })
  })
  accs.slice(0, Math.ceil((count - whole) / 4)).forEach((acc, v) => {
    const lanes = Math.min(4, count - whole - 4 * v)
    const next = e.step([{ at: end, offset: 4 * v, lanes: lanes as Vector['lanes'] }], [acc])[0]!
    const [a, b, c, d] = [0, 1, 2, 3].map((lane) => (lane < lanes ? -1 : 0)) as [number, number, number, number]
    body.set(acc, lanes === 4 ? next : v128.bitselect(next, acc, v128.const(a, b, c, d)))
  })
  let values: Expr[] = [...accs]
  while (values.length > 1) {
    const half = values.length / 2
    values = values.slice(0, half).map((value, i) => e.join(value, values[half + i]!))
  }
  const pairs = e.join(values[0]!, v128.shuffle(values[0]!, values[0]!, [2, 3, 2, 3]))
  return e.join(pairs, v128.shuffle(pairs, pairs, [1, 1, 1, 1]))
}
