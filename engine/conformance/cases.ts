/** The conformance vectors: every building block and every primitive, at the shapes and words on which engines differ first. */
import { ARITY, BLOCKS } from '#arith/blocks.ts'
import { fmaOperands, words } from '#arith/hard.ts'
import type { Arg, Block, DType, Instr } from '#arith/types.ts'
import type { Value } from '#graph/builder.ts'
import type { ElementwiseOp } from '#graph/elementwise.ts'
import { crossEntropy, layerNorm, softmax } from '#graph/nn/layers.ts'
import { elementIndex, random24, threefry } from '#graph/nn/random.ts'
import { adamw } from '#graph/optimizers/adamw.ts'
import type { Arithmetic } from '#graph/spec.ts'
import { type Suite, SuiteBuilder } from './suite.ts'

/** Odd, so that vectors of every width leave a remainder. */
const FEW = 131
const MANY = 1031
/** Enough work that engines share it among threads. */
const DENSE = 8209

const load = (n: number): Arg => ({ from: 'load', n })

/** Operands of a fused multiply-add that any other rounding gets wrong. */
function hardFma(b: SuiteBuilder, count: number): void {
  const next = words(77)
  const columns = [0, 1, 2].map(() => new Uint32Array(count))
  for (let i = 0; i < count; i++) {
    for (const [n, word] of fmaOperands(next, i).entries()) columns[n]![i] = word
  }
  const operands = columns.map((column) => b.given('f32', [count], column))
  b.output('ffma-hard', b.straight([{ block: 'ffma', args: [0, 1, 2].map(load) }], 'u32', [count], operands))
}

/** Every building block on hard words. Results are stored as u32, which shows what a canonical store would hide. */
const blocks = (b: SuiteBuilder): void => {
  const operands = [0, 1, 2].map(() => b.draw('hard', 'u32', MANY))
  for (const block of BLOCKS) {
    const args = operands.slice(0, ARITY[block]).map((_, n) => load(n))
    b.output(block, b.straight([{ block, args }], 'u32', [MANY], operands.slice(0, ARITY[block])))
  }
  hardFma(b, DENSE)
}

const FUNCTIONS: readonly ElementwiseOp[] = ['sqrt', 'exp', 'log', 'tanh', 'erf', 'sin', 'cos', 'gelu', 'geluGradient']

/** The elementary functions on hard words and over the whole range. */
const functions = (b: SuiteBuilder): void => {
  for (const draw of ['hard', 'dense'] as const) {
    const x = b.draw(draw, 'f32', draw === 'hard' ? MANY : DENSE)
    for (const name of FUNCTIONS) b.output(`${name}-${draw}`, b.elementwise(name, [x]))
    b.output(`rsqrt-${draw}`, b.div(1, b.sqrt(x)))
    b.output(`pow-${draw}`, b.pow(x, b.draw('hard', 'f32', ...x.type.shape)))
    b.output(`pow-small-${draw}`, b.pow(b.elementwise('exp', [b.draw('real', 'f32', ...x.type.shape)]), x))
  }
}

/** Broadcast operands, coordinates and constants, dtypes, in one map and in chains that become one. */
const maps = (b: SuiteBuilder): void => {
  const [n, h, w] = [3, 5, 7]
  const x = b.draw('hard', 'f32', n, h, w)
  const row = b.draw('hard', 'f32', w)
  const column = b.draw('hard', 'f32', h, 1)
  const one = b.draw('hard', 'f32', 1)
  b.output('broadcast-row', b.fma(x, row, column))
  b.output('broadcast-spread', b.add(column, b.broadcastTo(one, [n, h, w])))
  b.output('coordinates', b.add(b.mul(b.iota([n, h, w], 0), 35), b.sub(b.iota([n, h, w], 1), b.iota([n, h, w], 2))))
  b.output('constant', b.constant(0.1, 'f32', [h, w]))
  b.output('select', b.select(b.less(x, row), column, b.neg(x)))
  b.output('chain', b.relu(b.tanh(b.mul(b.sub(x, column), row))))
  b.output('max', b.max(x, row))
  const i = b.draw('hard', 'i32', n, h, w)
  const u = b.draw('hard', 'u32', w)
  b.output('float-of-int', b.toFloat(i))
  b.output('float-of-uint', b.toFloat(u))
  b.output('int-of-float', b.toInt(x))
  b.output('shift', b.xor(b.shiftLeft(b.toUint(i), u), b.shiftRight(b.toUint(i), u)))
  b.output('logic', b.or(b.and(b.equal(i, 0), b.less(x, 0)), b.not(b.lessEqual(x, row))))
  b.output('scalar', b.add(b.reshape(one, []), 1))
}

