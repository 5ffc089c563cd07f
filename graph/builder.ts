/** The builder: records primitives as they are applied and finishes them into a checked, fused step graph. */
import { Asm, bits, float } from '#arith/assembler.ts'
import type { DType, Straight, TensorType } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import { checkGraph } from './check.ts'
import { ELEMENTWISE, type Elementwise, type ElementwiseOp } from './elementwise.ts'
import { fuse } from './fuse.ts'
import { primitive } from './primitives/index.ts'
import { broadcastShapes, elementsOf, sameShape, showType } from './shape.ts'
import type { Arithmetic } from './spec.ts'
import type { Graph, Node, Port } from './types.ts'

/** A value of one builder: an input or the result of a node. */
export interface Value {
  readonly id: number
  readonly type: TensorType
}

/** An operand of an elementwise operation: a number stands for a constant of the other operands' dtype. */
export type Operand = Value | number

export interface MatmulOptions {
  readonly transposeA?: boolean
  readonly transposeB?: boolean
  /** Default: the builder's. */
  readonly arithmetic?: Arithmetic
}

/** What the builder knows of a value beyond its type. */
interface Definition {
  /** Undefined for an input. */
  readonly node: Node | undefined
  /** Position among the inputs, if it is one. */
  readonly input: number
  /** Name of the elementwise operation that made a map: it knows the gradient. */
  readonly elementwise: ElementwiseOp | undefined
}

function claim(names: Set<string>, name: string, what: string): void {
  if (names.has(name)) fail('bad-graph', `two ${what} are named '${name}'`)
  names.add(name)
}

export class Builder {
  readonly #definitions: Definition[] = []
  readonly #inputs: Port[] = []
  readonly #outputs: { name: string; value: number }[] = []
  readonly #inputNames = new Set<string>()
  readonly #outputNames = new Set<string>()
  readonly #arithmetic: Arithmetic

  /** @param arithmetic of contractions that do not name their own */
  constructor(arithmetic: Arithmetic = 'f32') {
    this.#arithmetic = arithmetic
  }

