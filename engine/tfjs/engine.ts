/**
 * The TensorFlow.js engine: runs step graphs on a backend of TensorFlow.js. It is not exact, and is never one of the
 * engines that jobs in exact arithmetic choose from: its results lie near those of the definition, by distances that
 * tolerance/ measures.
 *
 * The backend lives in a thread of its own, because TensorFlow.js keeps its backend in a global and because some
 * backends answer only after a while; the caller sleeps until they do, so that kernels run as those of any engine.
 */
import { once } from 'node:events'
import { MessageChannel, type MessagePort, receiveMessageOnPort, SHARE_ENV, Worker } from 'node:worker_threads'
import type { TensorType } from '#arith/types.ts'
import { checkShape, elementsOf, sameType, showType } from '#graph/shape.ts'
import type { Graph } from '#graph/types.ts'
import { AssayError, fail } from '#proto/errors.ts'
import type { Buffer, Engine, Kernel } from '../types.ts'
import type { BackendName } from './backends.ts'
import type { Answer, Hello, KernelReport, Request, ThreadStart, Usage } from './messages.ts'

export interface TfjsOptions {
  readonly backend: BackendName
  /** Most bytes of tensors on the backend; default 8 GiB. */
  readonly limit?: number
  /** Longest wait for one run, in seconds; default 600. */
  readonly patience?: number
}

const LIMIT = 8 * 2 ** 30
const PATIENCE = 600

class TfjsBuffer implements Buffer {
  readonly id: number
  readonly type: TensorType
  readonly data: Uint32Array<SharedArrayBuffer>
  /** Whether `data` holds what the buffer holds. */
  fresh = true
  readonly #engine: TfjsEngine

  constructor(engine: TfjsEngine, id: number, type: TensorType) {
    this.#engine = engine
    this.id = id
    this.type = type
    this.data = new Uint32Array(new SharedArrayBuffer(4 * elementsOf(type.shape)))
  }

  /** The words, to read and to write until the next run of a kernel. */
  words(): Uint32Array {
    this.#engine.touch(this)
    return this.data
  }
}

class TfjsKernel implements Kernel {
  readonly graph: Graph
  /** Where the nodes of the graph are computed. */
  readonly report: KernelReport
  readonly #engine: TfjsEngine
  readonly #id: number
  readonly #outputs: readonly TensorType[]
  readonly #taps = new Map<number, TfjsKernel>()

  constructor(engine: TfjsEngine, graph: Graph, id: number, report: KernelReport) {
    this.#engine = engine
    this.graph = graph
    this.report = report
    this.#id = id
    const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
    this.#outputs = graph.outputs.map(({ value }) => types[value]!)
  }

  run(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    const { graph } = this
    checkBuffers(
      graph,
      'input',
      inputs,
      graph.inputs.map(({ type }) => type),
    )
    checkBuffers(graph, 'output', outputs, this.#outputs)
    this.#engine.run(this.#id, inputs as readonly TfjsBuffer[], outputs as readonly TfjsBuffer[])
  }

  tap(inputs: readonly Buffer[], id: number): Uint32Array {
    const { graph } = this
    const value = graph.inputs[id] ?? graph.nodes[id - graph.inputs.length]
    if (!value) return fail('bad-input', `graph '${graph.name}' has no value ${id}`)
    const kernel =
      this.#taps.get(id) ??
      (this.#engine.compile({
        ...graph,
        name: `${graph.name}.tap`,
        outputs: [{ name: 'tap', value: id }],
      }) as TfjsKernel)
    this.#taps.set(id, kernel)
    const out = this.#engine.alloc(value.type)
    try {
      kernel.run(inputs, [out])
      return out.words().slice()
    } finally {
      this.#engine.free(out)
    }
  }
}

function checkBuffers({ name }: Graph, what: string, buffers: readonly Buffer[], types: readonly TensorType[]): void {
  if (buffers.length !== types.length) {
    fail('bad-input', `graph '${name}' has ${types.length} ${what}s, got ${buffers.length} buffers`)
  }
  for (const [i, buffer] of buffers.entries()) {
    if (sameType(buffer.type, types[i]!)) continue
    fail('bad-shape', `${what} ${i} of '${name}' is ${showType(types[i]!)}, its buffer ${showType(buffer.type)}`)
  }
}

export class TfjsEngine implements Engine {
  readonly name: string
  readonly threads = 1
  /** Versions, and the device. */
  readonly about: string
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #signal: Int32Array<SharedArrayBuffer>
  readonly #patience: number
  readonly #buffers = new Map<number, TfjsBuffer>()
  readonly #touched = new Set<number>()
  #usage: Usage = { bytes: 0, peak: 0 }
  #next = 0
  #lost = false

