/** Reductions in lanes along one contiguous axis: the 32 lanes of the definition are a few vectors of accumulators. */
import { LANE_BLOCK, LANES } from '#arith/interpret.ts'
import type { ElementProgram } from '#arith/types.ts'
import type { Vector } from './access.ts'
import { Elements, type Frame, share, unflatten } from './elements.ts'
import { type Expr, i32, type Local, mask, vec } from './ir.ts'
import { nestOf } from './nest.ts'

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
  const width = frame.target.lanes
  const same: Vector = { at: none, offset: 0, lanes: width }
  const elements = share(frame, e.size, 16)
  const accs = Array.from({ length: LANES / width }, () => body.local('vec'))
  body.range(elements.from, elements.to, 1, (at) => {
    e.access.row(unflatten(body, at, e.nest.out))
    const [word] = e.finish([same], [total(frame, e, accs)])
    body.store(i32.add(out, i32.mul(at, i32.const(4))), word!, 1)
  })
}

/** The total, in lane 0. */
function total(frame: Frame, e: Elements, accs: readonly Local[]): Expr {
  if (e.positions <= LANE_BLOCK) return block(frame, e, accs, i32.const(0), e.positions)
  // Block values are folded again: with at most 32 of them each lane takes one.
  const lane = Array.from({ length: Math.ceil(e.positions / LANE_BLOCK) }, (_, index) => {
    const start = index * LANE_BLOCK
    const value = block(frame, e, accs, i32.const(start), Math.min(LANE_BLOCK, e.positions - start))
    return e.join(e.init, value)
  })
  while (lane.length < LANES) lane.push(e.init)
  for (let half = LANES / 2; half >= 1; half /= 2) {
    for (let i = 0; i < half; i++) lane[i] = e.join(lane[i]!, lane[i + half]!)
  }
  return lane[0]!
}

/** The value of one block of `count` positions from `start`, in lane 0. */
function block({ body, target }: Frame, e: Elements, accs: readonly Local[], start: Expr, count: number): Expr {
  const width = target.lanes
  for (const acc of accs) body.set(acc, e.init)
  const whole = count - (count % LANES)
  const end = i32.const((start.value ?? 0) + whole)
  body.range(start, end, LANES, (at) => {
    accs.forEach((acc, v) => {
      body.set(acc, e.step([{ at, offset: width * v, lanes: width }], [acc])[0]!)
    })
  })
  accs.slice(0, Math.ceil((count - whole) / width)).forEach((acc, v) => {
    const lanes = Math.min(width, count - whole - width * v)
    const next = e.step([{ at: end, offset: width * v, lanes }], [acc])[0]!
    body.set(acc, lanes === width ? next : vec.select(mask.first(lanes), next, acc))
  })
  let values: Expr[] = [...accs]
  while (values.length > 1) {
    const half = values.length / 2
    values = values.slice(0, half).map((value, i) => e.join(value, values[half + i]!))
  }
  let value = values[0]!
  for (let half = width / 2; half >= 1; half /= 2) value = e.join(value, body.let(vec.down(value, half)))
  return value
}
