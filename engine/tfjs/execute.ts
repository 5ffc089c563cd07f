/** The operations of plans on tensors of a backend. */
import type { TensorType } from '#arith/types.ts'
import { broadcastShapes, elementsOf, sameShape } from '#graph/shape.ts'
import type { Formula, FormulaOp, Kind, Term } from './formula.ts'
import type { Operation } from './plan.ts'
import type { Tensor, Tf } from './tf.ts'

/** Most axes of a tensor that every backend can tile. */
const MAX_TILED = 4

/** Operations of formulas that take tensors and nothing else; `Tf` names them alike. */
type Elementwise = (this: Tf, ...args: Tensor[]) => Tensor

/** Runs operations, with scalars made once. */
export class Executor {
  readonly #tf: Tf
  readonly #scalars = new Map<string, Tensor>()

  constructor(tf: Tf) {
    this.#tf = tf
  }

  /** A new tensor; the operands stay. */
  run(operation: Operation, operands: readonly Tensor[], types: readonly TensorType[], out: TensorType): Tensor {
    const tf = this.#tf
    if (operation.op === 'formula') this.#prepare(operation.formula)
    if (operation.op === 'gather') this.#scalar('f32', 0)
    return tf.tidy(() => {
      const result = this.#compute(operation, operands, types, out)
      return operands.includes(result) ? tf.clone(result) : result
    })
  }

  close(): void {
    for (const scalar of this.#scalars.values()) scalar.dispose()
    this.#scalars.clear()
  }

  #compute(operation: Operation, operands: readonly Tensor[], types: readonly TensorType[], out: TensorType): Tensor {
    const tf = this.#tf
    const [x, y, z] = operands as [Tensor, Tensor, Tensor]
    switch (operation.op) {
      case 'formula':
        return this.#spread(this.#formula(operation.formula, operands), out.shape)
      case 'matmul':
        return this.#product(x, y, operation.transposeA, operation.transposeB)
      case 'reduce':
        return operation.kind === 'sum'
          ? tf.sum(x, operation.axes, operation.keepDims)
          : tf.max(x, operation.axes, operation.keepDims)
      case 'reshape':
        return tf.reshape(x, out.shape)
      case 'transpose':
        return tf.transpose(x, operation.permutation)
      case 'slice': {
        const { starts, strides } = operation
        if (strides.every((step) => step === 1)) return tf.slice(x, starts, out.shape)
        const ends = starts.map((start, axis) => start + (out.shape[axis]! - 1) * strides[axis]! + 1)
        return tf.stridedSlice(x, starts, ends, strides)
      }
      case 'pad':
        return this.#pad(x, operation.low, operation.high, floatOf(operation.fill))
      case 'concat':
        return tf.concat(operands, operation.axis)
      case 'gather':
        return this.#apply('where', [z, tf.gather(x, y), this.#scalar('f32', 0)])
      case 'scatterAdd': {
        const width = out.shape[1]!
        const count = types[1]!.shape.reduce((a, b) => a * b, 1) / width
        const [index, rows] = [tf.reshape(x, [count]), tf.reshape(y, [count, width])]
        return tf.slice(tf.unsortedSegmentSum(rows, index, operation.rows + 1), [0, 0], out.shape)
      }
      case 'window':
        return this.#window(x, operation.height, operation.width, out.shape)
      case 'fold':
        return this.#fold(x, types[0]!.shape, out.shape)
    }
  }

