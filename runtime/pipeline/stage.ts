/** One stage of a pipeline on an engine of its own: it holds no tensor of the program but those that its plan names. */
import type { TensorType } from '#arith/types.ts'
import type { Buffer, Engine, Kernel } from '#engine/types.ts'
import { tensorBytes } from '#graph/memory.ts'
import { type Part, typeOf } from '#graph/part.ts'
import type { Plan, Stage } from '#graph/partition/plan.ts'
import { stageParts } from '#graph/partition/stage.ts'
import type { Graph, Port, Program } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import { sliceList } from '#runtime/tensors.ts'

/** Words of one tensor, row-major. */
export type Words = Uint32Array

/** A part that is compiled. */
interface Compiled extends Part {
  readonly kernel: Kernel
}

/** A sum: one buffer for each of the stage's outputs of `micro`, in their order. */
type Sum = readonly Buffer[]

/**
 * Runs what a stage of a plan computes. Values have their numbers in the uncut `micro` graph.
 *
 * A step is: `receiveState` for what others share; `begin`, `receive`, `run` forward and backward, `finish` for each
 * micro-batch, with `combine` where the lanes' tree says so; any number of `join` with other replicas' sums of this stage;
 * `receiveSum` for what others share; `update`. docs/spec/graph.md, "Partition".
 */
export class StageTrainer {
  readonly stage: Stage
  /** Ports of the tensors that live here, and of the sums that are computed here. */
  readonly statePorts: readonly Port[]
  readonly sumPorts: readonly Port[]
  readonly #engine: Engine
  readonly #program: Program
  readonly #parts: Readonly<Record<'init' | 'forward' | 'backward' | 'combine' | 'update', Compiled>>
  /** By index: tensors that live here, and copies of those that others share. */
  readonly #state = new Map<number, Buffer>()
  /** By index of the sum: what others share of theirs before an update. */
  readonly #foreign = new Map<number, Buffer>()
  /** By micro-batch in flight, by number: inputs that are no state, and values. */
  readonly #live = new Map<number, Map<number, Buffer>>()
  /** Sums that are not combined yet; the last is the newest. */
  readonly #sums: Sum[] = []
  /** Buffers that nobody holds, by type: they are taken again as they are, where the engine would clear new ones. */
  readonly #spare = new Map<string, Buffer[]>()