const FORMS = [
  { name: 'nn', transposeA: false, transposeB: false },
  { name: 'tn', transposeA: true, transposeB: false },
  { name: 'nt', transposeA: false, transposeB: true },
  { name: 'tt', transposeA: true, transposeB: true },
] as const
interface Form {
  readonly transposeA: boolean
  readonly transposeB: boolean
  readonly arithmetic?: Arithmetic
}

/** A product of batches of [m, k] and [k, n] in a form. */
function product(
  b: SuiteBuilder,
  draw: 'hard' | 'real',
  form: Form,
  [m, k, n]: readonly [number, number, number],
  batch: readonly (readonly number[])[] = [[], []],
): Value {
  const left = b.draw(draw, 'f32', ...batch[0]!, ...(form.transposeA ? [k, m] : [m, k]))
  const right = b.draw(draw, 'f32', ...batch[1]!, ...(form.transposeB ? [n, k] : [k, n]))
  return b.matmul(left, right, form)
}

/** Single elements, tiles and their remainders, vectors, both sides of a block of 512 k, several blocks. */
const PRODUCTS = [
  [1, 1, 1],
  [1, 67, 1],
  [1, 40, 35],
  [37, 9, 1],
  [6, 16, 8],
  [12, 64, 16],
  [13, 33, 17],
  [33, 5, 70],
  [5, 511, 9],
  [7, 512, 16],
  [6, 513, 33],
  [3, 1700, 19],
  [64, 80, 64],
] as const

const QUANTISED = [
  [1, 1, 1],
  [7, 33, 18],
  [16, 256, 32],
  [5, 257, 40],
  [17, 600, 9],
] as const

const matmul = (b: SuiteBuilder): void => {
  for (const form of FORMS) {
    for (const size of PRODUCTS) b.output(`${form.name}-${size.join('x')}`, product(b, 'real', form, size))
    b.output(`${form.name}-hard`, product(b, 'hard', form, [11, 21, 19]))
    b.output(
      `${form.name}-batch`,
      product(
        b,
        'real',
        form,
        [9, 18, 10],
        [
          [2, 3],
          [2, 3],
        ],
      ),
    )
    b.output(`${form.name}-batch-shared`, product(b, 'real', form, [8, 7, 12], [[3], []]))
    b.output(`${form.name}-batch-broadcast`, product(b, 'real', form, [5, 6, 20], [[2, 1], [3]]))
  }
}

/** Shapes and axes: one axis inside, outside, between; several; fewer positions than lanes; more than one block of 16,384. */
const REDUCTIONS: readonly (readonly [shape: readonly number[], axes: readonly number[]])[] = [
  [[1], [0]],
  [[31], [0]],
  [[33], [0]],
  [[5, 64], [1]],
  [[5, 100], [1]],
  [[70, 9], [0]],
  [[7, 40, 6], [1]],
  [
    [4, 6, 8, 3],
    [0, 2],
  ],
  [
    [4, 6, 8, 3],
    [1, 3],
  ],
  [
    [3, 5, 35],
    [1, 2],
  ],
  [[16384], [0]],
  [[16385], [0]],
  [[40000], [0]],
  [
    [130, 128],
    [0, 1],
  ],
]

/** Quantised contractions: integers in any order, scales by block of 256 k, words that no scale fits. */
const quantised = (b: SuiteBuilder): void => {
  for (const arithmetic of ['q16', 'q24'] as const) {
    for (const form of FORMS) {
      for (const [m, k, n] of QUANTISED) {
        const name = `${arithmetic}-${form.name}-${m}x${k}x${n}`
        b.output(name, product(b, 'real', { ...form, arithmetic }, [m, k, n]))
        b.output(`${name}-hard`, product(b, 'hard', { ...form, arithmetic }, [m, k, n]))
      }
    }
    b.output(`${arithmetic}-batch`, product(b, 'real', { ...FORMS[0], arithmetic }, [9, 40, 18], [[2, 3], [3]]))
  }
}

const reduce = (b: SuiteBuilder): void => {
  for (const [shape, axes] of REDUCTIONS) {
    const name = `${shape.join('x')}-over-${axes.join('-')}`
    const [real, hard] = [b.draw('real', 'f32', ...shape), b.draw('hard', 'f32', ...shape)]
    b.output(`sum-${name}`, b.sum(real, axes))
    b.output(`sum-hard-${name}`, b.sum(hard, axes, true))
    b.output(`max-${name}`, b.maximum(real, axes, true))
    b.output(`max-hard-${name}`, b.maximum(hard, axes))
  }
  // -0 and +0, equal maxima, and no NaN to hide them.
  const zeros = b.given(
    'f32',
    [6, 40],
    Uint32Array.from({ length: 240 }, (_, i) => (i % 7 === 0 ? 0 : 0x80000000)),
  )
  b.output('sum-zeros', b.sum(zeros, [0]))
  b.output('max-zeros', b.maximum(zeros, [1]))
}

