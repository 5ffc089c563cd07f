/** Small convolutional network: (convolution, activation, 2 x 2 maximum) repeated, a dense layer, a classifier. */
import { convolve, linear, maxPool2 } from '../nn/layers.ts'
import type { CnnSpec, RecordSpec } from '../spec.ts'
import { activate, classified, dense, fanIn } from './mlp.ts'
import { type Model, type Parameter, ZEROS } from './model.ts'
import { examples } from './records.ts'

/** Halves a size as pooling does; a single row or column stays. */
const pooled = (size: number) => Math.max(1, Math.floor(size / 2))

/**
 * Parameters `conv<i>.weight` [k, k, in, out] and `conv<i>.bias`, then `hidden` and `head`. Images are one channel.
 * Pooling stops where a side is 1.
 */
export function cnn(spec: CnnSpec, data: RecordSpec): Model {
  const { channels, kernel, hidden, activation } = spec
  const inputs = [1, ...channels.slice(0, -1)]
  const convolutions = channels.flatMap((outputs, i): Parameter[] => {
    const from = inputs[i] as number
    const shape = [kernel, kernel, from, outputs]
    return [
      { name: `conv${i}.weight`, shape, init: fanIn(kernel * kernel * from, activation) },
      { name: `conv${i}.bias`, shape: [outputs], init: ZEROS },
    ]
  })
  let [height, width] = [data.height, data.width]
  const pools = channels.map(() => {
    const pool = height > 1 && width > 1
    if (pool) [height, width] = [pooled(height), pooled(width)]
    return pool
  })
  const flat = height * width * (channels.at(-1) as number)
  return {
    classifies: true,
    parameters: [
      ...convolutions,
      ...dense('hidden', flat, hidden, fanIn(flat, activation)),
      ...dense('head', hidden, data.classes, fanIn(hidden)),
    ],
    forward(b, weights, records) {
      const { features, labels } = examples(b, records, data)
      const batch = records.type.shape[0] as number
      const image = b.reshape(features, [batch, data.height, data.width, 1])
      const maps = channels.reduce((x, _, i) => {
        const y = activate(b, convolve(b, x, weights(`conv${i}.weight`), weights(`conv${i}.bias`)), activation)
        return pools[i] ? maxPool2(b, y) : y
      }, image)
      const x = linear(b, b.reshape(maps, [batch, flat]), weights('hidden.weight'), weights('hidden.bias'))
      const logits = linear(b, activate(b, x, activation), weights('head.weight'), weights('head.bias'))
      return classified(b, logits, labels)
    },
  }
}
