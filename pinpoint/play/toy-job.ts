/** A job without end that costs nothing: every tensor is zeros, every node a sum of zeros, and graphs are virtual trees. */
import { encodeProgram } from '#arith/encode.ts'
import { CHAIN } from '#arith/interpret.ts'
import { traceLength } from '#arith/layout.ts'
import type { ElementProgram, TensorType } from '#arith/types.ts'
import { primitive } from '#graph/primitives/index.ts'
import { Writer } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { bytesRoot, DTYPE_CODE } from '#proto/merkle.ts'
import { type GraphName, itemsOf, type Schedule } from '../schedule.ts'
import { elementCount } from '../tree.ts'
import type { Facts, GraphFacts, Opening } from '../types.ts'
import type { Definitions } from './context.ts'
import { openByte, pathIn } from './openings.ts'
import { VirtualTree } from './virtual.ts'

/** Sizes of the four lists, as powers of two; a trace may be a word longer or shorter. */
export interface ToySize {
  /** 1..12. */
  readonly items: number
  /** 3..16. */
  readonly values: number
  /** 0..24. */
  readonly words: number
  /** 0..24. */
  readonly trace: number
}

/** Tensors of the state, and of a gradient sum: one gradient and one metric. */
export const LEAVES = 2
/** The data set: one record of one byte. */
export const DATA = Uint8Array.of(0)

/** The job, as players see it. */
export class ToyJob {
  readonly facts: Facts
  readonly schedule: Schedule
  readonly definitions: Definitions
  /** Of all values that are not seeds, steps, positions or records. */
  readonly type: TensorType
  readonly #program: ElementProgram

  constructor(size: ToySize) {
    const { items, values, words, trace } = size
    const microBatches = 2 ** (items - 1)
    this.type = { dtype: 'f32', shape: [2 ** words] }
    // One block for each position, one for each chain: of the joins, and of the store.
    this.#program = sumOf(this.type, Math.max(1, Math.floor((2 ** trace * CHAIN) / (CHAIN + 1))))
    const node = this.#node()
    const graph = (inputs: number): { facts: GraphFacts; tree: VirtualTree } => {
      const nodes = 2 ** values - inputs
      if (nodes < 1) fail('bad-input', `a toy has more than ${inputs} values`)
      const runs = [
        { from: 0, item: bytesRoot(new Uint8Array(0)) },
        { from: 1, item: bytesRoot(node) },
      ]
      const tree = VirtualTree.ofHashes(1 + nodes, runs)
      return { facts: { root: tree.root, inputs, nodes, exports: bytesRoot(this.#exports(inputs + nodes)) }, tree }
    }
    const graphs = {
      init: graph(1),
      micro: graph(LEAVES + 4),
      combine: graph(2 * LEAVES),
      update: graph(2 * LEAVES + 1),
    }
    this.facts = {
      ...{ init: graphs.init.facts, micro: graphs.micro.facts },
      ...{ combine: graphs.combine.facts, update: graphs.update.facts },
      ...{ state: LEAVES, gradients: LEAVES - 1, metrics: 1 },
      ...{ dataRoot: bytesRoot(DATA), dataSize: DATA.length, dataDtype: DTYPE_CODE.u8, stride: 1, recordLength: 1 },
      ...{ trainRecords: DATA.length, batch: microBatches, microBatches, lanes: 1 },
      ...{ orderSeed: new Uint8Array(32), initSeed: [0, 0], dropoutSeed: [0, 0] },
    }
    this.schedule = itemsOf(this.facts, { replica: 0, stepFrom: 1, stepTo: 2 }, 1)
    this.definitions = {
      type: (name, value) => this.typeOf(name, value),
      node: (name, value) => {
        const { tree, facts } = graphs[name]
        return { node, nodeOpening: pathIn(tree, 1 + value - facts.inputs) }
      },
      exports: (name) => Array.from({ length: LEAVES }, () => this.#last(name)),
      exportOpening: (name, n): Opening => openByte(this.#exports(1 + this.#last(name)), 4 * n),
    }
  }

  /** Micro-steps behind the whole entry. */
  get microSteps(): bigint {
    const { inputs, nodes } = this.facts.update
    const lists = [this.schedule.count, inputs + nodes, elementCount(this.type.shape), traceLength(this.#program)]
    return lists.reduce((product, count) => product * BigInt(count), 1n)
  }

  /** Words of the trace of one element. */
  get traceLength(): number {
    return traceLength(this.#program)
  }

  /** Type of a value. */
  typeOf(name: GraphName, value: number): TensorType {
    if (name === 'init' && value === 0) return { dtype: 'u32', shape: [2] }
    if (name === 'update' && value === LEAVES) return { dtype: 'u32', shape: [] }
    const formulas: readonly TensorType[] = [
      { dtype: 'u32', shape: [2] },
      { dtype: 'u32', shape: [] },
      { dtype: 'u32', shape: [1] },
      { dtype: 'i32', shape: [1, 1] },
    ]
    return (name === 'micro' ? formulas[value - LEAVES] : undefined) ?? this.type
  }

  /** Number of the last value of a graph, which is all that it exports. */
  #last(name: GraphName): number {
    return this.facts[name].inputs + this.facts[name].nodes - 1
  }

  #exports(values: number): Uint8Array {
    const w = new Writer()
    for (let i = 0; i < LEAVES; i++) w.u32(values - 1)
    return w.finish()
  }

  /** Bytes of every node: named after a primitive, as all nodes are; what counts is its element program. */
  #node(): Uint8Array {
    const { code, attrs } = primitive('reshape')
    const w = new Writer().u8(code).bytes(attrs.encode(this.type), 64)
    w.array([0], 1, (_, id) => w.u32(id))
    w.u8(DTYPE_CODE.f32)
      .u8(1)
      .u32(this.type.shape[0] as number)
    return w.bytes(encodeProgram(this.#program), 1024).finish()
  }
}

/** `loop` times the first word of the only operand, summed. */
function sumOf(out: TensorType, loop: number): ElementProgram {
  return {
    out,
    loop: [loop],
    order: 'chain512',
    loads: [{ operand: 0, at: { base: 0, strides: [0, 0] }, fill: 0 }],
    init: 0,
    step: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'load', n: 0 }] }],
    join: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'other' }] }],
    finish: [],
  }
}

/** Sizes of a toy of about 2^bits micro-steps, for 10 to 72 bits, in about the proportions of a large job. */
export function toySize(bits: number): ToySize {
  const items = Math.max(1, Math.ceil(bits / 6))
  const values = Math.max(3, Math.ceil(bits / 6))
  const words = Math.floor((bits - items - values + 1) / 2)
  return { items, values, words, trace: bits - items - values - words }
}