  /** Declares an input port. @throws bad-graph for a name that is taken */
  input(name: string, dtype: DType, shape: readonly number[]): Value {
    claim(this.#inputNames, name, 'inputs')
    const type = { dtype, shape: [...shape] }
    this.#inputs.push({ name, type })
    return this.#define({ node: undefined, input: this.#inputs.length - 1, elementwise: undefined }, type)
  }

  /** Declares an output port. @throws bad-graph for a name that is taken */
  output(name: string, value: Value): void {
    claim(this.#outputNames, name, 'outputs')
    this.#outputs.push({ name, value: value.id })
  }

  /** Applies a primitive. @throws bad-shape if the operands do not fit */
  apply(op: string, attrs: unknown, inputs: readonly Value[], elementwise?: ElementwiseOp): Value {
    const type = primitive(op).infer(
      attrs,
      inputs.map((value) => value.type),
    )
    const node = { op, attrs, inputs: inputs.map((value) => value.id), type }
    return this.#define({ node, input: -1, elementwise }, type)
  }

  /** How a value came about; `node.inputs` are ids of this builder. */
  definition(id: number): Definition {
    return this.#definitions[id] ?? fail('internal', `no value ${id} in this builder`)
  }

  /** The value with an id of this builder. */
  value(id: number): Value {
    const { node, input } = this.definition(id)
    return { id, type: node?.type ?? (this.#inputs[input] as Port).type }
  }

  /**
   * The graph of everything declared so far: dead and repeated nodes dropped, elementwise chains merged, checked.
   * @throws bad-graph
   */
  finish(name: string): Graph {
    const graph = fuse(this.record(name))
    checkGraph(graph)
    return graph
  }

  /** The graph as it was recorded, node by node: what `finish` starts from. */
  record(name: string): Graph {
    const definitions = this.#definitions
    const inputs = definitions.filter(({ node }) => !node).length
    // Inputs come first: renumber.
    const renumbered: number[] = []
    let next = inputs
    for (const { node, input } of definitions) renumbered.push(node ? next++ : input)
    const renumber = (id: number) => renumbered[id] as number
    const nodes = definitions.flatMap(({ node }) => (node ? [{ ...node, inputs: node.inputs.map(renumber) }] : []))
    const outputs = this.#outputs.map((port) => ({ name: port.name, value: renumber(port.value) }))
    return { name, inputs: [...this.#inputs], nodes, outputs }
  }

  #define(definition: Definition, type: TensorType): Value {
    this.#definitions.push(definition)
    return { id: this.#definitions.length - 1, type }
  }

  // Constants and coordinates

  /** A constant; f32 values are rounded to nearest. */
  constant(value: number, dtype: DType = 'f32', shape: readonly number[] = []): Value {
    const asm = new Asm()
    if (dtype === 'f32') asm.emit('canon', float(value))
    else if (dtype === 'bool') asm.emit('and', bits(value === 0 ? 0 : 1), bits(1))
    else asm.emit('or', bits(value >>> 0), bits(0))
    return this.#map(asm.code(), dtype, shape, [])
  }

  /** Coordinates along one axis of `shape`, as i32 or u32. */
  iota(shape: readonly number[], axis: number, dtype: 'i32' | 'u32' = 'i32'): Value {
    const asm = new Asm()
    asm.emit('or', { from: 'axis', n: axis < 0 ? axis + shape.length : axis }, bits(0))
    return this.#map(asm.code(), dtype, shape, [])
  }

  #map(program: Straight, dtype: DType, shape: readonly number[], ins: readonly Value[], op?: ElementwiseOp): Value {
    return this.apply('map', { program, dtype, shape: [...shape] }, ins, op)
  }

  // Elementwise

  /** Applies an elementwise operation; operands broadcast. @throws bad-shape */
  elementwise(name: ElementwiseOp, operands: readonly Operand[], to?: readonly number[]): Value {
    const op: Elementwise = ELEMENTWISE[name]
    // A select's condition says nothing about the dtype of its sides.
    const sides = operands.slice(name === 'select' ? 1 : 0)
    const dtype = sides.find((x) => typeof x !== 'number')?.type.dtype ?? 'f32'
    const ins = operands.map((x) => (typeof x === 'number' ? this.constant(x, dtype) : x))
    if (ins.length !== op.arity) fail('bad-shape', `${name} takes ${op.arity} operands, got ${ins.length}`)
    const dtypes = ins.map((x) => x.type.dtype)
    const result = op.result(dtypes)
    const shape = to ?? ins.reduce<number[]>((all, x) => broadcastShapes(all, x.type.shape), [])
    const asm = new Asm()
    op.emit(
      asm,
      ins.map((_, n) => ({ from: 'load', n })),
      dtypes,
    )
    return this.#map(asm.code(), result, shape, ins, name)
  }

  add = (x: Operand, y: Operand): Value => this.elementwise('add', [x, y])
  sub = (x: Operand, y: Operand): Value => this.elementwise('sub', [x, y])
  mul = (x: Operand, y: Operand): Value => this.elementwise('mul', [x, y])
  div = (x: Operand, y: Operand): Value => this.elementwise('div', [x, y])
  max = (x: Operand, y: Operand): Value => this.elementwise('max', [x, y])
  /** x * y + z with one rounding. */
  fma = (x: Operand, y: Operand, z: Operand): Value => this.elementwise('fma', [x, y, z])
  neg = (x: Value): Value => this.elementwise('neg', [x])
  relu = (x: Value): Value => this.elementwise('relu', [x])
  sqrt = (x: Value): Value => this.elementwise('sqrt', [x])
  exp = (x: Value): Value => this.elementwise('exp', [x])
  log = (x: Value): Value => this.elementwise('log', [x])
  tanh = (x: Value): Value => this.elementwise('tanh', [x])
  /** NaN beyond 65536 radians. */
  sin = (x: Value): Value => this.elementwise('sin', [x])
  /** NaN beyond 65536 radians. */
  cos = (x: Value): Value => this.elementwise('cos', [x])
  /** x^y for x >= 0; NaN for x < 0. */
  pow = (x: Operand, y: Operand): Value => this.elementwise('pow', [x, y])
  gelu = (x: Value): Value => this.elementwise('gelu', [x])
  geluGradient = (x: Value): Value => this.elementwise('geluGradient', [x])
  erf = (x: Value): Value => this.elementwise('erf', [x])
  /** Where the bool condition holds, x, else y. */
  select = (condition: Value, x: Operand, y: Operand): Value => this.elementwise('select', [condition, x, y])
  less = (x: Operand, y: Operand): Value => this.elementwise('less', [x, y])
  lessEqual = (x: Operand, y: Operand): Value => this.elementwise('lessEqual', [x, y])
  equal = (x: Operand, y: Operand): Value => this.elementwise('equal', [x, y])
  and = (x: Operand, y: Operand): Value => this.elementwise('and', [x, y])
  or = (x: Operand, y: Operand): Value => this.elementwise('or', [x, y])
  xor = (x: Operand, y: Operand): Value => this.elementwise('xor', [x, y])
  shiftLeft = (x: Operand, y: Operand): Value => this.elementwise('shiftLeft', [x, y])
  /** Logical (zeros enter from the left). */
  shiftRight = (x: Operand, y: Operand): Value => this.elementwise('shiftRight', [x, y])
  not = (x: Value): Value => this.elementwise('not', [x])
  stopGradient = (x: Value): Value => this.elementwise('stopGradient', [x])

  /** The f32 value of an integer or bool; an f32 as it is. */
  toFloat(x: Value): Value {
    if (x.type.dtype === 'f32') return x
    if (x.type.dtype === 'bool') return this.select(x, this.constant(1), this.constant(0))
    return this.elementwise(x.type.dtype === 'i32' ? 'floatOfInt' : 'floatOfUint', [x])
  }

  /** An f32 truncated to i32 (saturating, NaN gives 0). */
  toInt = (x: Value): Value => this.elementwise('intOfFloat', [x])
  /** The words of an i32 read as u32. */
  toUint = (x: Value): Value => this.elementwise('uintOfInt', [x])

  /** x repeated along broadcast axes to `shape`. */
  broadcastTo(x: Value, shape: readonly number[]): Value {
    return sameShape(x.type.shape, shape) ? x : this.elementwise('broadcast', [x], shape)
  }

  // Reductions

  /** f32 sum over axes (default: all). */
  sum(x: Value, axes: readonly number[] = x.type.shape.map((_, axis) => axis), keepDims = false): Value {
    return this.#reduce('sum', x, axes, keepDims)
  }

  /** f32 maximum over axes (default: all); NaN if any is NaN. */
  maximum(x: Value, axes: readonly number[] = x.type.shape.map((_, axis) => axis), keepDims = false): Value {
    return this.#reduce('max', x, axes, keepDims)
  }

  #reduce(kind: 'sum' | 'max', x: Value, axes: readonly number[], keepDims: boolean): Value {
    const rank = x.type.shape.length
    const ascending = axes.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b)
    return ascending.length === 0 ? x : this.apply('reduce', { kind, axes: ascending, keepDims }, [x])
  }

  /** Sums x over the axes that broadcasting `shape` to x's shape would add or repeat. */
  sumTo(x: Value, shape: readonly number[]): Value {
    if (sameShape(x.type.shape, shape)) return x
    const lead = x.type.shape.length - shape.length
    const axes = x.type.shape.flatMap((size, axis) =>
      axis < lead || (shape[axis - lead] === 1 && size !== 1) ? [axis] : [],
    )
    return axes.every((axis) => axis < lead) ? this.sum(x, axes) : this.reshape(this.sum(x, axes, true), shape)
  }

  // Contraction, movement, rows

  /**
   * Batched matrix product [batch.., m, k] x [batch.., k, n]; the flags read an operand transposed. Gradients are
   * contracted in the same arithmetic.
   */
  matmul(x: Value, y: Value, { transposeA = false, transposeB = false, arithmetic }: MatmulOptions = {}): Value {
    const order = arithmetic ?? this.#arithmetic
    return this.apply('matmul', { transposeA, transposeB, ...(order !== 'f32' && { order }) }, [x, y])
  }

  /** The same elements in another shape; one size may be -1. */
  reshape(x: Value, shape: readonly number[]): Value {
    const known = elementsOf(shape.filter((size) => size !== -1))
    const full = shape.map((size) => (size === -1 ? elementsOf(x.type.shape) / known : size))
    return sameShape(x.type.shape, full) ? x : this.apply('reshape', { shape: full }, [x])
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    return this.apply('transpose', { permutation: [...permutation] }, [x])
  }

  /** Elements `starts + i * strides`, `sizes` of them along each axis. */
  slice(
    x: Value,
    starts: readonly number[],
    sizes: readonly number[],
    strides: readonly number[] = sizes.map(() => 1),
  ): Value {
    return this.apply('slice', { starts: [...starts], sizes: [...sizes], strides: [...strides] }, [x])
  }

  /** Parts of the given sizes along one axis, in order. @throws bad-shape if they do not add up */
  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    let start = 0
    const parts = sizes.map((size) => {
      const starts = x.type.shape.map((_, i) => (i === axis ? start : 0))
      start += size
      return this.slice(
        x,
        starts,
        x.type.shape.map((n, i) => (i === axis ? size : n)),
      )
    })
    if (start !== x.type.shape[axis]) fail('bad-shape', `cannot split ${showType(x.type)} into [${sizes.join(',')}]`)
    return parts
  }

  /** The fill is a word; default 0. */
  pad(x: Value, low: readonly number[], high: readonly number[], fill = 0): Value {
    return this.apply('pad', { low: [...low], high: [...high], fill }, [x])
  }

  concat(parts: readonly Value[], axis: number): Value {
    return this.apply('concat', { axis }, parts)
  }

  /** Rows of a [v, d] table at i32 indices; zeros for an index out of range. */
  gather(table: Value, index: Value): Value {
    return this.apply('gather', {}, [table, index])
  }

  /** [rows, d]: the sums of source rows by index; indices out of range drop. */
  scatterAdd(index: Value, sources: Value, rows: number): Value {
    return this.apply('scatterAdd', { rows }, [index, sources])
  }

  /** [b, h, w, c] -> [b, h, w, kh, kw, c]: zero-padded patches around each pixel. */
  window(x: Value, height: number, width: number): Value {
    return this.apply('window', { height, width }, [x])
  }

  /** [b, h, w, kh, kw, c] -> [b, h, w, c]: the transpose of `window`. */
  fold(x: Value): Value {
    return this.apply('fold', {}, [x])
  }
}
