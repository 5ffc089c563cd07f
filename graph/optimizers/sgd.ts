/** Stochastic gradient descent with momentum and weight decay. */
import type { Value } from '../builder.ts'
import type { OptimizerSpec } from '../spec.ts'
import { decays, type Optimizer } from './optimizer.ts'

/**
 * g' = g + decay p (matrices only); m' = momentum m + g'; p' = p - rate m'. Slots: `momentum.<p>`, none if momentum is 0.
 */
export function sgd({ momentum, weightDecay }: Extract<OptimizerSpec, { type: 'sgd' }>): Optimizer {
  return {
    slots: (parameters) =>
      momentum === 0 ? [] : parameters.map(({ name, type }) => ({ name: `momentum.${name}`, type, start: 0 })),
    step(b, parameters, gradients, slots, rate) {
      const descent = b.neg(rate)
      const decayed = parameters.map((p, i) => {
        const g = gradients[i] as Value
        return weightDecay !== 0 && decays(p) ? b.fma(p, weightDecay, g) : g
      })
      const moved = momentum === 0 ? decayed : decayed.map((g, i) => b.fma(slots[i] as Value, momentum, g))
      return {
        parameters: parameters.map((p, i) => b.fma(moved[i] as Value, descent, p)),
        slots: momentum === 0 ? [] : moved,
      }
    },
  }
}
