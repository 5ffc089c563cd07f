/** Lowering of loads: affine addresses, guards and gathers, for neighbours along one axis of the nest. */
import type { Affine, Load } from '#arith/types.ts'
import { type Body, type Expr, i32, type Local, mask, pick, vec } from './ir.ts'
import type { Nest } from './nest.ts'

/** The words wanted: lane l stands at coordinate `at + l` of the vector axis. */
export interface Vector {
  /** Coordinate of lane 0; a constant or a local. */
  readonly at: Expr
  /** Added to `at`: a constant multiple of the number of lanes. */
  readonly offset: number
  /** Lanes inside the axis. The others may bring anything, and never touch memory outside the engine's. */
  readonly lanes: number
}

/** One word for all lanes: where it lies, or itself as an i32. */
type One = { readonly address: Expr } | { readonly word: Expr }

interface Track {
  readonly affine: Affine
  /** Bytes a unit stands for: 4 for addresses, 1 for guards. */
  readonly scale: number
  readonly origin: Expr
  /** Value at the current output row, without loop axes and the vector axis. */
  row: Expr
  /** Value at the current position, without the vector axis. */
  now: Expr
}

interface Placed {
  readonly load: Load
  readonly address: Track
  readonly guards: readonly { readonly track: Track; readonly below: number }[]
}

/**
 * Follows every used load of a nest through its coordinates. Set a row, then (within loops) a position, then bring
 * words. `vectorAxis` is the nest's axis along which the lanes lie, or -1 if all lanes are the same.
 */
export class Access {
  readonly #body: Body
  readonly #lanes: number
  readonly #nest: Nest
  readonly #operands: readonly Expr[]
  readonly #vectorAxis: number
  readonly #placed: (Placed | null)[]
  readonly #coordinates: (Expr | null)[]

