/** The reference engine: every node is interpreted from its element program. Slow, readable, the definition. */
import { interpret } from '#arith/interpret.ts'
import type { TensorType } from '#arith/types.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { elementsOf, sameType, showType } from '#graph/shape.ts'
import type { Graph, Node } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import type { Buffer, Engine, EngineOptions, Kernel } from '../types.ts'

class ReferenceBuffer implements Buffer {
  readonly type: TensorType
  readonly #words: Uint32Array

  constructor(type: TensorType) {
    this.type = type
    this.#words = new Uint32Array(elementsOf(type.shape))
  }

  words(): Uint32Array {
    return this.#words
  }
}

class ReferenceKernel implements Kernel {
  readonly graph: Graph
  readonly #lastUse: readonly number[]
  readonly #engine: ReferenceEngine

  constructor(graph: Graph, engine: ReferenceEngine) {
    this.graph = graph
    this.#engine = engine
    const lastUse: number[] = []
    for (const [i, node] of graph.nodes.entries()) {
      for (const id of node.inputs) lastUse[id] = i
    }
    for (const { value } of graph.outputs) lastUse[value] = graph.nodes.length
    this.#lastUse = lastUse
  }

  run(inputs: readonly Buffer[], outputs: readonly Buffer[]): void {
    const { graph } = this
    if (outputs.length !== graph.outputs.length) {
      fail('bad-input', `graph '${graph.name}' has ${graph.outputs.length} outputs, got ${outputs.length} buffers`)
    }
    const values = this.#evaluate(inputs, graph.nodes.length)
    // An output may be the buffer of an input, and one value may go to several outputs: copy before the first write.
    const results = graph.outputs.map(({ name, value }, i) => {
      const type = (graph.inputs[value] ?? (graph.nodes[value - graph.inputs.length] as Node)).type
      const buffer = outputs[i] as Buffer
      if (!sameType(buffer.type, type)) {
        fail('bad-shape', `output '${name}' is ${showType(type)}, its buffer ${showType(buffer.type)}`)
      }
      const words = values[value] as Uint32Array
      return value < graph.inputs.length ? words.slice() : words
    })
    for (const [i, words] of results.entries()) {
      outputs[i]?.words().set(words)
    }
  }

  tap(inputs: readonly Buffer[], id: number): Uint32Array {
    const { graph } = this
    if (!Number.isInteger(id) || id < 0 || id >= graph.inputs.length + graph.nodes.length) {
      fail('bad-input', `graph '${graph.name}' has no value ${id}`)
    }
    const words = this.#evaluate(inputs, id - graph.inputs.length + 1, id)[id] as Uint32Array
    return words.slice()
  }

  /** Words of the values of the first `count` nodes; those that no later node needs are dropped, but for `keep`. */
  #evaluate(inputs: readonly Buffer[], count: number, keep = -1): (Uint32Array | undefined)[] {
    const { graph } = this
    if (inputs.length !== graph.inputs.length) {
      fail('bad-input', `graph '${graph.name}' has ${graph.inputs.length} inputs, got ${inputs.length} buffers`)
    }
    const values: (Uint32Array | undefined)[] = graph.inputs.map((port, i) => {
      const buffer = inputs[i] as Buffer
      if (!sameType(buffer.type, port.type)) {
        fail('bad-shape', `input '${port.name}' is ${showType(port.type)}, its buffer ${showType(buffer.type)}`)
      }
      return buffer.words()
    })
    const types = [...graph.inputs, ...graph.nodes].map((value) => value.type)
    let held = 0
    for (const [i, node] of graph.nodes.slice(0, Math.max(0, count)).entries()) {
      const program = elementOf(
        node,
        node.inputs.map((id) => types[id] as TensorType),
      )
      values.push(
        interpret(
          program,
          node.inputs.map((id) => values[id] as Uint32Array),
        ),
      )
      held += values.at(-1)!.byteLength
      this.#engine.notePeak(held)
      for (const id of new Set(node.inputs)) {
        if ((this.#lastUse[id] ?? 0) > i || id === keep) continue
        if (id >= graph.inputs.length) held -= values[id]?.byteLength ?? 0
        values[id] = undefined
      }
    }
    return values
  }
}

class ReferenceEngine implements Engine {
  readonly name = 'reference'
  readonly threads = 1
  readonly #buffers = new Set<Buffer>()
  #bytes = 0
  #peak = 0

  alloc(type: TensorType): Buffer {
    const buffer = new ReferenceBuffer(type)
    this.#buffers.add(buffer)
    this.#bytes += buffer.words().byteLength
    this.notePeak(0)
    return buffer
  }

  free(buffer: Buffer): void {
    if (!this.#buffers.delete(buffer)) fail('bad-input', 'this buffer is not held by this engine')
    this.#bytes -= buffer.words().byteLength
  }

  compile(graph: Graph): Kernel {
    return new ReferenceKernel(graph, this)
  }

  memory(): number {
    return this.#bytes
  }

  peak(): number {
    return this.#peak
  }

  /** Notes that kernels hold `bytes` of intermediate values beside the buffers. */
  notePeak(bytes: number): void {
    this.#peak = Math.max(this.#peak, this.#bytes + bytes)
  }

  close(): Promise<void> {
    this.#buffers.clear()
    this.#bytes = 0
    return Promise.resolve()
  }
}

/** The reference engine; it has one thread whatever the options say. */
export function referenceEngine(_options: EngineOptions = {}): Engine {
  return new ReferenceEngine()
}
