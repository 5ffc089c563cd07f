/** Calibration: what an engine does in a second here, measured in about one on kernels of a few milliseconds. */
import type { TensorType } from '#arith/types.ts'
import type { Engine } from '#engine/types.ts'
import { gradients } from '#graph/autodiff.ts'
import { Builder, type Value } from '#graph/builder.ts'
import { layerNorm, softmax } from '#graph/nn/layers.ts'
import { adamw } from '#graph/optimizers/adamw.ts'
import type { MapAttrs } from '#graph/primitives/map.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph, Node } from '#graph/types.ts'
import { elementsOfNode, graphSeconds } from './predict.ts'
import { GRID, type Rates } from './rates.ts'
import { type Clock, fastestOf, wall } from './timing.ts'

/** Work of a measured contraction: small ones are measured in batches. */
const FLOPS = 6e6

/** Seconds of one run of a graph. */
type Measure = (graph: Graph) => number

function graphOf(make: (b: Builder, input: (...shape: number[]) => Value) => Value): Graph {
  const b = new Builder()
  let count = 0
  b.output(
    'y',
    make(b, (...shape) => b.input(`x${count++}`, 'f32', shape)),
  )
  return b.finish('calibration')
}

type Form = { transposeA?: boolean; transposeB?: boolean; arithmetic?: 'f32' | 'q16' | 'q24' }

function contraction(m: number, n: number, k: number, form: Form = {}): { graph: Graph; flops: number } {
  const batch = Math.max(1, Math.ceil(FLOPS / (2 * m * n * k)))
  const left = form.transposeA ? [k, m] : [m, k]
  const right = form.transposeB ? [n, k] : [k, n]
  const lead = batch === 1 ? [] : [batch]
  const graph = graphOf((b, input) => b.matmul(input(...lead, ...left), input(...lead, ...right), form))
  return { graph, flops: 2 * batch * m * n * k }
}

/** One graph for each kind of node that is counted by its elements. */
const ELEMENTS: readonly ((b: Builder, input: (...shape: number[]) => Value) => Value)[] = [
  (b, input) => b.sum(input(1024, 256), [1]),
  (b, input) => b.sum(input(1024, 256), [0]),
  (b, input) => b.transpose(input(4, 128, 4, 32), [0, 2, 1, 3]),
  (b, input) => b.transpose(input(256, 256), [1, 0]),
  (b, input) => b.slice(input(256, 384), [0, 128], [256, 128]),
  (b, input) => b.pad(input(256, 128), [0, 64], [0, 64]),
  (b, input) => b.concat([input(256, 128), input(256, 128), input(256, 128)], 1),
  (b, input) => b.gather(input(256, 128), b.toInt(input(256))),
  (b, input) => b.scatterAdd(b.toInt(input(256)), input(256, 128), 256),
  (b, input) => b.window(input(8, 14, 14, 8), 3, 3),
  (b, input) => b.window(input(8, 28, 28, 1), 3, 3),
  (b, input) => b.fold(input(8, 14, 14, 3, 3, 8)),
  (b, input) => b.add(input(8, 14, 2, 14, 2, 8), input(8, 14, 1, 14, 1, 8)),
]

const NEAR = [64, 512] as const
const FAR = [2048, 1024] as const

/** What a kernel takes beyond a run of any; at least half of it, since small costs are lost in the noise. */
const beyond = (seconds: number, call: number): number => Math.max(seconds - call, seconds / 2)

/** Seconds of a run, and of a node in it, from products too small for more than one thread. */
function smallest(measure: Measure): Pick<Rates, 'call' | 'node'> {
  const products = (count: number): Graph =>
    graphOf((b, input) => {
      const x = input(4, 4)
      return Array.from({ length: count }).reduce<Value>((y) => b.matmul(y, x), x)
    })
  const call = measure(products(1))
  return { call, node: Math.max(0, measure(products(41)) - call) / 40 }
}

