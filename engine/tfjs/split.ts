/** Divides a graph between the exact engine and a backend. */
import type { Arg, Straight, TensorType } from '#arith/types.ts'
import type { ConcatAttrs } from '#graph/primitives/concat.ts'
import { primitive } from '#graph/primitives/index.ts'
import type { MapAttrs } from '#graph/primitives/map.ts'
import type { MatmulAttrs } from '#graph/primitives/matmul.ts'
import type { PadAttrs, SliceAttrs, TransposeAttrs } from '#graph/primitives/move.ts'
import type { ReduceAttrs } from '#graph/primitives/reduce.ts'
import type { ScatterAddAttrs } from '#graph/primitives/rows.ts'
import type { WindowAttrs } from '#graph/primitives/window.ts'
import { compact } from '#graph/straight.ts'
import type { Graph, Node } from '#graph/types.ts'
import { type Leaf, lower } from './formula.ts'
import type { HostPart, Operation, Plan, Step } from './plan.ts'

/** What a backend can do. */
export interface Abilities {
  /** Whether it sums rows by index. */
  readonly scatters: boolean
}

/** TensorFlow.js has operations on at most so many axes. */
const MAX_RANK = 6
const MOVES = ['reshape', 'transpose', 'slice', 'pad', 'concat']

type Home = 'input' | 'host' | 'device'

interface DeviceStep {
  readonly operation: Operation
  readonly inputs: readonly number[]
  readonly out: number
}

/**
 * The plan of a graph. Floats are computed by the backend. The exact engine computes integers, random bits and what
 * depends on them alone, quantised contractions, every operation on the bits of floats that is not an elementary
 * function, and all of a graph without f32 inputs (initial states, which must be exact).
 */
export function split(graph: Graph, abilities: Abilities): Plan {
  return new Splitter(graph, abilities).plan()
}

class Splitter {
  readonly #graph: Graph
  readonly #abilities: Abilities
  readonly #types: TensorType[]
  readonly #home: Home[]
  /** What the exact engine can compute of a value, whether or not it is asked to: a node whose result is that value. */
  readonly #nodes: (Node | undefined)[]
  readonly #device: DeviceStep[] = []
  readonly #exact: boolean
  readonly #added = new Map<string, number>()

  constructor(graph: Graph, abilities: Abilities) {
    this.#graph = graph
    this.#abilities = abilities
    this.#types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
    this.#home = graph.inputs.map(() => 'input')
    this.#nodes = [...graph.inputs.map(() => undefined), ...graph.nodes]
    this.#exact = graph.inputs.every(({ type }) => type.dtype !== 'f32')
  }

  plan(): Plan {
    const first = this.#graph.inputs.length
    for (const [i, node] of this.#graph.nodes.entries()) {
      const step = this.#exact ? null : this.#place(node, first + i)
      this.#home[first + i] = step ? 'device' : 'host'
      if (step) this.#device.push(step)
    }
    return this.#schedule()
  }

