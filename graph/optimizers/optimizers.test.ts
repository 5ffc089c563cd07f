/** Optimizers against their formulas in plain binary64, over several steps. */
import { expect, test } from 'vitest'
import { seededRandom } from '#proto/testing.ts'
import { PRESETS } from '../presets.ts'
import { buildProgram } from '../program.ts'
import { elementsOf } from '../shape.ts'
import type { OptimizerSpec } from '../spec.ts'
import { evaluate, reals } from '../testing.ts'

type State = Record<string, number[]>

/** Runs `steps` updates on random gradients and compares every state tensor with `step`'s. */
function compare(optimizer: OptimizerSpec, step: (state: State, gradients: State, t: number) => void): void {
  const { init, update, state, gradients } = buildProgram({ ...PRESETS['mlp-tiny'], optimizer })
  const random = seededRandom(21)
  let actual = evaluate(init, { seed: [1, 2] }) as State
  const expected = structuredClone(actual)
  for (let t = 0; t < 5; t++) {
    const grads = Object.fromEntries(gradients.map(({ name, type }) => [name, reals(random, elementsOf(type.shape))]))
    const result = evaluate(update, { ...actual, ...grads, step: [t], loss: [24], count: [8] })
    expect(Object.keys(result)).toEqual(
      [...state.map(({ name }) => name), 'loss', 'learningRate'].sort(keyOrder(result)),
    )
    expect(result['loss']).toEqual([3])
    actual = Object.fromEntries(state.map(({ name }) => [name, result[name] as number[]]))
    step(expected, grads, t)
    for (const { name } of state) {
      for (const [i, value] of (actual[name] as number[]).entries()) {
        const wanted = expected[name]?.[i] as number
        expect(Math.abs(value - wanted), `${name}[${i}] at step ${t}`).toBeLessThan(3e-6 * (1 + Math.abs(wanted)))
      }
    }
  }
}

const keyOrder = (result: object) => (a: string, b: string) =>
  Object.keys(result).indexOf(a) - Object.keys(result).indexOf(b)

const parameters = ['layer0.weight', 'layer0.bias', 'layer1.weight', 'layer1.bias']

test.each([
  [0, 0, 0],
  [0.9, 0, 0],
  [0.5, 0.01, 3],
])('sgd with momentum %f, decay %f, warmup %i', (momentum, weightDecay, warmup) => {
  compare({ type: 'sgd', learningRate: 0.1, momentum, weightDecay, warmup }, (state, gradients, t) => {
    const rate = 0.1 * (warmup === 0 ? 1 : Math.min(1, (t + 1) / warmup))
    for (const name of parameters) {
      const decay = name.endsWith('weight') ? weightDecay : 0
      for (const [i, p] of (state[name] as number[]).entries()) {
        const g = (gradients[`grad.${name}`]?.[i] as number) + decay * p
        const slot = state[`momentum.${name}`]
        const m = momentum * (slot?.[i] ?? 0) + g
        if (slot) slot[i] = m
        ;(state[name] as number[])[i] = p - rate * m
      }
    }
  })
})

test.each([
  [0, 0],
  [0.1, 4],
])('adamw with decay %f, warmup %i', (weightDecay, warmup) => {
  const [beta1, beta2, epsilon] = [0.9, 0.95, 1e-8]
  compare({ type: 'adamw', learningRate: 0.01, beta1, beta2, epsilon, weightDecay, warmup }, (state, gradients, t) => {
    const rate = 0.01 * (warmup === 0 ? 1 : Math.min(1, (t + 1) / warmup))
    for (const name of parameters) {
      const decay = name.endsWith('weight') ? weightDecay : 0
      const [m, v, p] = [state[`m.${name}`], state[`v.${name}`], state[name]] as [number[], number[], number[]]
      for (const [i, g] of (gradients[`grad.${name}`] as number[]).entries()) {
        m[i] = beta1 * (m[i] as number) + (1 - beta1) * g
        v[i] = beta2 * (v[i] as number) + (1 - beta2) * g * g
        const size = Math.sqrt(v[i] / (1 - beta2 ** (t + 1))) + epsilon
        p[i] = (p[i] as number) * (1 - rate * decay) - (rate * (m[i] / (1 - beta1 ** (t + 1)))) / size
      }
    }
    state['beta1Power'] = [beta1 ** (t + 1)]
    state['beta2Power'] = [beta2 ** (t + 1)]
  })
})

test('state order: parameters, then slots by kind, then scalars', () => {
  const adamw = {
    type: 'adamw',
    learningRate: 1,
    beta1: 0.9,
    beta2: 0.9,
    epsilon: 0,
    weightDecay: 0,
    warmup: 0,
  } as const
  const { state } = buildProgram({ ...PRESETS['mlp-tiny'], optimizer: adamw })
  const kinds = ['', 'm.', 'v.'].flatMap((prefix) => parameters.map((name) => prefix + name))
  expect(state.map(({ name }) => name)).toEqual([...kinds, 'beta1Power', 'beta2Power'])
})
