/** Runs the phases of a program on one engine: the same code trains, replays and audits. */
import type { Buffer, Engine, Kernel } from '#engine/types.ts'
import type { Port, Program } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import type { JobSpec } from '#proto/job.ts'
import { microBatchesOfLane } from '#proto/lanes.ts'
import type { Dataset } from '#runtime/dataset.ts'
import { Feed } from '#runtime/feed.ts'
import { listBytes } from '#runtime/tensors.ts'

/** Buffers of one gradient sum: gradients, then metrics, as `program.micro` emits them. */
type Sum = readonly Buffer[]

const SCALAR_U32 = { dtype: 'u32', shape: [] } as const
const PAIR_U32 = { dtype: 'u32', shape: [2] } as const

/**
 * The state of one training run on one engine.
 *
 * A step is: `sum(step, replica, replicas)` (the replica's lane subtree), any number of `join` with sums of other
 * replicas, `update(step)`. With one replica there is nothing to join. docs/spec/protocol.md, "Data parallel".
 */
export class Trainer {
  readonly program: Program
  readonly spec: JobSpec
  /** Ports of a gradient sum, in the order of its bytes. */
  readonly sumPorts: readonly Port[]
  readonly #engine: Engine
  readonly #feed: Feed
  readonly #micro: Kernel
  readonly #combine: Kernel
  readonly #update: Kernel
  readonly #seed: Buffer
  readonly #step: Buffer
  readonly #position: Buffer
  readonly #records: Buffer
  readonly #stepMetrics: Buffer[]
  #state: Buffer[]
  #next: Buffer[]
  #sum: Sum | undefined
  readonly #spare: Sum[] = []

  constructor(engine: Engine, program: Program, spec: JobSpec, data: Dataset) {
    this.#engine = engine
    this.program = program
    this.spec = spec
    this.#feed = new Feed(spec, program, data)
    this.sumPorts = [...program.gradients, ...program.metrics]
    this.#micro = engine.compile(program.micro)
    this.#combine = engine.compile(program.combine)
    this.#update = engine.compile(program.update)
    this.#seed = engine.alloc(PAIR_U32)
    this.#step = engine.alloc(SCALAR_U32)
    this.#position = this.#input('position')
    this.#records = this.#input('records')
    this.#stepMetrics = program.update.outputs
      .slice(program.state.length)
      .map(() => engine.alloc({ dtype: 'f32', shape: [] }))
    this.#state = program.state.map((port) => engine.alloc(port.type))
    this.#next = program.state.map((port) => engine.alloc(port.type))
  }