const move = (b: SuiteBuilder): void => {
  for (const dtype of ['f32', 'i32', 'u32', 'bool'] as const satisfies readonly DType[]) {
    const x = b.draw('hard', dtype, 3, 6, 5, 8)
    const y = b.draw('hard', dtype, 3, 2, 5, 8)
    b.output(`reshape-${dtype}`, b.reshape(x, [18, 40]))
    b.output(`transpose-2-${dtype}`, b.transpose(b.reshape(x, [18, 40]), [1, 0]))
    b.output(`transpose-4-${dtype}`, b.transpose(x, [0, 2, 1, 3]))
    b.output(`transpose-inner-${dtype}`, b.transpose(x, [3, 0, 2, 1]))
    b.output(`slice-${dtype}`, b.slice(x, [1, 0, 2, 1], [2, 6, 3, 7]))
    b.output(`slice-steps-${dtype}`, b.slice(x, [0, 1, 0, 2], [2, 3, 5, 2], [2, 2, 1, 3]))
    b.output(`pad-${dtype}`, b.pad(x, [0, 1, 0, 2], [1, 0, 0, 3], dtype === 'f32' ? 0x3f800000 : 1))
    b.output(`concat-${dtype}`, b.concat([x, y, x], 1))
    b.output(`concat-last-${dtype}`, b.concat([x, x], 3))
  }
}

const rows = (b: SuiteBuilder): void => {
  const [size, width] = [37, 19]
  const table = b.draw('hard', 'f32', size, width)
  const index = b.draw({ below: size }, 'i32', 4, 33)
  b.output('gather', b.gather(table, index))
  b.output('gather-wild', b.gather(table, b.draw('hard', 'i32', 65)))
  b.output('scatter', b.scatterAdd(index, b.draw('real', 'f32', 4, 33, width), size))
  b.output('scatter-hard', b.scatterAdd(index, b.draw('hard', 'f32', 4, 33, width), size))
  // More sources than one block of 512 takes, so that rows join over blocks.
  b.output('scatter-many', b.scatterAdd(b.draw({ below: 5 }, 'i32', 1300), b.draw('real', 'f32', 1300, 12), 5))
}

const windows = (b: SuiteBuilder): void => {
  for (const [height, width] of [
    [1, 1],
    [3, 3],
    [5, 3],
  ] as const) {
    const image = b.draw('hard', 'f32', 2, 7, 6, 3)
    b.output(`window-${height}x${width}`, b.window(image, height, width))
    b.output(`fold-${height}x${width}`, b.fold(b.draw('real', 'f32', 2, 7, 6, height, width, 3)))
    b.output(`fold-hard-${height}x${width}`, b.fold(b.draw('hard', 'f32', 2, 7, 6, height, width, 3)))
  }
}

const random = (b: SuiteBuilder): void => {
  const [k0, k1] = [b.draw('hard', 'u32', 1), b.draw('hard', 'u32', 1)]
  const [first, second] = threefry(b, { k0, k1 }, b.draw('hard', 'u32', MANY), b.draw('dense', 'u32', MANY))
  b.output('threefry-0', first)
  b.output('threefry-1', second)
  b.output('random24', random24(b, { k0, k1 }, b.draw('hard', 'u32', 13, 1), elementIndex(b, [13, 70])))
}

const vectorOf = (b: SuiteBuilder, size: number): Value => b.draw('real', 'f32', size)

