/** What tests and benchmarks of engines share: training a program on made-up records. */
import { words as generator } from '#arith/testing.ts'
import type { TensorType } from '#arith/types.ts'
import { buildProgram } from '#graph/program.ts'
import { elementsOf } from '#graph/shape.ts'
import type { ProgramSpec } from '#graph/spec.ts'
import type { Graph, Port, Program } from '#graph/types.ts'
import type { Buffer, Engine, Kernel } from './types.ts'

export interface Plan {
  readonly batch: number
  readonly microBatches: number
  /** Words of record elements lie in 0..below-1 (i32), or are reals in [0, 1) (f32). */
  readonly below: number
}

const typesOf = (graph: Graph): TensorType[] => {
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  return graph.outputs.map(({ value }) => types[value]!)
}

/** One replica of a program on one engine: state, gradients and metrics stay in buffers, the update works in place. */
export class Replica {
  readonly state: readonly Buffer[]
  readonly kernels: { readonly micro: Kernel; readonly combine: Kernel; readonly update: Kernel }
  readonly microInputs: readonly Buffer[]
  readonly sums: readonly Buffer[]
  readonly parts: readonly Buffer[]
  readonly #plan: Plan
  readonly #next: () => number
  readonly #step: Buffer
  readonly #position: Buffer
  readonly #records: Buffer
  readonly #outcome: readonly Buffer[]

  constructor(engine: Engine, program: Program, plan: Plan, seed: number) {
    this.#plan = plan
    this.#next = generator(seed)
    const alloc = (ports: readonly Port[]): Buffer[] => ports.map(({ type }) => engine.alloc(type))
    const word = engine.alloc({ dtype: 'u32', shape: [2] })
    word.words().set([seed, 1])
    this.state = alloc(program.state)
    engine.compile(program.init).run([word], this.state)
    this.kernels = {
      micro: engine.compile(program.micro),
      combine: engine.compile(program.combine),
      update: engine.compile(program.update),
    }
    const types = program.micro.inputs.map(({ type }) => type)
    this.#step = engine.alloc({ dtype: 'u32', shape: [] })
    this.#position = engine.alloc(types[this.state.length + 2]!)
    this.#records = engine.alloc(types[this.state.length + 3]!)
    this.microInputs = [...this.state, word, this.#step, this.#position, this.#records]
    this.sums = alloc([...program.gradients, ...program.metrics])
    this.parts = alloc([...program.gradients, ...program.metrics])
    this.#outcome = typesOf(program.update)
      .slice(this.state.length)
      .map((type) => engine.alloc(type))
  }

  /** Trains one global step on fresh random records and returns the loss. */
  step(index: number): number {
    const { kernels, sums, parts, state } = this
    this.#step.words()[0] = index
    for (let m = 0; m < this.#plan.microBatches; m++) {
      this.#draw(index * this.#plan.batch + (m * this.#plan.batch) / this.#plan.microBatches)
      kernels.micro.run(this.microInputs, m === 0 ? sums : parts)
      if (m > 0) kernels.combine.run([...sums, ...parts], sums)
    }
    kernels.update.run([...state, this.#step, ...sums], [...state, ...this.#outcome])
    return new Float32Array(this.#outcome[0]!.words().slice().buffer)[0]!
  }

  /** The words of all state tensors, one after the other. */
  words(): Uint32Array {
    const all = this.state.map((buffer) => buffer.words())
    const joined = new Uint32Array(all.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const words of all) {
      joined.set(words, at)
      at += words.length
    }
    return joined
  }

  updateInputs(): readonly Buffer[] {
    return [...this.state, this.#step, ...this.sums]
  }

  updateOutputs(): readonly Buffer[] {
    return [...this.state, ...this.#outcome]
  }

  #draw(first: number): void {
    const position = this.#position.words()
    position.forEach((_, i) => {
      position[i] = first + i
    })
    const { dtype } = this.#records.type
    const count = elementsOf(this.#records.type.shape)
    const words = new Uint32Array(count)
    const reals = new Float32Array(words.buffer)
    for (let i = 0; i < count; i++) {
      if (dtype === 'f32') reals[i] = (this.#next() >>> 8) / 2 ** 24
      else words[i] = this.#next() % this.#plan.below
    }
    this.#records.words().set(words)
  }
}

export const ADAMW = {
  type: 'adamw',
  learningRate: 0.003,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  warmup: 3,
} as const
export const SGD = { type: 'sgd', learningRate: 0.05, momentum: 0.9, weightDecay: 0.01, warmup: 0 } as const
export const IMAGE = { format: 'idx', height: 6, width: 6, features: 36, classes: 4 } as const
export const GPT: ProgramSpec = {
  model: { type: 'gpt', width: 32, layers: 2, heads: 4, context: 16, dropout: 0.1 },
  optimizer: ADAMW,
  data: { format: 'text', height: 0, width: 0, features: 16, classes: 256 },
  batch: 4,
  microBatches: 2,
}

/**
 * Trains the program on the reference and on every engine; the first way in which one differs, or null.
 * @param below classes, or values, that record words take
 */
export function trainingDifference(
  reference: Engine,
  engines: Readonly<Record<string, Engine>>,
  spec: ProgramSpec,
  below: number,
  steps: number,
): string | null {
  const program = buildProgram(spec)
  const train = (engine: Engine): { words: Uint32Array; losses: number[] } => {
    const replica = new Replica(engine, program, { ...spec, below }, 7)
    const losses = Array.from({ length: steps }, (_, step) => replica.step(step))
    return { words: replica.words(), losses }
  }
  const expected = train(reference)
  const bad = expected.losses.findIndex((loss) => !Number.isFinite(loss))
  if (bad >= 0) return `the loss of step ${bad} is ${expected.losses[bad]}: the comparison would say little`
  for (const [name, engine] of Object.entries(engines)) {
    const { words, losses } = train(engine)
    const step = losses.findIndex((loss, i) => loss !== expected.losses[i])
    if (step >= 0) return `${name}: the loss of step ${step} is ${losses[step]}, not ${expected.losses[step]}`
    const at = words.findIndex((word, i) => word !== expected.words[i])
    if (at >= 0) return `${name}: word ${at} of the state is ${words[at]}, not ${expected.words[at]}`
  }
  return null
}
