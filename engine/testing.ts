/** What tests and benchmarks of engines share: training a program on made-up records. */
import { words as generator } from '#arith/testing.ts'
import type { TensorType } from '#arith/types.ts'
import { elementsOf } from '#graph/shape.ts'
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