/** What models are made of, as their programs hold it: chains that engines like to compute in one pass. */
const layers = (b: SuiteBuilder): void => {
  for (const [count, width] of [
    [33, 48],
    [5, 131],
  ] as const) {
    const name = `${count}x${width}`
    const x = b.draw('real', 'f32', count, width)
    b.output(`softmax-${name}`, softmax(b, b.mul(x, 9)))
    b.output(`softmax-hard-${name}`, softmax(b, b.draw('hard', 'f32', count, width)))
    b.output(`layer-norm-${name}`, layerNorm(b, x, vectorOf(b, width), vectorOf(b, width)))
    const { loss, correct } = crossEntropy(b, x, b.draw({ below: width }, 'i32', count, 1))
    b.output(`cross-entropy-${name}`, loss)
    b.output(`correct-${name}`, correct)
    b.output(`gelu-bias-${name}`, b.gelu(b.add(x, vectorOf(b, width))))
  }
  const optimizer = adamw({
    type: 'adamw',
    learningRate: 0.01,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    weightDecay: 0.1,
    warmup: 0,
  })
  const tensor = (): Value => b.draw('real', 'f32', 21, 13)
  const squares = b.mul(tensor(), 1)
  const slots = [tensor(), b.mul(squares, squares), b.constant(0.9), b.constant(0.95)]
  const next = optimizer.step(b, [tensor()], [tensor()], slots, b.constant(0.01))
  b.output('adamw-parameter', next.parameters[0]!)
  for (const [i, slot] of next.slots.slice(0, 2).entries()) b.output(`adamw-slot-${i}`, slot)
}

const FLOAT: readonly Block[] = BLOCKS.slice(0, BLOCKS.indexOf('iadd'))
const CONVERSIONS: readonly Block[] = ['f2i', 'i2f', 'u2f', 'canon']
const INTEGER: readonly Block[] = BLOCKS.filter((block) => !FLOAT.includes(block) && !CONVERSIONS.includes(block))

/** Several blocks on the same hard words in one map: h = 31 h + result, block after block. */
function mixed(b: SuiteBuilder, some: readonly Block[], operands: readonly Value[]): Value {
  const program: Instr[] = []
  const emit = (block: Block, ...args: Arg[]): Arg => ({ from: 'instr', n: program.push({ block, args }) - 1 })
  some.reduce<Arg | undefined>((hash, block) => {
    const result = emit(block, ...operands.slice(0, ARITY[block]).map((_, n) => load(n)))
    return hash ? emit('iadd', emit('imul', hash, { from: 'const', bits: 31 }), result) : result
  }, undefined)
  return b.straight(program, 'u32', operands[0]!.type.shape, operands)
}

/** A little of everything in one graph, small enough to run whenever an engine starts. */
const quick = (b: SuiteBuilder): void => {
  const words = [0, 1, 2].map(() => b.draw('hard', 'u32', FEW))
  b.output('float-blocks', mixed(b, FLOAT, words))
  b.output('integer-blocks', mixed(b, INTEGER, words))
  b.output('conversions', mixed(b, CONVERSIONS, words))
  hardFma(b, FEW)
  const x = b.draw('real', 'f32', 13, 48)
  b.output('matmul-nn', product(b, 'real', FORMS[0], [7, 530, 17]))
  b.output('matmul-nt', product(b, 'hard', FORMS[2], [7, 33, 9]))
  b.output('softmax', softmax(b, x))
  b.output('sum-columns', b.sum(x, [0]))
  const ascending = b.straight([{ block: 'i2f', args: [{ from: 'axis', n: 0 }] }], 'f32', [16_401], [])
  b.output('sum-blocks', b.sum(ascending))
  b.output('transpose', b.transpose(x, [1, 0]))
  const index = b.draw({ below: 48 }, 'i32', 13)
  b.output('gather', b.gather(x, index))
  b.output('scatter', b.scatterAdd(index, x, 48))
  b.output('fold', b.fold(b.window(b.draw('real', 'f32', 2, 4, 5, 3), 3, 3)))
}

/** Whether a suite keeps its nodes as they are written, or goes through the fusion of programs. */
const SUITES: readonly (readonly [name: string, fill: (b: SuiteBuilder) => void, keep: 'plain' | 'fused'])[] = [
  ['blocks', blocks, 'plain'],
  ['functions', functions, 'plain'],
  ['map', maps, 'plain'],
  ['map-fused', maps, 'fused'],
  ['matmul', matmul, 'plain'],
  ['reduce', reduce, 'plain'],
  ['move', move, 'plain'],
  ['rows', rows, 'plain'],
  ['window', windows, 'plain'],
  ['random', random, 'fused'],
  ['layers', layers, 'fused'],
  ['quantised', quantised, 'plain'],
]

function build(name: string, fill: (b: SuiteBuilder) => void, keep: 'plain' | 'fused', seed: number): Suite {
  const b = new SuiteBuilder(name, seed)
  fill(b)
  return keep === 'plain' ? b.plain() : b.fused()
}

/** The suite that runs at every start of an engine. */
export function quickSuite(): Suite {
  return build('quick', quick, 'plain', 1)
}

/** All suites; the quick one comes first. */
export function* allSuites(): Generator<Suite> {
  yield quickSuite()
  for (const [i, [name, fill, keep]] of SUITES.entries()) yield build(name, fill, keep, 100 + i)
}
