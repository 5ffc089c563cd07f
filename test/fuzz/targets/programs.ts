/** Decoders of arith and graph: element programs and step graphs. */
import { decodeProgram, encodeProgram } from '#arith/encode.ts'
import { checkProgram } from '#arith/program.ts'
import { quantised, randomProgram } from '#arith/testing-programs.ts'
import type { ElementProgram } from '#arith/types.ts'
import { Builder, type Value } from '#graph/builder.ts'
import { decodeGraph, decodeNode, encodeGraph, encodeNode } from '#graph/encode.ts'
import type { Graph } from '#graph/types.ts'
import { concatBytes } from '#proto/bytes.ts'
import type { SeededRandom, Target } from '#test/fuzz/target.ts'

const program: Target<ElementProgram> = {
  name: 'element-program',
  covers: ['arith/encode.ts#decodeProgram', 'arith/encode.ts#readStraight'],
  valid: (random) => encodeProgram(randomProgram(() => random.u32()).program),
  decode: decodeProgram,
  encode: encodeProgram,
  form: 'canonical',
  codes: ['bad-encoding', 'over-limit'],
}

const OPERANDS = [64, 64, 64, 64]

/** What is decoded is not yet valid: the checker must bear whatever a decoded program says. */
const checked: Target = {
  name: 'element-program-check',
  covers: ['arith/program.ts#checkProgram'],
  valid: (random) => encodeProgram(random.pick(FIXED)),
  decode: (bytes) => checkProgram(decodeProgram(bytes), OPERANDS),
  codes: ['bad-encoding', 'over-limit', 'bad-program'],
}

const axisSum = (shape: number[], loop: number[], strides: number[]): ElementProgram => ({
  out: { dtype: 'f32', shape },
  loop,
  order: 'lanes32',
  loads: [{ operand: 0, at: { base: 0, strides }, fill: 0 }],
  init: 0,
  step: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'load', n: 0 }] }],
  join: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'other' }] }],
  finish: [],
})

const FIXED: readonly ElementProgram[] = [
  axisSum([8], [8], [8, 1]),
  axisSum([2, 4], [2, 4], [32, 8, 4, 1]),
  axisSum([], [64], [1]),
  quantised('q16', 2, 4, 8),
]

/** A few primitives of every kind over small tensors. */
function aGraph(random: SeededRandom): Graph {
  const b = new Builder()
  let x: Value = b.input('x', 'f32', [2, 3])
  const index = b.input('i', 'i32', [4])
  const steps: readonly (() => Value)[] = [
    () => b.matmul(x, x, { transposeB: true, arithmetic: random.pick(['f32', 'q16', 'q24'] as const) }),
    () => b.sum(x),
    () => b.elementwise('add', [x, x]),
    () => b.elementwise('tanh', [x]),
    () => b.transpose(x, x.type.shape.map((_, axis) => axis).reverse()),
    () => b.reshape(x, [x.type.shape.reduce((all, size) => all * size, 1), 1]),
    () => b.concat([x, x], 0),
    () => b.gather(b.reshape(x, [x.type.shape.reduce((all, size) => all * size, 1), 1]), index),
    () =>
      b.pad(
        x,
        x.type.shape.map(() => 1),
        x.type.shape.map(() => 2),
      ),
    () => b.maximum(x),
    () => b.constant(1.5),
  ]
  for (let i = 0; i < 1 + random.below(4); i++) {
    if (x.type.shape.length < 2) x = b.broadcastTo(b.reshape(b.sum(x), [1, 1]), [2, 3])
    x = random.pick(steps)()
  }
  b.output('y', x)
  return b.finish('fuzz')
}

/** Changes one of the length-prefixed blocks (header, nodes) or their order, and keeps the prefixes right. */
function mutateBlocks(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const blocks: Uint8Array[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at + 4 <= bytes.length; ) {
    const size = view.getUint32(at, true)
    if (size > bytes.length - at - 4) return bytes
    blocks.push(bytes.slice(at + 4, at + 4 + size))
    at += 4 + size
  }
  if (blocks.length < 2) return bytes
  const at = 1 + random.below(blocks.length - 1)
  const one = blocks[at] as Uint8Array
  const header = blocks[0] as Uint8Array
  switch (random.below(4)) {
    case 0:
      blocks.splice(at, 1)
      break
    case 1:
      blocks.splice(at, 0, one)
      break
    case 2:
      blocks.splice(1, blocks.length, ...random.shuffle(blocks.slice(1)))
      break
    default: {
      const target = random.bool(0.2) ? header : one
      if (target.length > 0) target[random.below(target.length)] = random.pick([0, 1, 2, 3, 4, 255, random.below(256)])
    }
  }
  // The header ends with the number of nodes.
  if (header.length >= 4) new DataView(header.buffer).setUint32(header.length - 4, blocks.length - 1, true)
  return concatBytes(
    ...blocks.flatMap((block) => {
      const size = new Uint8Array(4)
      new DataView(size.buffer).setUint32(0, block.length, true)
      return [size, block]
    }),
  )
}

const graph: Target<Graph> = {
  name: 'graph',
  covers: ['graph/encode.ts#decodeGraph'],
  valid: (random) => encodeGraph(aGraph(random)),
  decode: decodeGraph,
  encode: encodeGraph,
  form: 'canonical',
  codes: ['bad-encoding', 'over-limit', 'bad-graph', 'bad-version', 'bad-shape', 'bad-input'],
  mutate: mutateBlocks,
  slowness: 4,
}

/** A node by itself is what a dispute opens: its bytes have a root that is known before they are decoded. */
const node: Target = {
  name: 'graph-node',
  covers: ['graph/encode.ts#decodeNode'],
  valid: (random) => {
    const found = aGraph(random)
    return encodeNode(found, random.below(found.nodes.length))
  },
  decode: decodeNode,
  codes: ['bad-encoding', 'over-limit'],
}

export const PROGRAMS = [program, checked, graph, node] as readonly Target[]
