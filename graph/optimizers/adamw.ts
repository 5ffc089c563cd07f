/** AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019). */
import type { Value } from '../builder.ts'
import type { OptimizerSpec } from '../spec.ts'
import { decays, type Optimizer } from './optimizer.ts'

const SCALAR = { dtype: 'f32', shape: [] } as const

/**
 * m' = b1 m + (1 - b1) g; v' = b2 v + (1 - b2) g g; with the powers b1^t and b2^t kept as state,
 * p' = p (1 - rate decay) - rate (m' / (1 - b1^t)) / (sqrt(v' / (1 - b2^t)) + eps). The decay acts on matrices only.
 *
 * Slots: `m.<p>` for all parameters, `v.<p>` for all parameters, `beta1Power`, `beta2Power`.
 */
export function adamw(spec: Extract<OptimizerSpec, { type: 'adamw' }>): Optimizer {
  const { beta1, beta2, epsilon, weightDecay } = spec
  return {
    slots: (parameters) => [
      ...parameters.map(({ name, type }) => ({ name: `m.${name}`, type, start: 0 })),
      ...parameters.map(({ name, type }) => ({ name: `v.${name}`, type, start: 0 })),
      { name: 'beta1Power', type: SCALAR, start: 1 },
      { name: 'beta2Power', type: SCALAR, start: 1 },
    ],
    step(b, parameters, gradients, slots, rate) {
      const count = parameters.length
      const power1 = b.mul(slots[2 * count] as Value, beta1)
      const power2 = b.mul(slots[2 * count + 1] as Value, beta2)
      const correct1 = b.div(1, b.sub(1, power1))
      const correct2 = b.div(1, b.sub(1, power2))
      const descent = b.neg(rate)
      const keep = b.sub(1, b.mul(rate, weightDecay))
      const m = gradients.map((g, i) => b.fma(slots[i] as Value, beta1, b.mul(g, 1 - beta1)))
      const v = gradients.map((g, i) => b.fma(slots[count + i] as Value, beta2, b.mul(b.mul(g, g), 1 - beta2)))
      const moved = parameters.map((p, i) => {
        const direction = b.mul(m[i] as Value, correct1)
        const size = b.add(b.sqrt(b.mul(v[i] as Value, correct2)), epsilon)
        const kept = weightDecay !== 0 && decays(p) ? b.mul(p, keep) : p
        return b.fma(b.div(direction, size), descent, kept)
      })
      return { parameters: moved, slots: [...m, ...v, power1, power2] }
    },
  }
}
