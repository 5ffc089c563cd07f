/** How records of each data format become tensors (docs/spec/graph.md, Records). */
import type { TensorType } from '#arith/types.ts'
import type { Builder, Value } from '../builder.ts'
import type { RecordSpec } from '../spec.ts'

/** The type of the `records` input: one row a record, its features and then its class (text: T + 1 bytes). */
export function recordsType(data: RecordSpec, batch: number): TensorType {
  return { dtype: data.format === 'csv' ? 'f32' : 'i32', shape: [batch, data.features + 1] }
}

/** Features f32[b, features] (idx pixels scaled to 0..1 by 1/255) and labels i32[b, 1]. */
export function examples(b: Builder, records: Value, data: RecordSpec): { features: Value; labels: Value } {
  const batch = records.type.shape[0] as number
  const raw = b.slice(records, [0, 0], [batch, data.features])
  const label = b.slice(records, [0, data.features], [batch, 1])
  if (data.format === 'csv') return { features: raw, labels: b.toInt(label) }
  return { features: b.mul(b.toFloat(raw), 1 / 255), labels: label }
}

/** Tokens i32[b, T] and what follows each: targets i32[b, T]. */
export function sequences(b: Builder, records: Value): { tokens: Value; targets: Value } {
  const [batch, length] = records.type.shape as [number, number]
  return {
    tokens: b.slice(records, [0, 0], [batch, length - 1]),
    targets: b.slice(records, [0, 1], [batch, length - 1]),
  }
}

/** bool[b]: a record whose last element is negative is padding that evaluation does not count. */
export function isRecord(b: Builder, records: Value): Value {
  const [batch, length] = records.type.shape as [number, number]
  const last = b.reshape(b.slice(records, [0, length - 1], [batch, 1]), [batch])
  return b.less(last.type.dtype === 'f32' ? -0.5 : -1, last)
}
