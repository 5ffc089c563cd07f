/** For tests: programs of random models, whose loss and gradients go any way that a graph can. */
import type { SeededRandom } from '#proto/testing.ts'
import { gradients } from '../autodiff.ts'
import { Builder, type Value } from '../builder.ts'
import type { Graph, Port, Program } from '../types.ts'

const SIDE = 4
const TYPE = { dtype: 'f32', shape: [SIDE, SIDE] } as const
const SCALAR = { dtype: 'f32', shape: [] } as const

function declare(b: Builder, ports: readonly Port[], prefix = ''): Value[] {
  return ports.map(({ name, type }) => b.input(prefix + name, type.dtype, type.shape))
}

/** Applies random operations to random earlier values; what is added late skips over what lies between. */
function randomLoss(b: Builder, random: SeededRandom, values: Value[], records: Value): { loss: Value; aside: Value } {
  const pick = (): Value => (random.bool(0.6) ? (values.at(-1) as Value) : random.pick(values))
  for (let i = 0; i < 12; i++) {
    const [x, y] = [pick(), random.pick(values)]
    const made = [
      () => b.matmul(x, y, { transposeA: random.bool(), transposeB: random.bool() }),
      () => b.add(b.mul(x, 0.5), y),
      () => b.tanh(x),
      () => b.mul(x, y),
      () => b.transpose(x, [1, 0]),
      () => b.sub(x, b.mul(b.sum(x, [1], true), 1 / SIDE)),
      () => b.reshape(b.concat(b.split(x, 1, [1, 3]).reverse(), 1), [SIDE, SIDE]),
      () => b.mul(x, b.tanh(records)),
    ]
    values.push(b.tanh(random.pick(made)()))
  }
  const last = values.slice(-1 - random.below(3))
  return { loss: last.reduce((sum, x) => b.add(sum, b.sum(b.mul(x, x))), b.constant(0)), aside: b.sum(pick()) }
}

/**
 * A program of `parameters` tensors, any of which may be read at several places or at none, with two metrics; the
 * update is by momentum, and a state tensor beside counts steps.
 */
export function randomProgram(random: SeededRandom, parameters = 5): Program {
  const names = Array.from({ length: parameters }, (_, i) => `p${i}`)
  const momenta = names.map((name) => ({ name: `momentum.${name}`, type: TYPE }))
  const state: Port[] = [...names.map((name) => ({ name, type: TYPE })), ...momenta, { name: 'power', type: SCALAR }]
  const grads = names.map((name): Port => ({ name: `grad.${name}`, type: TYPE }))
  const metrics: Port[] = ['loss', 'aside'].map((name) => ({ name, type: SCALAR }))

  const forInit = new Builder()
  forInit.input('seed', 'u32', [2])
  for (const [i, { name, type }] of state.entries()) {
    forInit.output(name, forInit.constant(i < parameters ? (i + 1) / 8 : 1, 'f32', type.shape))
  }

  const b = new Builder()
  const held = declare(b, state)
  b.input('seed', 'u32', [2])
  b.input('step', 'u32', [])
  b.input('position', 'u32', [SIDE])
  const records = b.input('records', 'f32', [SIDE, SIDE])
  const own = held.slice(0, parameters)
  const { loss, aside } = randomLoss(b, random, [...own, records], records)
  for (const [i, g] of gradients(b, loss, own).entries()) b.output((grads[i] as Port).name, g)
  b.output('loss', loss)
  b.output('aside', aside)

  return {
    ...{ state, gradients: grads, metrics, init: forInit.finish('init'), micro: b.finish('micro') },
    ...{ combine: combineOf([...grads, ...metrics]), update: updateOf(state, grads, metrics) },
    evaluate: forInit.finish('evaluate'),
  }
}

function combineOf(sums: readonly Port[]): Graph {
  const b = new Builder()
  const [left, right] = [declare(b, sums, 'a.'), declare(b, sums, 'b.')]
  for (const [i, { name }] of sums.entries()) b.output(name, b.add(left[i] as Value, right[i] as Value))
  return b.finish('combine')
}

function updateOf(state: readonly Port[], grads: readonly Port[], metrics: readonly Port[]): Graph {
  const b = new Builder()
  const held = declare(b, state)
  b.input('step', 'u32', [])
  const [slopes, sums] = [declare(b, grads), declare(b, metrics)]
  const power = b.mul(held.at(-1) as Value, 0.9)
  const count = grads.length
  const next = slopes.map((g, i) => b.add(b.mul(held[count + i] as Value, 0.5), g))
  for (const [i, m] of next.entries()) {
    b.output((state[i] as Port).name, b.sub(held[i] as Value, b.mul(b.mul(m, power), 0.01)))
  }
  for (const [i, m] of next.entries()) b.output((state[count + i] as Port).name, m)
  b.output('power', power)
  b.output('loss', sums[0] as Value)
  return b.finish('update')
}