  constructor(engine: Engine, program: Program, plan: Plan, index: number) {
    const parts = stageParts(program, plan, index)
    const compiled = (part: Part): Compiled => ({ ...part, kernel: engine.compile(part.graph) })
    this.stage = plan.stages[index] as Stage
    const sums = [...program.gradients, ...program.metrics]
    this.statePorts = this.stage.state.map((i) => program.state[i] as Port)
    this.sumPorts = this.stage.sums.map((i) => sums[i] as Port)
    this.#engine = engine
    this.#program = program
    this.#parts = {
      init: compiled(parts.init),
      forward: compiled(parts.forward),
      backward: compiled(parts.backward),
      combine: compiled(parts.combine),
      update: compiled(parts.update),
    }
  }

  /** Sets the tensors that live here to what the init graph gives; nothing is left of a step. */
  init(seed: Words): void {
    this.#clear()
    const { init } = this.#program
    const input = this.#hold({ dtype: 'u32', shape: [2] }, seed)
    const values = this.#call(this.#parts.init, () => input)
    this.#engine.free(input)
    this.#adopt(init, values)
  }

  /** Replaces the tensors that live here by `bytes` (end to end); nothing is left of a step. @throws bad-data on a wrong length */
  load(bytes: Uint8Array): void {
    const list = sliceList(this.statePorts, bytes)
    this.#clear()
    for (const [k, i] of this.stage.state.entries()) {
      const { port, bytes } = list[k] as (typeof list)[number]
      this.#state.set(i, this.#hold(port.type, wordsOf(bytes)))
    }
  }

  /** A tensor that lives here. */
  state(index: number): Words {
    return this.#copy(this.#state.get(index), `state tensor ${index}`)
  }

  /** A copy of a tensor that lives elsewhere, for the step that begins. */
  receiveState(index: number, words: Words): void {
    const known = this.#state.get(index)
    if (known) known.words().set(words)
    else this.#state.set(index, this.#hold((this.#program.state[index] as { type: TensorType }).type, words))
  }

  /** Begins a micro-batch; `inputs` are those of `micro` behind the state. */
  begin(microBatch: number, inputs: readonly Words[]): void {
    const live = new Map<number, Buffer>()
    const first = this.#program.state.length
    for (const [i, words] of inputs.entries()) {
      live.set(first + i, this.#hold(typeOf(this.#program.micro, first + i), words))
    }
    this.#live.set(microBatch, live)
  }

  /** A value that crosses from another stage. */
  receive(microBatch: number, value: number, words: Words): void {
    this.#of(microBatch).set(value, this.#hold(typeOf(this.#program.micro, value), words))
  }

  /** Copies a value that this stage has computed into `into`, as long as it is. */
  give(microBatch: number, value: number, into: Uint8Array): void {
    const buffer = this.#of(microBatch).get(value) ?? fail('internal', `value ${value} is not in this stage`)
    into.set(bytesOf(buffer.words()))
  }

  run(microBatch: number, pass: 'forward' | 'backward'): void {
    const live = this.#of(microBatch)
    for (const [id, buffer] of this.#call(this.#parts[pass], (id) => this.#state.get(id) ?? live.get(id))) {
      live.set(id, buffer)
    }
  }

  /** Ends a micro-batch: its sums are the newest, and nothing else of it is kept. */
  finish(microBatch: number): void {
    const live = this.#of(microBatch)
    const { outputs } = this.#program.micro
    const sum = this.#distinct(this.stage.sums.map((index) => live.get(outputs[index]?.value as number)))
    const taken = new Set(sum)
    this.#letGo([...live.values()].filter((buffer) => !taken.has(buffer)))
    this.#live.delete(microBatch)
    this.#sums.push(sum)
  }

  /** Adds the newest sum to the one before it. */
  combine(): void {
    const [right, left] = [this.#pop(), this.#pop()]
    const count = this.#program.gradients.length + this.#program.metrics.length
    const at = (side: Sum, index: number): Buffer | undefined => side[this.stage.sums.indexOf(index)]
    const { outputs } = this.#program.combine
    const place = new Map(this.stage.sums.map((index, i) => [outputs[index]?.value, left[i]]))
    const values = this.#call(
      this.#parts.combine,
      (id) => (id < count ? at(left, id) : at(right, id - count)),
      (id) => place.get(id),
    )
    this.#letGo(right)
    this.#sums.push(this.#distinct(this.stage.sums.map((index) => values.get(outputs[index]?.value as number))))
  }

  /** Adds another replica's sum of this stage to the current one; `lower` says that the other one stands left of it in the tree. */
  join(other: Uint8Array, lower: boolean): void {
    const theirs = sliceList(this.sumPorts, other).map(({ port, bytes }) => this.#hold(port.type, wordsOf(bytes)))
    const mine = this.#pop()
    this.#sums.push(...(lower ? [theirs, mine] : [mine, theirs]))
    this.combine()
  }

  /** Copies the current sum, end to end, into `into`. */
  readSum(into: Uint8Array): void {
    const sum = this.#sums.at(-1) ?? fail('internal', 'there is no sum: run a micro-batch first')
    for (const [i, { bytes }] of sliceList(this.sumPorts, into).entries())
      bytes.set(bytesOf((sum[i] as Buffer).words()))
  }

  /** Copies the tensors that live here, end to end, into `into`. */
  readState(into: Uint8Array): void {
    for (const [k, { bytes }] of sliceList(this.statePorts, into).entries()) {
      bytes.set(bytesOf(this.state(this.stage.state[k] as number)))
    }
  }

  /** An output of `micro`, summed over the batch. */
  sum(index: number): Words {
    return this.#copy(this.#sums.at(-1)?.[this.stage.sums.indexOf(index)], `sum ${index}`)
  }

  receiveSum(index: number, words: Words): void {
    const { micro } = this.#program
    this.#foreign.set(index, this.#hold(typeOf(micro, micro.outputs[index]?.value as number), words))
  }

  /**
   * Updates the tensors that live here from the sums, which are then gone. Returns the step's metrics that are computed
   * here, summed over the batch, in their order.
   */
  update(step: number): Float32Array {
    const { state, update } = this.#program
    const sum = this.#pop()
    const time = this.#hold({ dtype: 'u32', shape: [] }, Uint32Array.of(step))
    const values = this.#call(this.#parts.update, (id) => {
      if (id < state.length) return this.#state.get(id)
      const index = id - state.length - 1
      return index < 0 ? time : (this.#foreign.get(index) ?? sum[this.stage.sums.indexOf(index)])
    })
    const own = this.stage.sums.flatMap((index, i) =>
      index >= this.#program.gradients.length ? [sum[i] as Buffer] : [],
    )
    const metrics = Uint32Array.from(own.map((buffer) => buffer.words()[0] as number))
    this.#letGo([...sum, time, ...this.#foreign.values()])
    this.#foreign.clear()
    this.#adopt(update, values)
    return new Float32Array(metrics.buffer)
  }

  /** The tensors that live here become those that a graph with the state as its first outputs gives; the rest goes. */
  #adopt(graph: Graph, values: ReadonlyMap<number, Buffer>): void {
    const { state } = this.stage
    const next = this.#distinct(state.map((i) => values.get(graph.outputs[i]?.value as number)))
    for (const [k, i] of state.entries()) {
      const old = this.#state.get(i)
      if (old) this.#letGo([old])
      this.#state.set(i, next[k] as Buffer)
    }
    const kept = new Set(next)
    this.#letGo([...values.values()].filter((buffer) => !kept.has(buffer)))
  }

  /** The buffers, with a copy of any that comes again. */
  #distinct(buffers: readonly (Buffer | undefined)[]): Buffer[] {
    const taken = new Set<Buffer>()
    return buffers.map((buffer) => {
      if (!buffer) fail('internal', 'a stage lacks a tensor that its plan says is computed here')
      const own = taken.has(buffer) ? this.#hold(buffer.type, buffer.words().slice()) : buffer
      taken.add(own)
      return own
    })
  }

  /** Runs a part; its results by their numbers, in buffers of their own where `into` names none. */
  #call(
    { kernel, reads, results, graph }: Compiled,
    input: (id: number) => Buffer | undefined,
    into: (id: number) => Buffer | undefined = () => undefined,
  ): Map<number, Buffer> {
    const inputs = reads.map((id) => input(id) ?? fail('internal', `value ${id} of '${graph.name}' is not here`))
    const outputs = results.map((id, i) => into(id) ?? this.#take(typeOf(graph, graph.outputs[i]?.value as number)))
    kernel.run(inputs, outputs)
    return new Map(results.map((id, i) => [id, outputs[i] as Buffer]))
  }

  /** Lets go of everything. */
  #clear(): void {
    for (const held of [...this.#live.values(), this.#foreign, this.#state]) {
      this.#free(held.values())
      held.clear()
    }
    this.#live.clear()
    this.#free(this.#sums.splice(0).flat())
    for (const spare of this.#spare.values()) this.#free(spare)
    this.#spare.clear()
  }

  #free(buffers: Iterable<Buffer>): void {
    for (const buffer of buffers) this.#engine.free(buffer)
  }

  #letGo(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) {
      const key = spareKey(buffer.type)
      const spare = this.#spare.get(key)
      if (spare) spare.push(buffer)
      else this.#spare.set(key, [buffer])
    }
  }

  /** A buffer of any content. What is spare of other types makes room for it: no more is held than was ever in use at once. */
  #take(type: TensorType): Buffer {
    const same = this.#spare.get(spareKey(type))?.pop()
    if (same) return same
    let missing = tensorBytes(type)
    for (const spare of this.#spare.values()) {
      while (missing > 0 && spare.length > 0) {
        const other = spare.pop() as Buffer
        this.#engine.free(other)
        missing -= tensorBytes(other.type)
      }
    }
    return this.#engine.alloc(type)
  }

  #hold(type: TensorType, words: Words): Buffer {
    const buffer = this.#take(type)
    buffer.words().set(words)
    return buffer
  }

  #copy(buffer: Buffer | undefined, what: string): Words {
    return (buffer ?? fail('internal', `${what} is not in this stage`)).words().slice()
  }

  #of(microBatch: number): Map<number, Buffer> {
    return this.#live.get(microBatch) ?? fail('internal', `micro-batch ${microBatch} is not in flight here`)
  }

  #pop(): Sum {
    return this.#sums.pop() ?? fail('internal', 'there is no sum: run a micro-batch first')
  }
}

const spareKey = ({ dtype, shape }: TensorType): string => `${dtype} ${shape}`

/** Of bytes that begin at a word. */
export function wordsOf(bytes: Uint8Array): Words {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
}

export function bytesOf(words: Words): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}