  private constructor(worker: Worker, port: MessagePort, start: ThreadStart, about: string, patience: number) {
    this.name = `tfjs-${start.backend}`
    this.about = about
    this.#worker = worker
    this.#port = port
    this.#signal = start.signal
    this.#patience = patience
    worker.on('error', () => {
      this.#lost = true
    })
  }

  /** @throws no-engine where the backend is not installed or cannot run here */
  static async start({ backend, limit = LIMIT, patience = PATIENCE }: TfjsOptions): Promise<TfjsEngine> {
    const { port1, port2 } = new MessageChannel()
    const signal = new Int32Array(new SharedArrayBuffer(4))
    const workerData: ThreadStart = { backend, port: port2, signal, limit }
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData,
      transferList: [port2],
      execArgv: [],
      // libtensorflow reads the environment of the process.
      ...(backend === 'node' && { env: SHARE_ENV }),
    })
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error))
    const [hello] = (await Promise.race([once(port1, 'message'), failed])) as [Hello]
    failed.catch(() => {})
    if (!hello.ok) {
      await worker.terminate()
      throw raised(hello)
    }
    port1.unref()
    worker.unref()
    return new TfjsEngine(worker, port1, workerData, hello.about, patience)
  }

  alloc(type: TensorType): Buffer {
    checkShape(type.shape)
    const buffer = new TfjsBuffer(this, this.#next++, type)
    this.#call({ do: 'alloc', buffer: { id: buffer.id, type, words: buffer.data } })
    this.#buffers.set(buffer.id, buffer)
    return buffer
  }

  free(buffer: Buffer): void {
    const { id } = this.#own(buffer)
    this.#buffers.delete(id)
    this.#touched.delete(id)
    this.#call({ do: 'free', id })
  }

  compile(graph: Graph): Kernel {
    const id = this.#next++
    const { kernel } = this.#call({ do: 'compile', id, graph })
    return new TfjsKernel(this, graph, id, kernel!)
  }

  /** Bytes of buffers and of tensors on the backend. */
  memory(): number {
    return this.#held() + this.#usage.bytes
  }

  peak(): number {
    return this.#held() + this.#usage.peak
  }

  async close(): Promise<void> {
    this.#lost = true
    this.#port.close()
    this.#buffers.clear()
    await this.#worker.terminate()
  }

  /** For buffers: their words are about to be read and written. */
  touch(buffer: TfjsBuffer): void {
    this.#own(buffer)
    if (!buffer.fresh) this.#call({ do: 'read', id: buffer.id })
    buffer.fresh = true
    this.#touched.add(buffer.id)
  }

  /** For kernels. */
  run(kernel: number, inputs: readonly TfjsBuffer[], outputs: readonly TfjsBuffer[]): void {
    const ids = (buffers: readonly TfjsBuffer[]): number[] => buffers.map((buffer) => this.#own(buffer).id)
    const request: Request = {
      do: 'run',
      kernel,
      touched: [...this.#touched],
      inputs: ids(inputs),
      outputs: ids(outputs),
    }
    this.#touched.clear()
    const { read = [] } = this.#call(request)
    for (const buffer of outputs) buffer.fresh = read.includes(buffer.id)
  }

  #own(buffer: Buffer): TfjsBuffer {
    const own = this.#buffers.get((buffer as TfjsBuffer).id)
    return own === buffer ? own : fail('bad-input', 'this buffer is not held by this engine')
  }

  #held(): number {
    let bytes = 0
    for (const { data } of this.#buffers.values()) bytes += data.byteLength
    return bytes
  }

  /** Sleeps until the thread has answered. Now and then a message comes a little later than the signal sent after it. */
  #ask(request: Request): Answer {
    const before = Atomics.load(this.#signal, 0)
    this.#port.postMessage(request)
    for (let seconds = 0; seconds <= this.#patience; ) {
      const received = receiveMessageOnPort(this.#port)
      if (received) return received.message
      if (Atomics.wait(this.#signal, 0, before, 1000) === 'timed-out') seconds++
    }
    this.#lost = true
    return fail('timeout', `engine ${this.name} did not answer within ${this.#patience} s`, {
      next: 'Give smaller micro-batches, or another backend: assay doctor --engine says which are here.',
    })
  }

  #call(request: Request): Extract<Answer, { ok: true }> {
    if (this.#lost) return fail('worker-lost', `the thread of engine ${this.name} is gone`)
    const answer = this.#ask(request)
    if (!answer.ok) throw raised(answer)
    this.#usage = answer.usage
    return answer
  }
}

function raised({ code, message, next }: Extract<Hello, { ok: false }>): AssayError {
  return new AssayError(code, message, next === undefined ? {} : { next })
}

/**
 * An engine on a backend of TensorFlow.js.
 * @throws no-engine where the backend is not installed or cannot run here, with the next step
 */
export async function tfjsEngine(options: TfjsOptions): Promise<TfjsEngine> {
  return await TfjsEngine.start(options)
}
