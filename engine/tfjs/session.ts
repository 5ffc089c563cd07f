/** The state of an engine inside its thread: buffers, kernels, and how they run on a backend. */
import { canonical } from '#arith/blocks.ts'
import type { TensorType } from '#arith/types.ts'
import { elementsOf, showType } from '#graph/shape.ts'
import type { Graph } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import type { Buffer, Engine, Kernel } from '../types.ts'
import type { Started } from './backends.ts'
import { Executor } from './execute.ts'
import type { Answer, BufferSpec, KernelReport, Request, Usage } from './messages.ts'
import type { HostPart, Plan } from './plan.ts'
import { split } from './split.ts'
import type { Tensor } from './tf.ts'

const MIB = 2 ** 20
/** Outputs of so many words are read at once where that takes no wait. */
const FEW_WORDS = 16

type Outcome = Omit<Extract<Answer, { ok: true }>, 'ok' | 'usage'>

/** A tensor of the caller: its words, a tensor of the backend, or both; at least one of them is up to date. */
interface Slot extends BufferSpec {
  fresh: boolean
  tensor: Tensor | undefined
}

/** A part of a plan on the exact engine, with buffers of its own. */
interface ExactKernel {
  readonly part: HostPart
  readonly kernel: Kernel
  readonly inputs: readonly Buffer[]
  readonly outputs: readonly Buffer[]
}

interface Compiled {
  readonly graph: Graph
  readonly plan: Plan
  readonly prelude: ExactKernel | null
  /** By step. */
  readonly late: ReadonlyMap<number, ExactKernel>
  /** Values that never change. */
  readonly constants: Map<number, Value>
}

/** A value while a kernel runs. Whoever holds a tensor says whether it is to be disposed of. */
interface Value {
  words?: Uint32Array
  tensor?: Tensor
  slot?: Slot
}

export class Session {
  readonly #backend: Started
  readonly #executor: Executor
  readonly #exact: Engine
  readonly #limit: number
  readonly #slots = new Map<number, Slot>()
  readonly #kernels = new Map<number, Compiled>()
  #peak = 0

  /** @param exact the engine that computes what the backend cannot */
  constructor(backend: Started, exact: Engine, limit: number) {
    this.#backend = backend
    this.#executor = new Executor(backend.tf)
    this.#exact = exact
    this.#limit = limit
  }

  usage(): Usage {
    const bytes = this.#backend.tf.memory().numBytes
    this.#peak = Math.max(this.#peak, bytes)
    return { bytes, peak: this.#peak }
  }

  /** What the answer to a request says besides. */
  async handle(request: Request): Promise<Outcome> {
    switch (request.do) {
      case 'alloc':
        this.#slots.set(request.buffer.id, { ...request.buffer, fresh: true, tensor: undefined })
        return {}
      case 'free':
        this.#slot(request.id).tensor?.dispose()
        this.#slots.delete(request.id)
        return {}
      case 'read':
        await this.#read(this.#slot(request.id))
        return {}
      case 'compile':
        return { kernel: this.#compile(request.id, request.graph) }
      case 'run': {
        for (const id of request.touched) this.#touch(this.#slot(id))
        const slots = (ids: readonly number[]): Slot[] => ids.map((id) => this.#slot(id))
        const outputs = slots(request.outputs)
        await this.#run(this.#kernels.get(request.kernel)!, slots(request.inputs), outputs)
        return { read: outputs.filter(({ fresh }) => fresh).map(({ id }) => id) }
      }
    }
  }

  #slot(id: number): Slot {
    return this.#slots.get(id) ?? fail('bad-input', 'this buffer is not held by this engine')
  }

  #touch(slot: Slot): void {
    slot.tensor?.dispose()
    slot.tensor = undefined
  }

  async #read(slot: Slot): Promise<void> {
    if (slot.fresh) return
    slot.words.set(await wordsOf(slot.tensor!))
    slot.fresh = true
  }

