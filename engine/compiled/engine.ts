/** Engines that compile: buffers in one shared memory, kernels emitted from graphs by a backend, run by a pool of threads. */
import type { TensorType } from '#arith/types.ts'
import { elementsOf, sameType, showType } from '#graph/shape.ts'
import type { Graph } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import { moduleOf } from '../kernel/module.ts'
import { type Plan, planOf } from '../kernel/plan.ts'
import type { Buffer, Engine, EngineOptions, Kernel } from '../types.ts'
import type { Backend, Run } from './backend.ts'
import { Memory } from './memory.ts'
import { Pool } from './pool.ts'

/** A plan's code, ready to run on the addresses of its inputs' buffers, then its outputs'. */
export interface Installed {
  readonly run: (addresses: readonly number[]) => void
  readonly tasks: readonly { readonly kind: string; readonly run: (addresses: readonly number[]) => void }[]
}

class CompiledBuffer implements Buffer {
  readonly type: TensorType
  readonly address: number
  readonly #memory: Memory

  constructor(type: TensorType, memory: Memory) {
    this.type = type
    this.#memory = memory
    this.address = memory.alloc(4 * elementsOf(type.shape))
  }

  words(): Uint32Array {
    return this.#memory.words(this.address, elementsOf(this.type.shape))
  }
}

/** A block of engine memory that only ever grows; its content does not survive growth. */
class Region {
  readonly #memory: Memory
  #address = 0
  #bytes = 0

  constructor(memory: Memory) {
    this.#memory = memory
  }

  get address(): number {
    return this.#address
  }

