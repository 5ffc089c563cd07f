/** For tests: random graphs of every primitive, on values that stay small. */
import { nasty, words } from '#arith/hard.ts'
import type { DType } from '#arith/types.ts'
import { Builder, type Value } from '#graph/builder.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Suite } from '../conformance/suite.ts'

const SIZES = [1, 2, 3, 4, 5, 8]
const NODES = 24

/** A random graph with the words of its inputs; the same for the same seed. Every value is an output. */
export function randomGraph(seed: number): Suite {
  return new Maker(seed).make(`random-${seed}`)
}

class Maker {
  readonly #b = new Builder()
  readonly #next: () => number
  readonly #values: Value[] = []
  readonly #inputs: Uint32Array[] = []

  constructor(seed: number) {
    this.#next = words(seed)
  }

  make(name: string): Suite {
    for (let i = 0; i < 4; i++) this.#draw('f32', this.#shape())
    this.#draw('i32', this.#shape(2))
    this.#draw('u32', this.#shape(1))
    for (let i = 0; i < NODES; i++) this.#values.push(this.#node())
    for (const [i, value] of this.#values.entries()) this.#b.output(`y${i}`, value)
    const fused = this.#below(2) === 0
    return { name, graph: fused ? this.#b.finish(name) : this.#b.record(name), inputs: this.#inputs }
  }

  #below(n: number): number {
    return this.#next() % n
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!
  }

  #shape(most = 4): number[] {
    return Array.from({ length: 1 + this.#below(most) }, () => this.#pick(SIZES))
  }

  #draw(dtype: DType, shape: readonly number[]): Value {
    const count = elementsOf(shape)
    const data =
      dtype === 'f32'
        ? new Uint32Array(Float32Array.from({ length: count }, () => this.#next() / 2 ** 31 - 1).buffer)
        : Uint32Array.from({ length: count }, () => (this.#below(2) === 0 ? nasty(this.#next) : this.#below(9)))
    this.#inputs.push(data)
    const value = this.#b.input(`x${this.#inputs.length - 1}`, dtype, shape)
    this.#values.push(value)
    return value
  }

  /** A value of a dtype that is there already, or a new input. */
  #some(dtype: DType): Value {
    const found = this.#values.filter(({ type }) => type.dtype === dtype)
    return found.length > 0 ? this.#pick(found) : this.#draw(dtype, this.#shape())
  }

  /** A value that broadcasts with x: one of its own shape, or with some of its axes 1. */
  #beside(x: Value): Value {
    const { dtype, shape } = x.type
    const same = this.#values.filter(({ type }) => type.dtype === dtype && `${type.shape}` === `${shape}`)
    if (this.#below(2) === 0 && same.length > 0) return this.#pick(same)
    return this.#draw(
      dtype,
      shape.map((size) => (this.#below(3) === 0 ? 1 : size)),
    )
  }

  /** Any float, held in (-1, 1) so that what is made of it stays finite. */
  #tame(): Value {
    const x = this.#some('f32')
    return this.#b.tanh(x.type.shape.length === 0 ? this.#b.reshape(x, [1]) : x)
  }

  #node(): Value {
    const b = this.#b
    const x = this.#tame()
    const { shape } = x.type
    const axis = this.#below(shape.length)
    const make: readonly (() => Value)[] = [
      () => b.add(x, this.#beside(x)),
      () => b.sub(b.exp(x), this.#beside(x)),
      () => b.mul(b.gelu(x), this.#beside(x)),
      () => b.div(x, b.add(b.mul(x, x), 1)),
      () => b.log(b.add(b.mul(x, x), 0.5)),
      () => b.select(b.less(x, this.#beside(x)), x, b.neg(x)),
      () => b.select(b.not(b.lessEqual(x, 0)), b.relu(x), b.sqrt(b.mul(x, x))),
      () => b.fma(x, this.#beside(x), 0.25),
      () => b.add(b.toFloat(b.iota(shape, axis)), x),
      () => b.select(b.less(b.iota(shape, axis), 2), x, 0.5),
      () => b.sum(x, [axis], this.#below(2) === 0),
      () => b.maximum(x, [axis], true),
      () => b.reshape(x, [elementsOf(shape)]),
      () => b.transpose(x, this.#permutation(shape.length)),
      () => this.#slice(x),
      () =>
        b.pad(
          x,
          shape.map(() => this.#below(2)),
          shape.map(() => this.#below(3)),
          0x3f000000,
        ),
      () => b.concat([x, x], axis),
      () => this.#product(x),
      () => b.gather(b.reshape(x, [shape[0]!, elementsOf(shape) / shape[0]!]), this.#some('i32')),
      () => this.#scatter(),
      () => this.#patches(x),
      () => b.toFloat(b.shiftRight(this.#some('u32'), 8)),
    ]
    return this.#below(6) === 0 ? this.#integers() : this.#pick(make)()
  }

  #integers(): Value {
    const b = this.#b
    const [i, u] = [this.#some('i32'), this.#some('u32')]
    return this.#pick([
      () => b.add(b.mul(i, 31), 7),
      () => b.xor(b.shiftLeft(u, 5), b.shiftRight(u, 3)),
      () => b.toUint(b.sub(i, 1)),
      () => b.reshape(u, [elementsOf(u.type.shape), 1]),
      () => b.equal(i, 3),
    ])()
  }

  #permutation(rank: number): number[] {
    const left = Array.from({ length: rank }, (_, axis) => axis)
    return Array.from({ length: rank }, () => left.splice(this.#below(left.length), 1)[0]!)
  }

  #slice(x: Value): Value {
    const starts = x.type.shape.map((size) => this.#below(size))
    const strides = x.type.shape.map(() => 1 + this.#below(2))
    const sizes = x.type.shape.map((size, axis) => 1 + Math.floor((size - 1 - starts[axis]!) / strides[axis]!))
    return this.#b.slice(x, starts, sizes, strides)
  }

  #product(x: Value): Value {
    const { shape } = x.type
    const [m, k, n] = [this.#pick(SIZES), shape.at(-1)!, this.#pick(SIZES)]
    const [transposeA, transposeB] = [this.#below(2) === 0, this.#below(2) === 0]
    const right = this.#draw('f32', [...shape.slice(0, -2), ...(transposeB ? [n, k] : [k, n])])
    const rows = shape.length > 1 ? x : this.#b.reshape(x, [1, k])
    if (!transposeA) return this.#b.matmul(rows, right, { transposeB })
    const left = this.#draw('f32', [...shape.slice(0, -2), k, m])
    return this.#b.matmul(left, right, { transposeA, transposeB })
  }

  #scatter(): Value {
    const index = this.#some('i32')
    return this.#b.scatterAdd(index, this.#draw('f32', [...index.type.shape, 3]), 6)
  }

  #patches(x: Value): Value {
    const image = this.#b.reshape(x, [1, x.type.shape[0]!, elementsOf(x.type.shape) / x.type.shape[0]!, 1])
    const patches = this.#b.window(image, this.#pick([1, 3]), this.#pick([1, 3, 5]))
    return this.#below(2) === 0 ? patches : this.#b.fold(this.#b.exp(patches))
  }
}
