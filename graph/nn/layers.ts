/** Layers as compositions of primitives; autodiff sees only the parts. */
import type { Builder, Value } from '../builder.ts'

/** x [n, in] W [in, out] + bias [out]. */
export function linear(b: Builder, x: Value, weight: Value, bias?: Value): Value {
  const y = b.matmul(x, weight)
  return bias ? b.add(y, bias) : y
}

/** Normalizes over the last axis of x, then scales and shifts: gain (x - mean) / sqrt(var + 1e-5) + bias. */
export function layerNorm(b: Builder, x: Value, gain: Value, bias: Value): Value {
  const width = x.type.shape.at(-1) as number
  const mean = b.mul(b.sum(x, [-1], true), 1 / width)
  const centred = b.sub(x, mean)
  const variance = b.mul(b.sum(b.mul(centred, centred), [-1], true), 1 / width)
  const scale = b.div(1, b.sqrt(b.add(variance, 1e-5)))
  return b.fma(b.mul(centred, scale), gain, bias)
}

/** Softmax over the last axis; the maximum subtracted first carries no gradient. */
export function softmax(b: Builder, x: Value): Value {
  const e = b.exp(b.sub(x, b.stopGradient(b.maximum(x, [-1], true))))
  return b.mul(e, b.div(1, b.sum(e, [-1], true)))
}

export interface Classification {
  /** f32[n, 1]: -log softmax(logits)[label]. */
  readonly loss: Value
  /** f32[n, 1]: 1 where the label's logit is the largest (or ties with it). */
  readonly correct: Value
}

/** Cross-entropy of logits [n, classes] against labels i32[n, 1]; a label outside of the classes has loss log sum exp. */
export function crossEntropy(b: Builder, logits: Value, labels: Value): Classification {
  const shifted = b.sub(logits, b.stopGradient(b.maximum(logits, [-1], true)))
  const hit = b.equal(b.iota(logits.type.shape, -1), labels)
  const chosen = b.sum(b.select(hit, shifted, 0), [-1], true)
  const total = b.log(b.sum(b.exp(shifted), [-1], true))
  const top = b.select(hit, b.toFloat(b.equal(shifted, 0)), 0)
  return { loss: b.sub(total, chosen), correct: b.sum(top, [-1], true) }
}

/** Maximum over 2 x 2 blocks of [b, h, w, c]; an odd last row or column is cut. */
export function maxPool2(b: Builder, x: Value): Value {
  const [n, h, w, c] = x.type.shape as [number, number, number, number]
  const [rows, columns] = [Math.floor(h / 2), Math.floor(w / 2)]
  const even = b.slice(x, [0, 0, 0, 0], [n, 2 * rows, 2 * columns, c])
  return b.maximum(b.reshape(even, [n, rows, 2, columns, 2, c]), [2, 4])
}

/** Convolution of [b, h, w, cin] with a kernel [kh, kw, cin, cout], stride 1, zero padding that keeps the size. */
export function convolve(b: Builder, x: Value, kernel: Value, bias: Value): Value {
  const [n, h, w] = x.type.shape as [number, number, number, number]
  const [kh, kw, cin, cout] = kernel.type.shape as [number, number, number, number]
  const patches = b.reshape(b.window(x, kh, kw), [n * h * w, kh * kw * cin])
  const y = linear(b, patches, b.reshape(kernel, [kh * kw * cin, cout]), bias)
  return b.reshape(y, [n, h, w, cout])
}
