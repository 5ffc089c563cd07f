/** Computes training steps from any state, on any records, at any learning rate: what solvers, verifiers and attackers do. */
import type { Buffer, Engine, Kernel } from '#engine/types.ts'
import { gradients } from '#graph/autodiff.ts'
import { Builder } from '#graph/builder.ts'
import { modelOf } from '#graph/models/index.ts'
import { recordsType } from '#graph/models/records.ts'
import { sgd } from '#graph/optimizers/sgd.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph, Port, Program } from '#graph/types.ts'
import { seedWords } from '#proto/ids.ts'
import type { JobSpec } from '#proto/job.ts'

const SCALAR = { dtype: 'f32', shape: [] } as const

const asFloats = (buffer: Buffer): Float32Array => {
  const words = buffer.words()
  return new Float32Array(words.buffer, words.byteOffset, words.length)
}

/** Tensors of a list, end to end. */
function read(buffers: readonly Buffer[]): Float32Array {
  const parts = buffers.map(asFloats)
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function write(buffers: readonly Buffer[], from: Float32Array): void {
  let at = 0
  for (const part of buffers.map(asFloats)) {
    part.set(from.subarray(at, at + part.length))
    at += part.length
  }
}

/** One step of gradient descent, at a rate that is an input. */
function descent(state: readonly Port[]): Graph {
  const b = new Builder()
  const from = state.map(({ name, type }) => b.input(name, type.dtype, type.shape))
  const grads = state.map(({ name, type }) => b.input(`grad.${name}`, type.dtype, type.shape))
  const rate = b.input('rate', 'f32', [])
  const { step } = sgd({ type: 'sgd', learningRate: 0, momentum: 0, weightDecay: 0, warmup: 0 })
  for (const [i, value] of step(b, from, grads, [], rate).parameters.entries()) b.output(state[i]!.name, value)
  return b.finish('descent')
}

export class Machine {
  /** Steps that were computed. */
  steps = 0
  readonly #program: Program
  readonly #init: Kernel
  readonly #micro: Kernel
  readonly #descent: Kernel
  readonly #seed: Buffer
  readonly #rate: Buffer
  readonly #state: Buffer[]
  readonly #next: Buffer[]
  readonly #micros: Buffer[]
  readonly #sums: Buffer[]

  constructor(engine: Engine, program: Program) {
    this.#program = program
    this.#init = engine.compile(program.init)
    this.#micro = engine.compile(program.micro)
    this.#descent = engine.compile(descent(program.state))
    this.#seed = engine.alloc({ dtype: 'u32', shape: [2] })
    this.#rate = engine.alloc(SCALAR)
    this.#state = program.state.map(({ type }) => engine.alloc(type))
    this.#next = program.state.map(({ type }) => engine.alloc(type))
    this.#micros = program.micro.inputs.slice(program.state.length).map(({ type }) => engine.alloc(type))
    this.#sums = [...program.gradients, ...program.metrics].map(({ type }) => engine.alloc(type))
  }

  /** Words of each tensor of a state. */
  get sizes(): number[] {
    return this.#program.state.map(({ type }) => elementsOf(type.shape))
  }

  /** The state that a seed starts from. */
  init(seed: bigint): Float32Array {
    this.#seed.words().set(seedWords(seed, 'init'))
    this.#init.run([this.#seed], this.#state)
    return read(this.#state)
  }

  /** The state after one step for each batch, in turn. */
  run(from: Float32Array, batches: readonly Float32Array[], rate: number): Float32Array {
    const grads = this.#sums.slice(0, this.#program.gradients.length)
    asFloats(this.#rate)[0] = rate
    write(this.#state, from)
    for (const batch of batches) {
      write(this.#micros.slice(-1), batch)
      this.#micro.run([...this.#state, ...this.#micros], this.#sums)
      this.#descent.run([...this.#state, ...grads, this.#rate], this.#next)
      write(this.#state, read(this.#next))
      this.steps++
    }
    return read(this.#state)
  }
}

/**
 * Moves records until the step from a state leads where it should: the gradient of |w - rate grad L(w, X) - target|^2
 * with respect to the records X, a second derivative of the loss. Zhang et al. 2022.
 */
export class Crafter {
  readonly #kernel: Kernel
  readonly #state: Buffer[]
  readonly #move: Buffer[]
  readonly #rate: Buffer
  readonly #records: Buffer
  readonly #objective: Buffer
  readonly #slope: Buffer

  constructor(engine: Engine, spec: JobSpec, program: Program) {
    const b = new Builder()
    const model = modelOf(spec)
    const { state } = program
    const weights = new Map(state.map(({ name, type }) => [name, b.input(name, type.dtype, type.shape)]))
    const moves = state.map(({ name, type }) => b.input(`move.${name}`, type.dtype, type.shape))
    const rate = b.input('rate', 'f32', [])
    const type = recordsType(spec.data, spec.batch)
    const records = b.input('records', type.dtype, type.shape)
    const { loss } = model.forward(b, (name) => weights.get(name)!, records)
    const grads = gradients(b, b.mul(b.sum(loss), 1 / spec.batch), [...weights.values()])
    // What is left to go behind the step: the move wanted, plus the rate times the gradient.
    const rests = grads.map((grad, i) => b.add(moves[i]!, b.mul(grad, rate)))
    const objective = rests.map((rest) => b.sum(b.mul(rest, rest))).reduce((sum, part) => b.add(sum, part))
    b.output('objective', objective)
    b.output('slope', gradients(b, objective, [records])[0]!)
    this.#kernel = engine.compile(b.finish('craft'))
    this.#state = state.map((port) => engine.alloc(port.type))
    this.#move = state.map((port) => engine.alloc(port.type))
    this.#rate = engine.alloc(SCALAR)
    this.#records = engine.alloc(type)
    this.#objective = engine.alloc(SCALAR)
    this.#slope = engine.alloc(type)
  }

  /** How far the step from `from` on `records` ends from `from + move`, and the slope of the square of that. */
  look(from: Float32Array, move: Float32Array, records: Float32Array, rate: number) {
    write(this.#state, from)
    write(this.#move, move)
    write([this.#records], records)
    asFloats(this.#rate)[0] = rate
    this.#kernel.run([...this.#state, ...this.#move, this.#rate, this.#records], [this.#objective, this.#slope])
    return { distance: Math.sqrt(asFloats(this.#objective)[0]!), slope: asFloats(this.#slope).slice() }
  }
}