  /** The backend's step for a node, or null where the exact engine computes it. */
  #place(node: Node, out: number): DeviceStep | null {
    const types = node.inputs.map((id) => this.#types[id]!)
    if ([...types, node.type].some(({ shape }) => shape.length > MAX_RANK)) return null
    if (node.op === 'map') return this.#map(node, out)
    const step = (operation: Operation, inputs = node.inputs): DeviceStep => ({ operation, inputs, out })
    if (node.type.dtype !== 'f32') return null
    if (MOVES.includes(node.op) && node.inputs.every((id) => this.#home[id] === 'host')) return null
    switch (node.op) {
      case 'matmul': {
        const { transposeA, transposeB, order } = node.attrs as MatmulAttrs
        return order ? null : step({ op: 'matmul', transposeA, transposeB })
      }
      case 'reduce':
        return step({ op: 'reduce', ...(node.attrs as ReduceAttrs) })
      case 'reshape':
        return step({ op: 'reshape' })
      case 'transpose':
        return step({ op: 'transpose', permutation: (node.attrs as TransposeAttrs).permutation })
      case 'slice': {
        const { starts, strides } = node.attrs as SliceAttrs
        return step({ op: 'slice', starts, strides })
      }
      case 'pad':
        return step({ op: 'pad', ...(node.attrs as PadAttrs) })
      case 'concat':
        return step({ op: 'concat', axis: (node.attrs as ConcatAttrs).axis })
      case 'window':
        return step({ op: 'window', ...(node.attrs as WindowAttrs) })
      case 'fold':
        return step({ op: 'fold' })
      case 'gather': {
        const [table, index] = node.inputs as [number, number]
        const rows = this.#types[table]!.shape[0]!
        return step({ op: 'gather' }, [table, this.#within(index, rows, 0), this.#valid(index, rows)])
      }
      case 'scatterAdd': {
        if (!this.#abilities.scatters) return null
        const { rows } = node.attrs as ScatterAddAttrs
        const [index, values] = node.inputs as [number, number]
        return step({ op: 'scatterAdd', rows }, [this.#within(index, rows, rows), values])
      }
      default:
        return null
    }
  }

  #map(node: Node, out: number): DeviceStep | null {
    const { program } = node.attrs as MapAttrs
    const { dtype } = node.type
    if (dtype !== 'f32' && dtype !== 'bool') return null
    const operands = node.inputs.map((id) => {
      const type = this.#types[id]!
      const kind = type.dtype === 'f32' || type.dtype === 'bool' ? type.dtype : 'integer'
      const device = this.#home[id] === 'device' || (this.#home[id] === 'input' && kind === 'f32')
      return { kind, device } as const
    })
    if (operands.every(({ device }) => !device)) return null
    const lowered = lower(program, operands, dtype)
    if (!lowered) return null
    const inputs = lowered.operands.map((source) =>
      source.from === 'load' ? node.inputs[source.n]! : this.#leaf(node, source),
    )
    return { operation: { op: 'formula', formula: lowered.formula }, inputs, out }
  }

  /** A value of its own for a part of a map, no larger than the axes that it depends on. */
  #leaf(node: Node, { arg, kind }: Leaf): number {
    const { program } = node.attrs as MapAttrs
    const code = arg.from === 'instr' ? reach(program, arg.n) : copy(arg, kind)
    const last: Arg = { from: 'instr', n: code.length - 1 }
    if (kind === 'bool' && !isTest(code)) {
      code.push({ block: 'ieq', args: [last, { from: 'const', bits: 0 }] })
      code.push({
        block: 'ieq',
        args: [
          { from: 'instr', n: code.length - 1 },
          { from: 'const', bits: 0 },
        ],
      })
    }
    const body = compact({ program: code, inputs: node.inputs })
    const { shape } = node.type
    const axes = new Set(
      body.program.flatMap(({ args }) => args).flatMap((one) => (one.from === 'axis' ? [one.n] : [])),
    )
    const needed = shape.map((size, axis) => {
      const loads = body.inputs.some((id) => {
        const own = this.#types[id]!.shape
        return (own[axis - shape.length + own.length] ?? 1) > 1
      })
      return axes.has(axis) || loads ? size : 1
    })
    return this.#add('map', { program: body.program, dtype: kind, shape: needed }, body.inputs)
  }

  /** The index where it lies in 0..rows-1, else `otherwise`. */
  #within(index: number, rows: number, otherwise: number): number {
    const program: Straight = [
      ...inRange(rows),
      {
        block: 'select',
        args: [
          { from: 'instr', n: 2 },
          { from: 'load', n: 0 },
          { from: 'const', bits: otherwise },
        ],
      },
    ]
    return this.#add('map', { program, dtype: 'i32', shape: [...this.#types[index]!.shape] }, [index])
  }

  /** Whether the index lies in 0..rows-1, with an axis of size 1 behind those of the index. */
  #valid(index: number, rows: number): number {
    const { shape } = this.#types[index]!
    const valid = this.#add('map', { program: inRange(rows), dtype: 'bool', shape: [...shape] }, [index])
    return this.#add('reshape', { shape: [...shape, 1] }, [valid])
  }

  /** A value of the exact engine beside those of the graph; equal ones are one. */
  #add(op: string, attrs: unknown, inputs: readonly number[]): number {
    const key = JSON.stringify([op, attrs, inputs])
    const known = this.#added.get(key)
    if (known !== undefined) return known
    this.#added.set(key, this.#types.length)
    const type = primitive(op).infer(
      attrs,
      inputs.map((id) => this.#types[id]!),
    )
    this.#nodes[this.#types.length] = { op, attrs, inputs, type }
    this.#home[this.#types.length] = 'host'
    return this.#types.push(type) - 1
  }

  /**
   * Whether the exact engine can have a value without the backend's help: inputs, what it computes of such values, and
   * inputs that were only moved.
   */
  #early(id: number, known: Map<number, boolean>): boolean {
    const already = known.get(id)
    if (already !== undefined) return already
    const node = this.#nodes[id]
    const own = this.#home[id] !== 'device' || (node !== undefined && MOVES.includes(node.op))
    const early = node === undefined || (own && node.inputs.every((input) => this.#early(input, known)))
    known.set(id, early)
    return early
  }

  #schedule(): Plan {
    const first = this.#graph.inputs.length + this.#graph.nodes.length
    const known = new Map<number, boolean>()
    const early = (id: number): boolean => this.#early(id, known)
    const fixed = new Map<number, boolean>()
    const constant = (id: number): boolean => {
      const node = this.#nodes[id]
      const is = fixed.get(id) ?? (node !== undefined && early(id) && node.inputs.every(constant))
      fixed.set(id, is)
      return is
    }
    const byOut = new Map(this.#device.map((step) => [step.out, step]))
    const wanted = { constants: new Set<number>(), prelude: new Set<number>() }
    const order: (DeviceStep | number)[] = []
    const placed = new Set<number>()

    /** Puts everything that the value needs in front of it, once. */
    const host = (id: number): void => {
      const node = this.#nodes[id]
      if (node === undefined) return
      if (early(id)) wanted[constant(id) ? 'constants' : 'prelude'].add(id)
      else if (this.#home[id] === 'device') device(id)
      else if (!placed.has(id)) {
        placed.add(id)
        for (const input of node.inputs) host(input)
        order.push(id)
      }
    }
    const device = (id: number): void => {
      const step = byOut.get(id)
      if (!step) host(id)
      if (!step || placed.has(id)) return
      placed.add(id)
      for (const input of step.inputs) device(input)
      order.push(step)
    }
    const outputs = this.#graph.outputs.map(({ value }) => ({ value, on: this.#home[value]! }))
    for (const { value } of outputs) device(value)
    // The same again in the order of the graph, which was chosen for its need of memory.
    const needed = [...placed].filter((id) => id < first).sort((a, b) => a - b)
    placed.clear()
    order.length = 0
    for (const id of needed) device(id)
    const constants = this.#part('constants', wanted.constants, constant)
    const prelude = this.#part('prelude', wanted.prelude, early, new Set(constants?.outputs))
    const steps = order.map((item): Step => {
      if (typeof item !== 'number') return { on: 'device', ...item, free: [] }
      return { on: 'host', part: this.#single(item), free: [] }
    })
    const kept = new Set([...(constants?.outputs ?? []), ...this.#graph.outputs.map(({ value }) => value)])
    return { types: this.#types, constants, prelude, steps: withFrees(steps, kept), outputs }
  }

  /** One node as a graph. */
  #single(id: number): HostPart {
    const node = this.#nodes[id]!
    const inputs = [...new Set(node.inputs)]
    return this.#graphOf(inputs, [id], [id])
  }

  /** All that the wanted values depend on, down to inputs and to values that are there already. */
  #part(
    name: string,
    wanted: ReadonlySet<number>,
    mine: (id: number) => boolean,
    given: ReadonlySet<number> = new Set(),
  ): HostPart | null {
    if (wanted.size === 0) return null
    const inputs = new Set<number>()
    const nodes = new Set<number>()
    const visit = (id: number): void => {
      const node = this.#nodes[id]
      if (nodes.has(id)) return
      if (node === undefined || given.has(id) || !mine(id)) {
        inputs.add(id)
        return
      }
      for (const input of node.inputs) visit(input)
      nodes.add(id)
    }
    for (const id of wanted) visit(id)
    return this.#graphOf([...inputs], [...nodes], [...wanted], name)
  }

  #graphOf(inputs: readonly number[], nodes: readonly number[], outputs: readonly number[], name = 'node'): HostPart {
    const moved = new Map<number, number>()
    for (const id of inputs) moved.set(id, moved.size)
    for (const id of nodes) moved.set(id, moved.size)
    const graph: Graph = {
      name: `${this.#graph.name}.${name}`,
      inputs: inputs.map((id) => ({ name: `v${id}`, type: this.#types[id]! })),
      nodes: nodes.map((id) => {
        const node = this.#nodes[id]!
        return { ...node, inputs: node.inputs.map((input) => moved.get(input)!) }
      }),
      outputs: outputs.map((id) => ({ name: `v${id}`, value: moved.get(id)! })),
    }
    return { graph, inputs, outputs }
  }
}

/** Every step with the values that are needed for the last time in it. */
function withFrees(steps: readonly Step[], kept: ReadonlySet<number>): Step[] {
  const seen = new Set(kept)
  return steps
    .toReversed()
    .map((step): Step => {
      const used = step.on === 'host' ? [...step.part.inputs, ...step.part.outputs] : [...step.inputs, step.out]
      const free = [...new Set(used)].filter((id) => !seen.has(id))
      for (const id of free) seen.add(id)
      return { ...step, free }
    })
    .reverse()
}

/** Whether load 0 lies in 0..rows-1. */
function inRange(rows: number): Straight {
  const load: Arg = { from: 'load', n: 0 }
  return [
    { block: 'ilt', args: [{ from: 'const', bits: 0xffffffff }, load] },
    { block: 'ilt', args: [load, { from: 'const', bits: rows }] },
    {
      block: 'and',
      args: [
        { from: 'instr', n: 0 },
        { from: 'instr', n: 1 },
      ],
    },
  ]
}

/** The instructions that instruction `n` needs, it being the last. */
function reach(program: Straight, n: number): { block: Straight[number]['block']; args: readonly Arg[] }[] {
  const needed = new Set([n])
  for (let i = n; i >= 0; i--) {
    if (!needed.has(i)) continue
    for (const arg of program[i]!.args) if (arg.from === 'instr') needed.add(arg.n)
  }
  const moved = new Map<number, number>()
  return program.flatMap(({ block, args }, i) => {
    if (!needed.has(i)) return []
    moved.set(i, moved.size)
    return [
      { block, args: args.map((arg): Arg => (arg.from === 'instr' ? { from: 'instr', n: moved.get(arg.n)! } : arg)) },
    ]
  })
}

/** A program that gives an argument itself. */
function copy(arg: Arg, kind: 'f32' | 'bool'): { block: Straight[number]['block']; args: readonly Arg[] }[] {
  return kind === 'f32' ? [{ block: 'canon', args: [arg] }] : [{ block: 'or', args: [arg, { from: 'const', bits: 0 }] }]
}

const isTest = (program: Straight): boolean => ['flt', 'fle', 'feq', 'ilt', 'ieq'].includes(program.at(-1)!.block)
