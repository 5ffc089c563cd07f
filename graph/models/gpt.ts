/** Byte-level GPT: pre-norm transformer blocks with causal attention and a 4x GELU layer, learned positions, untied head. */
import type { Builder, Value } from '../builder.ts'
import { crossEntropy, layerNorm, linear, softmax } from '../nn/layers.ts'
import { dropout, elementIndex, randomKey } from '../nn/random.ts'
import type { GptSpec } from '../spec.ts'
import { dense } from './mlp.ts'
import { type Draws, type Model, ONES, type Parameter, uniformInit, type Weights, ZEROS } from './model.ts'
import { sequences } from './records.ts'

export const VOCABULARY = 256
/** Standard deviation of initial weights, and what stands for minus infinity in masked scores. */
const STD = 0.02
const MASKED = -1e9

/** Sizes of one batch: records, positions, width, heads and width of a head. */
interface Sizes {
  readonly batch: number
  readonly length: number
  readonly width: number
  readonly heads: number
  readonly depth: number
}

/** Applies dropout at the next site; the identity where nothing is drawn. */
type Drop = (x: Value, rows: 'tokens' | 'scores') => Value

function norm(name: string, width: number): Parameter[] {
  return [
    { name: `${name}.gain`, shape: [width], init: ONES },
    { name: `${name}.bias`, shape: [width], init: ZEROS },
  ]
}

/** Parameters of one block; projections back into the residual stream start smaller by sqrt(2 layers), as in GPT-2. */
function blockParameters(name: string, width: number, layers: number): Parameter[] {
  const residual = uniformInit(STD / Math.sqrt(2 * layers))
  return [
    ...norm(`${name}.ln1`, width),
    ...dense(`${name}.attn.qkv`, width, 3 * width, uniformInit(STD)),
    ...dense(`${name}.attn.out`, width, width, residual),
    ...norm(`${name}.ln2`, width),
    ...dense(`${name}.mlp.up`, width, 4 * width, uniformInit(STD)),
    ...dense(`${name}.mlp.down`, 4 * width, width, residual),
  ]
}

/** Causal multi-head attention over x [batch * length, width]. */
function attention(b: Builder, x: Value, name: string, weights: Weights, sizes: Sizes, drop: Drop): Value {
  const { batch, length, width, heads, depth } = sizes
  const qkv = linear(b, x, weights(`${name}.qkv.weight`), weights(`${name}.qkv.bias`))
  const [q, k, v] = b.split(qkv, 1, [width, width, width]).map((part) => {
    return b.transpose(b.reshape(part, [batch, length, heads, depth]), [0, 2, 1, 3])
  }) as [Value, Value, Value]
  const scores = b.mul(b.matmul(q, k, { transposeB: true }), 1 / Math.sqrt(depth))
  const shape = scores.type.shape
  const future = b.less(b.iota(shape, 2), b.iota(shape, 3))
  const probabilities = drop(softmax(b, b.select(future, MASKED, scores)), 'scores')
  const mixed = b.transpose(b.matmul(probabilities, v), [0, 2, 1, 3])
  const joined = b.reshape(mixed, [batch * length, width])
  return linear(b, joined, weights(`${name}.out.weight`), weights(`${name}.out.bias`))
}

function block(b: Builder, x: Value, name: string, weights: Weights, sizes: Sizes, drop: Drop): Value {
  const normal = (y: Value, layer: string) =>
    layerNorm(b, y, weights(`${name}.${layer}.gain`), weights(`${name}.${layer}.bias`))
  const attended = b.add(x, drop(attention(b, normal(x, 'ln1'), `${name}.attn`, weights, sizes, drop), 'tokens'))
  const up = linear(b, normal(attended, 'ln2'), weights(`${name}.mlp.up.weight`), weights(`${name}.mlp.up.bias`))
  const down = linear(b, b.gelu(up), weights(`${name}.mlp.down.weight`), weights(`${name}.mlp.down.bias`))
  return b.add(attended, drop(down, 'tokens'))
}

/** Draws keyed by site, counted by global record position and element within the record. */
function dropper(b: Builder, rate: number, draws: Draws | undefined, { batch, length, width, heads }: Sizes): Drop {
  if (rate === 0 || !draws) return (x) => x
  let site = 0
  const rows = (x: Value) => b.reshape(b.broadcastTo(b.reshape(x, [batch, 1]), [batch, length]), [batch * length, 1])
  const tokenRow = b.reshape(b.mul(b.iota([batch, length], 1, 'u32'), width), [batch * length, 1])
  return (x, kind) => {
    const key = randomKey(b, draws.seed, draws.step, site++)
    if (kind === 'scores') {
      const position = b.reshape(draws.position, [batch, 1, 1, 1])
      return dropout(b, x, rate, key, position, elementIndex(b, [1, heads, length, length]))
    }
    return dropout(b, x, rate, key, rows(draws.position), b.add(tokenRow, b.iota(x.type.shape, 1, 'u32')))
  }
}

/**
 * Parameters `wte` [256, width], `wpe` [context, width], `h<i>.{ln1,attn.qkv,attn.out,ln2,mlp.up,mlp.down}`, `lnf`,
 * `head.weight` [width, 256]. The loss of a record is the mean over its `context` predictions.
 */
export function gpt(spec: GptSpec): Model {
  const { width, layers, heads, context } = spec
  const names = Array.from({ length: layers }, (_, i) => `h${i}`)
  return {
    classifies: false,
    parameters: [
      { name: 'wte', shape: [VOCABULARY, width], init: uniformInit(STD) },
      { name: 'wpe', shape: [context, width], init: uniformInit(STD) },
      ...names.flatMap((name) => blockParameters(name, width, layers)),
      ...norm('lnf', width),
      { name: 'head.weight', shape: [width, VOCABULARY], init: uniformInit(STD) },
    ],
    forward(b, weights, records, draws) {
      const { tokens, targets } = sequences(b, records)
      const [batch, length] = tokens.type.shape as [number, number]
      const sizes = { batch, length, width, heads, depth: width / heads }
      const drop = dropper(b, spec.dropout, draws, sizes)
      const embedded = b.reshape(b.add(b.gather(weights('wte'), tokens), weights('wpe')), [batch * length, width])
      const stream = names.reduce((x, name) => block(b, x, name, weights, sizes, drop), drop(embedded, 'tokens'))
      const last = layerNorm(b, stream, weights('lnf.gain'), weights('lnf.bias'))
      const logits = linear(b, last, weights('head.weight'))
      const { loss } = crossEntropy(b, logits, b.reshape(targets, [batch * length, 1]))
      return { loss: b.mul(b.sum(b.reshape(loss, [batch, length]), [1]), 1 / length), logits }
    },
  }
}