  constructor(body: Body, lanes: number, nest: Nest, operands: readonly Expr[], vectorAxis: number) {
    this.#body = body
    this.#lanes = lanes
    this.#nest = nest
    this.#operands = operands
    this.#vectorAxis = vectorAxis
    this.#coordinates = [...nest.out, ...nest.loop].map(() => null)
    const track = (affine: Affine, scale: number, origin: Expr): Track => {
      const start = i32.add(origin, i32.const(affine.base * scale))
      return { affine, scale, origin, row: start, now: start }
    }
    this.#placed = nest.loads.map(
      (load) =>
        load && {
          load,
          address: track(load.at, 4, operands[load.operand]!),
          guards: (load.guard ?? []).map((guard) => ({ track: track(guard, 1, i32.const(0)), below: guard.below })),
        },
    )
  }

  /** Moves to an output row: a coordinate for each output axis but the vector axis. */
  row(coordinates: readonly Expr[]): void {
    coordinates.forEach((coordinate, axis) => {
      this.#coordinates[axis] = coordinate
    })
    for (const track of this.#tracks()) {
      const start = i32.add(track.origin, i32.const(track.affine.base * track.scale))
      track.row = this.#settle(this.#walk(track, start, 0, this.#nest.out.length))
      track.now = track.row
    }
  }

  /** Moves to a loop position: a coordinate for each loop axis but the vector axis. */
  position(coordinates: readonly Expr[]): void {
    const rank = this.#nest.out.length
    coordinates.forEach((coordinate, i) => {
      this.#coordinates[rank + i] = coordinate
    })
    for (const track of this.#tracks()) {
      track.now = this.#settle(this.#walk(track, track.row, rank, rank + coordinates.length))
    }
  }

  /** The coordinate of a nest axis in each lane. */
  axis(axis: number, { at, offset }: Vector): Expr {
    if (axis !== this.#vectorAxis) return vec.splat(this.#coordinates[axis]!)
    return vec.iadd(vec.splat(at), vec.ramp(offset, 1))
  }

  /** The words of load `n`. A load that others go through is brought again for each of them. */
  bring(n: number, vector: Vector): Expr {
    const placed = this.#placed[n]!
    const { load } = placed
    if (this.#never(load)) return vec.const(load.fill)
    return this.uniform(n) ? splat(this.#bringOne(n)) : this.#bringEach(placed, vector)
  }

  /** True if all lanes bring the same word. */
  uniform(n: number): boolean {
    const { load } = this.#placed[n]!
    const still = (a: Affine): boolean => this.#vectorAxis < 0 || a.strides[this.#vectorAxis] === 0
    return still(load.at) && (load.guard ?? []).every(still) && (load.via === undefined || this.uniform(load.via.load))
  }

  /** A load that always yields its fill; its address means nothing. */
  #never(load: Load): boolean {
    return load.via?.limit === 0 || (load.guard ?? []).some((guard) => guard.below === 0)
  }

  /** The same word for all lanes: as an address to splat from, or as an i32. */
  #bringOne(n: number): One {
    const { load, address, guards } = this.#placed[n]!
    if (this.#never(load)) return { word: i32.const(load.fill) }
    const conditions = guards.map(({ track, below }) => i32.ltU(track.now, i32.const(below)))
    let at: Expr = address.now
    if (load.via) {
      const index = this.#body.let(this.#wordOf(this.#bringOne(load.via.load)))
      conditions.push(i32.ltU(index, i32.const(load.via.limit)))
      at = i32.add(at, i32.mul(index, i32.const(4 * load.via.stride)))
    }
    if (conditions.length === 0) return { address: at }
    const inside = this.#body.let(conditions.reduce(i32.and))
    const safe = pick(inside, at, this.#operands[load.operand]!)
    return { word: this.#body.let(pick(inside, i32.load(safe), i32.const(load.fill))) }
  }

  #wordOf(one: One): Expr {
    return 'word' in one ? one.word : i32.load(one.address)
  }

  #bringEach({ load, address, guards }: Placed, vector: Vector): Expr {
    const body = this.#body
    const stride = this.#strideOf(load.at)
    const masks: Expr[] = []
    const conditions: Expr[] = []
    for (const { track, below } of guards) {
      const step = this.#strideOf(track.affine)
      if (step === 0) {
        conditions.push(i32.ltU(track.now, i32.const(below)))
      } else {
        masks.push(mask.iltU(this.#ramp(track, step, vector), vec.const(below)))
      }
    }
    let index: Local | null = null
    if (load.via) {
      index = body.let(this.bring(load.via.load, vector))
      masks.push(mask.iltU(index, vec.const(load.via.limit)))
    }
    if (conditions.length > 0) masks.push(mask.all(conditions.reduce(i32.and)))
    const first = this.#reach(address, stride, vector)
    if (masks.length === 0) {
      if (stride === 1) return this.#contiguous(address, vector)
      return vec.gather(first, vec.ramp(0, stride), vector.lanes)
    }
    // Lanes past the end of the axis must not decide that an address is good.
    if (vector.lanes < this.#lanes) masks.push(mask.first(vector.lanes))
    const inside = body.let(masks.reduce(mask.and))
    const start = this.#operands[load.operand]!
    if (!index && stride === 1) {
      // Lanes outside their guards are less than a vector away from one inside, or all are outside.
      const at = pick(mask.any(inside), first, start)
      return vec.select(inside, vec.load(at), vec.const(load.fill))
    }
    // Counted from the operand's start: lane 0 alone may lie anywhere.
    let words = vec.iadd(vec.splat(i32.shrS(i32.sub(first, start), i32.const(2))), vec.ramp(0, stride))
    if (index && load.via) words = vec.iadd(words, vec.imul(index, vec.const(load.via.stride)))
    return vec.gather(start, words, vector.lanes, { inside, fill: vec.const(load.fill) })
  }

  #contiguous(track: Track, { at, offset }: Vector): Expr {
    const start = i32.add(track.now, i32.mul(at, i32.const(4)))
    return vec.load(start, 4 * offset)
  }

  /** The value of a track at lane 0. */
  #reach(track: Track, stride: number, { at, offset }: Vector): Expr {
    const moved = i32.mul(i32.add(at, i32.const(offset)), i32.const(stride * track.scale))
    return i32.add(track.now, moved)
  }

  #ramp(track: Track, step: number, vector: Vector): Expr {
    return vec.iadd(vec.splat(this.#reach(track, step, vector)), vec.ramp(0, step))
  }

  #strideOf(a: Affine): number {
    return this.#vectorAxis < 0 ? 0 : a.strides[this.#vectorAxis]!
  }

  #walk(track: Track, start: Expr, from: number, to: number): Expr {
    let value = start
    for (let axis = from; axis < to; axis++) {
      const stride = track.affine.strides[axis]!
      if (axis === this.#vectorAxis || stride === 0) continue
      value = i32.add(value, i32.mul(this.#coordinates[axis]!, i32.const(stride * track.scale)))
    }
    return value
  }

  /** Keeps a computed value in a local; constants and plain locals stay as they are. */
  #settle(value: Expr): Expr {
    return value.args.length === 0 ? value : this.#body.let(value)
  }

  *#tracks(): Iterable<Track> {
    for (const placed of this.#placed) {
      if (!placed) continue
      yield placed.address
      for (const { track } of placed.guards) yield track
    }
  }
}

const splat = (one: One): Expr => ('word' in one ? vec.splat(one.word) : vec.loadSplat(one.address))