/** Rates of maps, from maps that differ in what is to be known. */
function mapRates(measure: Measure, call: number): Pick<Rates, 'block' | 'heavyBlock' | 'word' | 'farWord'> {
  const count = ({ nodes }: Graph): number => (nodes[0] as { attrs: MapAttrs }).attrs.program.length
  const sum = (shape: readonly number[]): Graph => graphOf((b, input) => b.add(input(...shape), input(...shape)))
  const few = measure(sum(NEAR))
  const elements = elementsOf(NEAR)
  // The longest of the functions that models apply, of blocks that a core does every cycle.
  const many = graphOf((b, input) => b.geluGradient(b.add(input(...NEAR), input(...NEAR))))
  const block = Math.max(1e-12, (measure(many) - few) / ((count(many) - 1) * elements))
  const divisions = graphOf((b, input) => {
    const [x, y] = [input(...NEAR), input(...NEAR)]
    return [1, 2, 3, 4, 5, 6].reduce((total, i) => b.add(total, b.div(i, x)), b.add(x, y))
  })
  const heavyBlock = Math.max(block, (measure(divisions) - few) / (6 * elements) - block)
  const word = Math.max(0, beyond(few, call) / elements - block) / 3
  const farWord = Math.max(word, (beyond(measure(sum(FAR)), call) / elementsOf(FAR) - block) / 3)
  return { block, heavyBlock, word, farWord }
}

const ADAMW = {
  type: 'adamw',
  learningRate: 0.001,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  warmup: 0,
} as const

/** Chains as models have them, forward and backward, without a contraction: what engines fuse. */
function chains(): Graph {
  const b = new Builder()
  const x = b.input('x', 'f32', [256, 256])
  const [gain, bias] = [b.input('gain', 'f32', [256]), b.input('bias', 'f32', [256])]
  const y = softmax(b, b.gelu(layerNorm(b, x, gain, bias)))
  const loss = b.sum(b.mul(y, y))
  b.output('loss', loss)
  for (const [i, gradient] of gradients(b, loss, [x, gain, bias]).entries()) b.output(`gradient${i}`, gradient)
  return b.finish('chains')
}

/** An optimizer's step on one matrix. */
function step(): Graph {
  const b = new Builder()
  const tensors = ['p', 'g', 'm', 'v'].map((name) => b.input(name, 'f32', [128, 128])) as [Value, Value, Value, Value]
  const [p, g, m, v] = tensors
  const next = adamw(ADAMW).step(b, [p], [g], [m, v, b.constant(0.9), b.constant(0.95)], b.constant(0.001))
  b.output('p', next.parameters[0] as Value)
  for (const [i, slot] of next.slots.slice(0, 2).entries()) b.output(`slot${i}`, slot)
  return b.finish('step')
}

/**
 * Measures an engine. Takes about a second on an idle machine; what else runs there slows the rates down as it slows training.
 * @param clock default: the wall clock
 */
export function calibrate(engine: Engine, clock: Clock = wall): Rates {
  // The same calculation twice: first it says what is to be measured, then it is given the times.
  const graphs: Graph[] = []
  ratesFrom(engine, (graph) => graphs.push(graph))
  const seconds = fastestOf(engine, graphs, clock).values()
  return ratesFrom(engine, () => seconds.next().value as number)
}

function ratesFrom({ name, threads }: Engine, measure: Measure): Rates {
  const { call, node } = smallest(measure)
  const contractions = GRID.m.map((m) =>
    GRID.n.map((n) =>
      GRID.k.map((k) => {
        const { graph, flops } = contraction(m, n, k)
        return flops / beyond(measure(graph), call)
      }),
    ),
  )
  const plain = beyond(measure(contraction(256, 256, 256).graph), call)
  const formOf = (form: Form): number => beyond(measure(contraction(256, 256, 256, form).graph), call) / plain
  const forms = {
    tn: formOf({ transposeA: true }),
    nt: formOf({ transposeB: true }),
    q16: formOf({ arithmetic: 'q16' }),
    q24: formOf({ arithmetic: 'q24' }),
  }
  const maps = mapRates(measure, call)
  const element = Object.fromEntries(ELEMENTS.map((make) => elementRate(graphOf(make), measure, call)))
  const fused = { micro: 1, update: 1 }
  const rates: Rates = { engine: name, threads, contraction: contractions, forms, ...maps, call, node, element, fused }
  // An engine that fuses nothing takes its nodes' time.
  const share = (graph: Graph): number => Math.min(1, measure(graph) / graphSeconds(rates, graph, 1))
  return { ...rates, fused: { micro: share(chains()), update: share(step()) } }
}

/** Seconds for each element of a graph's last node, by its kind. */
function elementRate(graph: Graph, measure: Measure, call: number): [kind: string, seconds: number] {
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const last = graph.nodes.at(-1) as Node
  const ins = last.inputs.map((id) => types[id] as TensorType)
  const [kind, count] = elementsOfNode(last, ins)
  return [kind, beyond(measure(graph), call) / count]
}