  /** Batches are spread here: not all backends get it right where both operands have axes of size 1. */
  #product(x: Tensor, y: Tensor, transposeX: boolean, transposeY: boolean): Tensor {
    const [left, right] = [x.shape.slice(0, -2), y.shape.slice(0, -2)]
    const batch = broadcastShapes(left, right)
    const spread = (side: Tensor): Tensor => this.#spread(side, [...batch, ...side.shape.slice(-2)])
    const plain = sameShape(left, batch) || sameShape(right, batch)
    return plain && left.length * right.length === 0
      ? this.#tf.matMul(x, y, transposeX, transposeY)
      : this.#tf.matMul(spread(x), spread(y), transposeX, transposeY)
  }

  #pad(x: Tensor, low: readonly number[], high: readonly number[], value: number): Tensor {
    return this.#tf.pad(
      x,
      low.map((size, axis) => [size, high[axis]!] as const),
      value,
    )
  }

  /** Patches as slices of the padded image, laid side by side. */
  #window(x: Tensor, height: number, width: number, out: readonly number[]): Tensor {
    const tf = this.#tf
    const [n, h, w, , , c] = out as [number, number, number, number, number, number]
    const [up, left] = [(height - 1) / 2, (width - 1) / 2]
    const padded = this.#pad(x, [0, up, left, 0], [0, up, left, 0], 0)
    const places = Array.from({ length: height * width }, (_, i) =>
      tf.slice(padded, [0, Math.floor(i / width), i % width, 0], [n, h, w, c]),
    )
    return tf.reshape(tf.concat(places, 3), out)
  }

  /** Every place of the patches as an image of its own, shifted to where it was read and summed. */
  #fold(x: Tensor, patches: readonly number[], out: readonly number[]): Tensor {
    const tf = this.#tf
    const [n, h, w, height, width, c] = patches as [number, number, number, number, number, number]
    const flat = tf.reshape(x, [n, h, w, height * width * c])
    let sum: Tensor | undefined
    for (let i = 0; i < height * width; i++) {
      const [down, right] = [Math.floor(i / width), i % width]
      const place = tf.slice(flat, [0, 0, 0, i * c], [n, h, w, c])
      const shifted = this.#pad(place, [0, down, right, 0], [0, height - 1 - down, width - 1 - right, 0], 0)
      sum = sum ? tf.add(sum, shifted) : shifted
    }
    return tf.slice(sum!, [0, (height - 1) / 2, (width - 1) / 2, 0], out)
  }

  #formula({ code, result }: Formula, operands: readonly Tensor[]): Tensor {
    const results: Tensor[] = []
    const value = (term: Term): Tensor => {
      if (term.at === 'operand') return operands[term.n]!
      return term.at === 'result' ? results[term.n]! : this.#scalar(term.kind, term.value)
    }
    for (const { op, args } of code) results.push(this.#apply(op, args.map(value)))
    return value(result)
  }

  #apply(op: FormulaOp, args: readonly Tensor[]): Tensor {
    if (op === 'where') {
      const shape = args.reduce<readonly number[]>((all, x) => broadcastShapes(all, x.shape), [])
      // As vectors: not all backends choose on many axes.
      const size = [elementsOf(shape)]
      const flat = args.map((x) => this.#tf.reshape(this.#spread(x, shape), size))
      return this.#tf.reshape(this.#tf.where(...(flat as [Tensor, Tensor, Tensor])), shape)
    }
    return (this.#tf[op] as Elementwise).call(this.#tf, ...args)
  }

  /** Scalars outlive the scopes in which operations clean up, so they are made before those begin. */
  #prepare({ code, result }: Formula): void {
    for (const term of [...code.flatMap(({ args }) => args), result]) {
      if (term.at === 'constant') this.#scalar(term.kind, term.value)
    }
  }

  #scalar(kind: Kind, value: number): Tensor {
    const key = `${kind} ${Object.is(value, -0) ? '-0' : value}`
    const known = this.#scalars.get(key) ?? this.#tf.scalar(value, kind === 'f32' ? 'float32' : 'bool')
    this.#scalars.set(key, known)
    return known
  }

  /** The tensor broadcast; on many axes by an operation that broadcasts its operands, as not all backends tile these. */
  #spread(x: Tensor, shape: readonly number[]): Tensor {
    const tf = this.#tf
    if (sameShape(x.shape, shape)) return x
    if (shape.length <= MAX_TILED) return tf.broadcastTo(x, shape)
    return x.dtype === 'bool' ? tf.logicalOr(x, tf.zeros(shape, 'bool')) : tf.add(x, tf.zeros(shape, 'float32'))
  }
}

const words = new Uint32Array(1)
const floats = new Float32Array(words.buffer)

function floatOf(word: number): number {
  words[0] = word
  return floats[0]!
}
