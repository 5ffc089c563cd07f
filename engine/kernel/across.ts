/** The general kernel: neighbouring outputs in the lanes of a vector, any loop, any order. */
import { CHAIN, LANE_BLOCK, LANES } from '#arith/interpret.ts'
import { elements as count } from '#arith/program.ts'
import type { ElementProgram } from '#arith/types.ts'
import type { Vector } from './access.ts'
import { Elements, type Frame, share, unflatten } from './elements.ts'
import { type Expr, i32, type Local, pick, vec } from './ir.ts'
import type { Target } from './target.ts'

/** Vectors that share a walk through the loop. */
const GROUP = 4
const WORD = 4

/** Bytes of scratch memory a thread needs. */
export function acrossScratch(p: ElementProgram, { lanes }: Target): number {
  if (p.order !== 'lanes32' || p.loop.length === 0) return 0
  return levels(count(p.loop)).length * LANES * lanes * WORD * GROUP
}

/** Numbers of block values: of the first level, and of each level that reduces those before, down to one. */
function levels(positions: number): number[] {
  const counts = [Math.ceil(positions / LANE_BLOCK)]
  while (counts.at(-1)! > 1) counts.push(Math.ceil(counts.at(-1)! / LANE_BLOCK))
  return counts
}

export function emitAcross(frame: Frame, program: ElementProgram): void {
  const { body, out } = frame
  const width = frame.target.lanes
  const e = new Elements(frame, program, (nest) => nest.out.length - 1)
  if (e.size === 0) return
  const inner = e.nest.out.at(-1) ?? 1
  const outer = e.nest.out.slice(0, -1)
  const rows = e.size / inner
  const byRows = frame.part ? rows % frame.part.of === 0 : rows >= 2 * frame.threads
  const row = byRows ? share(frame, rows, 1) : { from: i32.const(0), to: i32.const(rows) }
  const column = byRows ? { from: i32.const(0), to: i32.const(inner) } : share(frame, inner, 16)

  const vectors = (group: readonly Vector[], base: Local): void => {
    const words = e.finish(group, fold(frame, e, group))
    const address = body.let(i32.add(base, i32.mul(group[0]!.at, i32.const(WORD))))
    words.forEach((word, u) => {
      body.store(address, word, group[u]!.lanes, WORD * group[u]!.offset)
    })
  }
  body.range(row.from, row.to, 1, (r) => {
    e.access.row(unflatten(body, r, outer))
    const base = body.let(i32.add(out, i32.mul(r, i32.const(WORD * inner))))
    const j = body.let(column.from)
    const whole = (count: number): void => {
      const group = Array.from({ length: count }, (_, u): Vector => ({ at: j, offset: width * u, lanes: width }))
      const last = i32.sub(column.to, i32.const(width * count - 1))
      body.while(i32.ltS(j, last), () => {
        vectors(group, base)
        body.set(j, i32.add(j, i32.const(width * count)))
      })
    }
    if (inner >= width * GROUP && e.positions > 0) whole(GROUP)
    if (inner >= width) whole(1)
    const rest = inner % width
    if (rest > 0) body.if(i32.ltS(j, column.to), () => vectors([{ at: j, offset: 0, lanes: rest }], base))
  })
}

/** The totals of a group. */
function fold(frame: Frame, e: Elements, group: readonly Vector[]): Expr[] {
  if (e.positions === 0) return group.map(() => e.init)
  if (e.program.order === 'lanes32' && e.positions <= LANES && e.skipsInit) return fewLanes(e, group)
  return e.program.order === 'chain512' ? chain(frame, e, group) : lanes(frame, e, group)
}

function chain({ body }: Frame, e: Elements, group: readonly Vector[]): Expr[] {
  const accs = group.map(() => body.local('vec'))
  const run = (from: Expr, to: Expr): void => {
    for (const acc of accs) body.set(acc, e.init)
    body.range(from, to, 1, (at) => {
      e.stepAt(at, group, accs).forEach((value, u) => {
        body.set(accs[u]!, value)
      })
    })
  }
  if (e.positions <= CHAIN) {
    run(i32.const(0), i32.const(e.positions))
    return accs
  }
  const totals = group.map(() => body.local('vec'))
  body.range(i32.const(0), i32.const(e.positions), CHAIN, (start) => {
    const end = body.let(i32.add(start, i32.const(CHAIN)))
    body.set(end, pick(i32.ltU(end, i32.const(e.positions)), end, i32.const(e.positions)))
    run(start, end)
    totals.forEach((total, u) => {
      const first = (): void => body.set(total, accs[u]!)
      body.if(i32.eqz(start), first, () => body.set(total, e.join(total, accs[u]!)))
    })
  })
  return totals
}

/** At most one position a lane: no loop, and no lanes that nothing reached. */
function fewLanes(e: Elements, group: readonly Vector[]): Expr[] {
  const init = group.map(() => e.init)
  const values = Array.from({ length: e.positions }, (_, at) => e.stepAt(i32.const(at), group, init))
  for (let half = LANES / 2; half >= 1; half /= 2) {
    const upper = values.splice(half)
    upper.forEach((other, i) => {
      values[i] = values[i]!.map((acc, u) => e.join(acc, other[u]!))
    })
  }
  return values[0]!
}

function lanes(frame: Frame, e: Elements, group: readonly Vector[]): Expr[] {
  const { body } = frame
  const width = frame.target.lanes
  const bytes = width * WORD
  const counts = levels(e.positions)
  const pitch = bytes * group.length

  /** Block value `index` of a level whose items are folded by `item`. */
  const block = (level: number, index: Expr, items: number, item: (i: Expr, lane: Local) => void): Local[] => {
    const base = i32.add(frame.scratch, i32.const(level * LANES * bytes * GROUP))
    const scratch = body.let(base)
    body.range(i32.const(0), i32.const(LANES * pitch), bytes, (o) => body.store(i32.add(scratch, o), e.init, width))
    const from = body.let(i32.mul(index, i32.const(LANE_BLOCK)))
    const to = body.let(i32.add(from, i32.const(LANE_BLOCK)))
    body.set(to, pick(i32.ltU(to, i32.const(items)), to, i32.const(items)))
    body.range(from, to, 1, (i) => {
      item(i, body.let(i32.add(scratch, i32.mul(i32.and(i, i32.const(LANES - 1)), i32.const(pitch)))))
    })
    for (let half = LANES / 2; half >= 1; half /= 2) {
      body.range(i32.const(0), i32.const(half * pitch), bytes, (o) => {
        const lane = body.let(i32.add(scratch, o))
        body.store(lane, e.join(vec.load(lane), vec.load(lane, half * pitch)), width)
      })
    }
    return group.map((_, u) => body.let(vec.load(scratch, bytes * u)))
  }
  const value = (level: number, index: Expr): Local[] => {
    if (level === 0) {
      return block(0, index, e.positions, (i, lane) => {
        const accs = group.map((_, u) => body.let(vec.load(lane, bytes * u)))
        e.stepAt(i, group, accs).forEach((word, u) => {
          body.store(lane, word, width, bytes * u)
        })
      })
    }
    return block(level, index, counts[level - 1]!, (i, lane) => {
      value(level - 1, i).forEach((word, u) => {
        body.store(lane, e.join(vec.load(lane, bytes * u), word), width, bytes * u)
      })
    })
  }
  return value(counts.length - 1, i32.const(0))
}