  #compile(id: number, graph: Graph): KernelReport {
    const plan = split(graph, this.#backend)
    for (const step of plan.steps) if (step.on === 'device') this.#check(graph, plan.types[step.out]!)
    const late = plan.steps.flatMap((step, i) => (step.on === 'host' ? [[i, this.#prepare(step.part)] as const] : []))
    const constants = new Map<number, Value>()
    if (plan.constants) {
      const exact = this.#prepare(plan.constants)
      exact.kernel.run(exact.inputs, exact.outputs)
      for (const [i, value] of exact.part.outputs.entries()) {
        constants.set(value, { words: exact.outputs[i]!.words().slice() })
      }
    }
    const prelude = plan.prelude ? this.#prepare(plan.prelude) : null
    this.#kernels.set(id, { graph, plan, prelude, late: new Map(late), constants })
    const waits = plan.steps.flatMap((step) =>
      step.on === 'host' ? [`${step.part.outputs[0]} ${step.part.graph.nodes[0]!.op}`] : [],
    )
    return { device: plan.steps.length - waits.length, prelude: plan.prelude?.graph.nodes.length ?? 0, waits }
  }

  #check(graph: Graph, type: TensorType): void {
    const bytes = 4 * elementsOf(type.shape)
    const most = Math.min(this.#backend.maxTensorBytes, this.#limit)
    if (bytes <= most) return
    fail('over-limit', `'${graph.name}' has a tensor ${showType(type)}; this backend takes at most ${most / MIB} MiB`, {
      next: 'Take smaller micro-batches (microBatches in the job), or another backend.',
    })
  }

  #prepare(part: HostPart): ExactKernel {
    const kernel = this.#exact.compile(part.graph)
    const types = [...part.graph.inputs, ...part.graph.nodes].map(({ type }) => type)
    return {
      part,
      kernel,
      inputs: part.graph.inputs.map(({ type }) => this.#exact.alloc(type)),
      outputs: part.graph.outputs.map(({ value }) => this.#exact.alloc(types[value]!)),
    }
  }

  async #run({ graph, plan, prelude, late, constants }: Compiled, inputs: Slot[], outputs: Slot[]): Promise<void> {
    const values = new Map<number, Value>(constants)
    for (const [i, slot] of inputs.entries()) values.set(i, { slot })
    const kept = (id: number): boolean => id < inputs.length || constants.has(id)
    try {
      if (prelude) await this.#runExact(prelude, values)
      for (const [i, step] of plan.steps.entries()) {
        if (step.on === 'host') {
          await this.#runExact(late.get(i)!, values)
        } else {
          const operands = step.inputs.map((id) => this.#tensor(values.get(id)!, plan.types[id]!))
          const types = step.inputs.map((id) => plan.types[id]!)
          const tensor = this.#executor.run(step.operation, operands, types, plan.types[step.out]!)
          values.set(step.out, { tensor })
        }
        this.#admit(graph)
        for (const id of step.free) {
          if (kept(id)) continue
          values.get(id)?.tensor?.dispose()
          values.delete(id)
        }
      }
      await this.#deliver(plan, values, outputs)
    } finally {
      for (const [id, { tensor }] of values) if (!kept(id)) tensor?.dispose()
    }
  }

  /** Stores the outputs; an output may be the buffer of an input, and one value may go to several outputs. */
  async #deliver(plan: Plan, values: ReadonlyMap<number, Value>, outputs: readonly Slot[]): Promise<void> {
    const { tf } = this.#backend
    const results: { words?: Uint32Array; tensor?: Tensor }[] = []
    for (const { value, on } of plan.outputs) {
      const held = values.get(value)!
      if (on === 'device') results.push({ tensor: tf.clone(held.tensor!) })
      else if (held.slot?.tensor && !held.slot.fresh) results.push({ tensor: tf.clone(held.slot.tensor) })
      else results.push({ words: (held.words ?? held.slot!.words).slice() })
    }
    for (const [i, slot] of outputs.entries()) {
      slot.tensor?.dispose()
      slot.tensor = results[i]!.tensor
      slot.fresh = slot.tensor === undefined
      if (results[i]!.words) slot.words.set(results[i]!.words)
      // Metrics are asked for after every step.
      if (this.#backend.prompt && slot.words.length <= FEW_WORDS) await this.#read(slot)
    }
  }

  async #runExact(exact: ExactKernel, values: Map<number, Value>): Promise<void> {
    for (const [i, id] of exact.part.inputs.entries()) {
      const words = await this.#words(values.get(id)!)
      exact.inputs[i]!.words().set(words)
    }
    exact.kernel.run(exact.inputs, exact.outputs)
    for (const [i, id] of exact.part.outputs.entries()) {
      values.set(id, { words: exact.outputs[i]!.words().slice() })
    }
  }

  async #words(value: Value): Promise<Uint32Array> {
    if (value.slot) {
      await this.#read(value.slot)
      return value.slot.words
    }
    value.words ??= await wordsOf(value.tensor!)
    return value.words
  }

  #tensor(value: Value, type: TensorType): Tensor {
    const { tf } = this.#backend
    if (value.slot) {
      value.slot.tensor ??= tensorOf(tf, value.slot.words, type)
      return value.slot.tensor
    }
    value.tensor ??= tensorOf(tf, value.words!, type)
    return value.tensor
  }

  #admit({ name }: Graph): void {
    const { bytes } = this.usage()
    if (bytes <= this.#limit) return
    fail(
      'over-limit',
      `'${name}' holds ${Math.ceil(bytes / MIB)} MiB of tensors; the limit is ${this.#limit / MIB} MiB`,
      {
        next: 'Take smaller micro-batches (microBatches in the job), or raise the limit of the engine.',
      },
    )
  }
}

function tensorOf(tf: Started['tf'], words: Uint32Array, { dtype, shape }: TensorType): Tensor {
  // A copy: backends may keep what they are given, and shared memory is not theirs to keep.
  const own = words.slice()
  if (dtype === 'f32') return tf.tensor(new Float32Array(own.buffer), shape, 'float32')
  if (dtype === 'bool') return tf.tensor(Uint8Array.from(own), shape, 'bool')
  return tf.tensor(new Int32Array(own.buffer), shape, 'int32')
}

/** The words of a tensor; of floats as f32 tensors store them, so that whoever replays from them reads what was read here. */
async function wordsOf(tensor: Tensor): Promise<Uint32Array> {
  const data = await tensor.data()
  if (!(data instanceof Float32Array)) return Uint32Array.from(data)
  const words = new Uint32Array(data.length)
  new Float32Array(words.buffer).set(data)
  for (let i = 0; i < words.length; i++) words[i] = canonical(words[i]!)
  return words
}