  #input(name: string): Buffer {
    const port = this.program.micro.inputs.find((input) => input.name === name)
    if (!port) fail('bad-program', `the micro graph has no input named ${name}`)
    return this.#engine.alloc(port.type)
  }

  /** Sets the state to the output of the init graph: state 0 of the job. */
  init(): void {
    const kernel = this.#engine.compile(this.program.init)
    this.#setSeed('init')
    kernel.run([this.#seed], this.#state)
  }

  /** Bytes of a state. */
  get stateBytes(): number {
    return listBytes(this.program.state)
  }

  /** Bytes of a gradient sum. */
  get sumBytes(): number {
    return listBytes(this.sumPorts)
  }

  /** Replaces the state by `bytes` (the tensors end to end). @throws AssayError `bad-data` on a wrong length */
  loadState(bytes: Uint8Array): void {
    write(this.#state, bytes)
  }

  /** Copies the state, end to end, into `into` (`stateBytes` long). */
  readState(into: Uint8Array): void {
    read(this.#state, into)
  }

  /** Computes the lane subtree of `replica` out of `replicas` for a step; it becomes the current sum. */
  sum(step: number, replica: number, replicas: number): void {
    this.#dropSum()
    this.#step.words()[0] = step
    this.#setSeed('dropout')
    const sum = this.#subtree(step, replica, replicas)
    if (!sum) fail('internal', `replica ${replica} of ${replicas} owns no micro-batch`)
    this.#sum = sum
  }

  /** Copies the current sum into `into` (`sumBytes` long). */
  readSum(into: Uint8Array): void {
    read(this.#current(), into)
  }

  /** Replaces the current sum by `bytes`. */
  writeSum(bytes: Uint8Array): void {
    this.#sum ??= this.#takeSum()
    write(this.#sum, bytes)
  }

  /** Adds another replica's sum to the current one; `lower` says that the other one stands left of it in the tree. */
  join(other: Uint8Array, lower: boolean): void {
    const mine = this.#current()
    const theirs = this.#takeSum()
    write(theirs, other)
    if (lower) {
      this.#combine.run([...theirs, ...mine], mine)
    } else {
      this.#combine.run([...mine, ...theirs], mine)
    }
    this.#spare.push(theirs)
  }

  /** Applies the optimizer to the current sum, which is then gone. Returns the step's metrics, summed over the batch. */
  update(step: number): Float32Array {
    const sum = this.#current()
    this.#step.words()[0] = step
    this.#update.run([...this.#state, this.#step, ...sum], [...this.#next, ...this.#stepMetrics])
    ;[this.#state, this.#next] = [this.#next, this.#state]
    const metrics = sum.slice(this.program.gradients.length).map((buffer) => buffer.words()[0] as number)
    this.#dropSum()
    return new Float32Array(new Uint32Array(metrics).buffer)
  }

  /** The words of value `id` of the micro graph in micro-batch `microBatch` of `step`, from the current state. */
  tap(step: number, microBatch: number, id: number): Uint32Array {
    this.#fill(step, microBatch)
    this.#step.words()[0] = step
    this.#setSeed('dropout')
    return this.#micro.tap(this.#microInputs(), id)
  }

  /** The value of lane `lane` once the levels `level` and above of the halving tree are joined; null if all its lanes are empty. */
  #subtree(step: number, lane: number, level: number): Sum | null {
    if (level >= this.spec.lanes) return this.#lane(step, lane)
    const low = this.#subtree(step, lane, 2 * level)
    const high = this.#subtree(step, lane + level, 2 * level)
    if (!low || !high) return low ?? high
    this.#combine.run([...low, ...high], low)
    this.#spare.push(high)
    return low
  }

  #lane(step: number, lane: number): Sum | null {
    let sum: Sum | null = null
    for (const microBatch of microBatchesOfLane(lane, this.spec.microBatches, this.spec.lanes)) {
      this.#fill(step, microBatch)
      const one = this.#takeSum()
      this.#micro.run(this.#microInputs(), one)
      if (sum) {
        this.#combine.run([...sum, ...one], sum)
        this.#spare.push(one)
      } else {
        sum = one
      }
    }
    return sum
  }

  #microInputs(): Buffer[] {
    return [...this.#state, this.#seed, this.#step, this.#position, this.#records]
  }

  #fill(step: number, microBatch: number): void {
    this.#feed.fill(step, microBatch, this.#position.words(), this.#records.words())
  }

  #setSeed(use: 'init' | 'dropout'): void {
    this.#seed.words().set(this.#feed.seeds[use])
  }

  #current(): Sum {
    return this.#sum ?? fail('internal', 'there is no gradient sum to use: compute or receive one first')
  }

  #takeSum(): Sum {
    return this.#spare.pop() ?? this.sumPorts.map((port) => this.#engine.alloc(port.type))
  }

  #dropSum(): void {
    if (this.#sum) this.#spare.push(this.#sum)
    this.#sum = undefined
  }
}

function asBytes(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}

function read(buffers: readonly Buffer[], into: Uint8Array): void {
  let offset = 0
  for (const buffer of buffers) {
    const bytes = asBytes(buffer.words())
    into.set(bytes, offset)
    offset += bytes.length
  }
}

function write(buffers: readonly Buffer[], from: Uint8Array): void {
  const sizes = buffers.map((buffer) => asBytes(buffer.words()).length)
  const total = sizes.reduce((a, b) => a + b, 0)
  if (from.length !== total) fail('bad-data', `a tensor list of ${from.length} bytes where ${total} were expected`)
  let offset = 0
  buffers.forEach((buffer, i) => {
    const size = sizes[i] as number
    asBytes(buffer.words()).set(from.subarray(offset, offset + size))
    offset += size
  })
}