  reserve(bytes: number): void {
    if (bytes <= this.#bytes) return
    if (this.#bytes > 0) this.#memory.free(this.#address)
    this.#bytes = 0
    this.#address = this.#memory.alloc(bytes)
    this.#bytes = bytes
  }
}

export class CompiledEngine implements Engine {
  readonly threads: number
  readonly #backend: Backend
  readonly #memory: Memory
  readonly #buffers = new Set<Buffer>()
  readonly #arena: Region
  readonly #scratch: Region
  readonly #table: Region
  #pool: Pool | null = null
  #kernels = 0
  #frees = 0
  #closed = false
  #scratchPitch = 0

  private constructor(backend: Backend, memory: Memory, threads: number) {
    this.#backend = backend
    this.#memory = memory
    this.threads = threads
    this.#arena = new Region(memory)
    this.#scratch = new Region(memory)
    this.#table = new Region(memory)
  }

  get name(): string {
    return this.#backend.name
  }

  /** The instructions it uses; never changes a bit. */
  get variant(): string {
    return this.#backend.variant
  }

  /**
   * @param open makes the backend for the engine's memory
   * @throws bad-input for a thread count that is not an integer in 1..64
   */
  static async start({ threads = 1 }: EngineOptions, open: (memory: Memory) => Backend): Promise<CompiledEngine> {
    if (!Number.isInteger(threads) || threads < 1 || threads > 64) {
      fail('bad-input', `${threads} threads: choose an integer in 1..64`)
    }
    const memory = new Memory()
    const engine = new CompiledEngine(open(memory), memory, threads)
    if (threads > 1) engine.#pool = await Pool.start(memory.shared, threads, engine.#backend.worker)
    return engine
  }

  alloc(type: TensorType): Buffer {
    const buffer = new CompiledBuffer(type, this.#memory)
    this.#buffers.add(buffer)
    return buffer
  }

  free(buffer: Buffer): void {
    if (!this.#buffers.delete(buffer)) fail('bad-input', 'this buffer is not held by this engine')
    this.#memory.free((buffer as CompiledBuffer).address)
    this.#frees++
  }

  compile(graph: Graph): Kernel {
    return this.#compile(graph, this.threads)
  }

  memory(): number {
    return this.#memory.bytes
  }

  peak(): number {
    return this.#memory.peak
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#buffers.clear()
    await this.#pool?.close()
    this.#pool = null
    this.#backend.close()
  }

  #compile(graph: Graph, threads: number): Kernel {
    const plan = planOf(graph)
    return new CompiledKernel(
      this,
      graph,
      plan,
      this.install(plan, graph.inputs.length, graph.outputs.length, threads).run,
    )
  }

  /** Loads a plan's module. `singly` prepares `tasks`; they run on the calling thread and need `threads` to be 1. */
  install(plan: Plan, inputs: number, outputs: number, threads = this.threads, singly = false): Installed {
    if (this.#closed) fail('bad-input', 'this engine is closed')
    const module = moduleOf(plan, inputs, threads, this.#backend.target, singly)
    const code = this.#backend.load(module, threads)
    const kernel = this.#kernels++
    if (threads > 1) this.#pool?.install(kernel, code.portable)
    this.#arena.reserve(plan.arenaBytes)
    // Threads never write to the same cache line, and a vector read past the end of a scratch is harmless.
    this.#scratchPitch = Math.max(this.#scratchPitch, Math.ceil(module.scratch / 64) * 64 + 64)
    this.#scratch.reserve(this.#scratchPitch * this.threads)
    this.#table.reserve(4 * (inputs + outputs))
    const entry = (run: Run) => (addresses: readonly number[]) => {
      if (this.#closed) fail('bad-input', 'this engine is closed')
      const [scratch, arena, table] = [this.#scratch.address, this.#arena.address, this.#table.address]
      this.#memory.words(table, addresses.length).set(addresses)
      const pool = threads > 1 ? this.#pool : null
      if (!pool) return run(0, scratch, arena, table)
      if (pool.failed) fail('worker-lost', 'a thread of this engine has ended')
      pool.call({ kernel, scratch, scratchPitch: this.#scratchPitch, arena, table })
      try {
        run(0, scratch, arena, table)
      } catch (cause) {
        pool.fault()
        fail('worker-lost', 'a thread of this engine has failed', { cause })
      }
    }
    const tasks = code.tasks.map((run, i) => ({ kind: module.kinds[i]!, run: entry(run) }))
    return { run: entry(code.run), tasks }
  }

  /** The words of value `id` of a graph, computed by a kernel for it alone. */
  tap(graph: Graph, inputs: readonly Buffer[], id: number): Uint32Array {
    const values = graph.inputs.length + graph.nodes.length
    if (!Number.isInteger(id) || id < 0 || id >= values) fail('bad-input', `graph '${graph.name}' has no value ${id}`)
    const kernel = this.#compile(needed(graph, id), 1)
    const type = [...graph.inputs, ...graph.nodes][id]!.type
    const buffer = this.alloc(type)
    try {
      kernel.run(inputs, [buffer])
      return buffer.words().slice()
    } finally {
      this.free(buffer)
    }
  }

  /** Grows whenever a buffer is freed: addresses that were looked up before may be another's. */
  get frees(): number {
    return this.#frees
  }

  addressOf(buffer: Buffer | undefined, type: TensorType, what: string): number {
    if (!buffer || !this.#buffers.has(buffer)) fail('bad-input', `${what} has no buffer of this engine`)
    if (!sameType(buffer.type, type)) {
      fail('bad-shape', `${what} is ${showType(type)}, its buffer ${showType(buffer.type)}`)
    }
    return (buffer as CompiledBuffer).address
  }
}

/** The graph of what value `id` depends on, with all inputs and `id` as the only output. */
function needed(graph: Graph, id: number): Graph {
  const inputs = graph.inputs.length
  const keep = new Set([id])
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (keep.has(inputs + i)) for (const input of graph.nodes[i]!.inputs) keep.add(input)
  }
  const renumbered = new Map(graph.inputs.map((_, i) => [i, i]))
  const nodes = graph.nodes.filter((_, i) => {
    if (!keep.has(inputs + i)) return false
    renumbered.set(inputs + i, renumbered.size)
    return true
  })
  const renumber = (value: number): number => renumbered.get(value)!
  return {
    name: graph.name,
    inputs: graph.inputs,
    nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(renumber) })),
    outputs: [{ name: 'value', value: renumber(id) }],
  }
}

/** Calls that a kernel remembers. */
const MOST_CALLS = 8

class CompiledKernel implements Kernel {
  readonly graph: Graph
  readonly #engine: CompiledEngine
  readonly #plan: Plan
  readonly #run: (addresses: readonly number[]) => void
  readonly #types: readonly TensorType[]
  /** Answers of `inPlace` for the pairs that came up. */
  readonly #shares = new Map<string, boolean>()
  /** Recent calls that were in order, newest first: training repeats a few. */
  readonly #calls: { readonly buffers: readonly Buffer[]; readonly addresses: readonly number[]; frees: number }[] = []

  constructor(engine: CompiledEngine, graph: Graph, plan: Plan, run: (addresses: readonly number[]) => void) {
    this.#engine = engine
    this.graph = graph
    this.#plan = plan
    this.#run = run
    const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
    this.#types = graph.outputs.map(({ value }) => types[value]!)
  }

  run(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    const { graph } = this
    const engine = this.#engine
    const known = this.#calls.find(
      ({ buffers, frees }) =>
        frees === engine.frees &&
        inputs.length === graph.inputs.length &&
        buffers.length === inputs.length + outputs.length &&
        inputs.every((buffer, i) => buffer === buffers[i]) &&
        outputs.every((buffer, i) => buffer === buffers[inputs.length + i]),
    )
    if (known) {
      this.#run(known.addresses)
      return
    }
    if (inputs.length !== graph.inputs.length || outputs.length !== graph.outputs.length) {
      const wanted = `${graph.inputs.length} inputs and ${graph.outputs.length} outputs`
      fail('bad-input', `graph '${graph.name}' has ${wanted}, got ${inputs.length} and ${outputs.length} buffers`)
    }
    const from = graph.inputs.map(({ name, type }, i) => engine.addressOf(inputs[i], type, `input '${name}'`))
    const to = graph.outputs.map(({ name }, i) => engine.addressOf(outputs[i], this.#types[i]!, `output '${name}'`))
    if (new Set(to).size !== to.length) fail('bad-input', `two outputs of graph '${graph.name}' share a buffer`)

    // An output that would overwrite an input which is still needed goes to a buffer of its own first.
    const staged: { readonly buffer: Buffer; readonly port: number }[] = []
    const readers = Map.groupBy(from.keys(), (input) => from[input]!)
    const written = to.map((address, port) => {
      if ((readers.get(address) ?? []).every((input) => this.#mayShare(input, port))) return address
      const buffer = engine.alloc(this.#types[port]!)
      staged.push({ buffer, port })
      return engine.addressOf(buffer, buffer.type, 'staging')
    })
    const addresses = [...from, ...written]
    this.#run(addresses)
    if (staged.length === 0) {
      this.#calls.unshift({ buffers: [...inputs, ...outputs], addresses, frees: engine.frees })
      this.#calls.length = Math.min(this.#calls.length, MOST_CALLS)
    }
    for (const { buffer, port } of staged) {
      outputs[port]!.words().set(buffer.words())
      engine.free(buffer)
    }
  }

  #mayShare(input: number, output: number): boolean {
    const key = `${input} ${output}`
    const known = this.#shares.get(key) ?? this.#plan.inPlace(input, output)
    this.#shares.set(key, known)
    return known
  }

  tap(inputs: readonly Buffer[], id: number): Uint32Array {
    return this.#engine.tap(this.graph, inputs, id)
  }
}
