/** An element program inside a function body: evaluates its parts for groups of vectors and stores results. */
import { elements as count } from '#arith/program.ts'
import type { Arg, ElementProgram, Straight } from '#arith/types.ts'
import { Access, type Vector } from './access.ts'
import { type Body, type Expr, i32, type Local, pick, vec } from './ir.ts'
import { type Nest, nestOf } from './nest.ts'
import { lower, type Observed, observed } from './straight.ts'
import type { Target } from './target.ts'

/** Where a node's function finds itself: its parameters and the machine it is compiled for. */
export interface Frame {
  readonly body: Body
  readonly target: Target
  /** Number of threads that call the function, each with its own `thread` below it. */
  readonly threads: number
  readonly thread: Expr
  /** Thread 0 does all the work. */
  readonly serial: boolean
  /** Address of this thread's scratch memory. */
  readonly scratch: Expr
  /** Address of the result. */
  readonly out: Expr
  readonly operands: readonly Expr[]
  /** Of the result's rows, those to compute, instead of a share of all; `of` rows are all of them. */
  readonly part?: { readonly from: Expr; readonly to: Expr; readonly of: number }
}

/** This thread's part of `0..total-1`, in multiples of `grain`; where the frame names rows, what they are of `total`. */
export function share(frame: Frame, total: number, grain: number): { from: Expr; to: Expr } {
  const { body, threads, thread, serial, part: rows } = frame
  if (rows) {
    const each = i32.const(total / rows.of)
    return { from: body.let(i32.mul(rows.from, each)), to: body.let(i32.mul(rows.to, each)) }
  }
  if (threads === 1) return { from: i32.const(0), to: i32.const(total) }
  const part = serial ? total : Math.ceil(total / threads / grain) * grain
  const limit = i32.const(total)
  const clamp = (value: Expr): Local => {
    const at = body.let(value)
    body.set(at, pick(i32.ltU(at, limit), at, limit))
    return at
  }
  const from = clamp(i32.mul(thread, i32.const(part)))
  return { from, to: clamp(i32.add(from, i32.const(part))) }
}

/** The coordinates of flat position `at` in `dims`, row-major. */
export function unflatten(body: Body, at: Expr, dims: readonly number[]): Expr[] {
  const coordinates: Expr[] = []
  if (at.value !== undefined) {
    let left = at.value
    for (const dim of [...dims].reverse()) {
      coordinates.unshift(i32.const(left % dim))
      left = Math.floor(left / dim)
    }
    return coordinates
  }
  let rest = at
  for (let axis = dims.length - 1; axis > 0; axis--) {
    const dim = i32.const(dims[axis]!)
    coordinates.unshift(body.let(i32.remU(rest, dim)))
    rest = body.let(i32.divU(rest, dim))
  }
  return dims.length === 0 ? [] : [rest, ...coordinates]
}

export class Elements {
  readonly program: ElementProgram
  readonly nest: Nest
  readonly access: Access
  /** Number of output elements and of loop positions. */
  readonly size: number
  readonly positions: number
  readonly #frame: Frame
  readonly #observed: Observed

  /** @param vectorAxis axis of the nest along which the lanes lie, or -1 */
  constructor(frame: Frame, program: ElementProgram, vectorAxis: (nest: Nest) => number) {
    this.#frame = frame
    this.program = program
    this.nest = nestOf(program)
    this.access = new Access(frame.body, frame.target.lanes, this.nest, frame.operands, vectorAxis(this.nest))
    this.size = count(program.out.shape)
    this.positions = program.loop.length === 0 ? 0 : count(program.loop)
    this.#observed = observed(program)
  }

  get init(): Expr {
    return vec.const(this.program.init)
  }

  /**
   * True if lanes that no position reached can be left out of joins: sums from +0 (never -0, so adding +0 changes
   * nothing) and maxima from -Infinity.
   */
  get skipsInit(): boolean {
    const { step, join, init } = this.program
    const block = init === 0 ? 'fadd' : init === 0xff800000 ? 'fmax' : undefined
    return (
      [step, join].every((part) => {
        const [instr] = part
        return part.length === 1 && instr!.block === block && instr!.args.some(({ from }) => from === 'acc')
      }) && join[0]!.args.some(({ from }) => from === 'other')
    )
  }

  step(vectors: readonly Vector[], acc: readonly Expr[]): Expr[] {
    return this.#evaluate(this.program.step, vectors, acc, this.#observed.acc)
  }

  /** Moves to flat loop position `at`, then as `step`. */
  stepAt(at: Expr, vectors: readonly Vector[], acc: readonly Expr[]): Expr[] {
    this.access.position(unflatten(this.#frame.body, at, this.nest.loop))
    return this.step(vectors, acc)
  }

  join(acc: Expr, other: Expr): Expr {
    const argument = (arg: Arg): Expr => (arg.from === 'acc' ? acc : other)
    return lower(this.#frame.body, this.program.join, argument, this.#observed.acc)
  }

  /** From totals to the words that are stored. */
  finish(vectors: readonly Vector[], totals: readonly Expr[]): Expr[] {
    const { finish, out } = this.program
    const values = finish.length === 0 ? totals : this.#evaluate(finish, vectors, totals, this.#observed.result)
    const stored = out.dtype !== 'f32' || finish.at(-1)?.block === 'canon'
    return values.map((value) => (stored ? value : vec.canon(value)))
  }

  #evaluate(part: Straight, vectors: readonly Vector[], acc: readonly Expr[], seen: boolean): Expr[] {
    const { body } = this.#frame
    const words = new Map<number, Expr[]>()
    for (const { args } of part) {
      for (const arg of args)
        if (arg.from === 'load' && !words.has(arg.n)) words.set(arg.n, this.#bring(arg.n, vectors))
    }
    return vectors.map((vector, u) => lower(body, part, (arg) => this.#argument(arg, vector, acc[u]!, words, u), seen))
  }

  #bring(n: number, vectors: readonly Vector[]): Expr[] {
    const { body } = this.#frame
    if (!this.access.uniform(n)) return vectors.map((vector) => body.let(this.access.bring(n, vector)))
    const word = body.let(this.access.bring(n, vectors[0]!))
    return vectors.map(() => word)
  }

  #argument(arg: Arg, vector: Vector, acc: Expr, words: ReadonlyMap<number, Expr[]>, u: number): Expr {
    switch (arg.from) {
      case 'load':
        return words.get(arg.n)![u]!
      case 'acc':
        return acc
      case 'axis': {
        const axis = this.nest.axes.get(arg.n)
        return axis === undefined ? vec.const(0) : this.access.axis(axis, vector)
      }
      default:
        throw new Error(`no argument from ${arg.from} here`)
    }
  }
}
