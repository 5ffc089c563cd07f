/** Metrics of a state on held-out records, by the program's own evaluation graph. */
import type { Buffer, Engine } from '#engine/types.ts'
import type { Program } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import type { Dataset } from '#runtime/dataset.ts'
import { sliceList } from '#runtime/tensors.ts'

/** Words of the last element of a padding record: -1, as i32 and as f32. The graph does not count such records. */
const PADDING = { i32: 0xffffffff, f32: 0xbf800000 } as const

/** Means over the records. */
export interface Metrics {
  readonly records: number
  /** Mean loss of a record, in nats. */
  readonly loss: number
  /** Share of records whose class is predicted; of classifiers only. */
  readonly accuracy?: number
}

/**
 * Evaluates records `from .. to-1`; null if there are none.
 * @param state the state tensors end to end
 * @throws AssayError `bad-data` for a state of another length
 */
export function evaluate(
  engine: Engine,
  program: Program,
  data: Dataset,
  state: Uint8Array,
  [from, to]: readonly [number, number],
): Metrics | null {
  if (to <= from) return null
  const type = program.evaluate.inputs.at(-1)?.type
  if (type === undefined || (type.dtype !== 'i32' && type.dtype !== 'f32')) {
    return fail('bad-program', 'the evaluate graph does not end with an input of records')
  }
  const [batch, length] = type.shape as [number, number]
  const tensors = sliceList(program.state, state)
  const kernel = engine.compile(program.evaluate)
  const weights = tensors.map(({ port }) => engine.alloc(port.type))
  const records = engine.alloc(type)
  const outputs = program.metrics.map((port) => engine.alloc(port.type))
  try {
    for (const [i, { bytes }] of tensors.entries()) asBytes(weights[i] as Buffer).set(bytes)
    const totals = program.metrics.map(() => 0)
    for (let start = from; start < to; start += batch) {
      const words = records.words()
      words.fill(0)
      for (let i = 0; i < batch; i++) {
        if (start + i < to) data.record(start + i, words, i * length)
        else words[i * length + length - 1] = PADDING[type.dtype]
      }
      kernel.run([...weights, records], outputs)
      for (const [i, output] of outputs.entries()) totals[i] = (totals[i] as number) + float(output)
    }
    const total = (name: string) => totals[program.metrics.findIndex((port) => port.name === name)]
    const count = total('count') as number
    const correct = total('correct')
    return {
      records: count,
      loss: (total('loss') as number) / count,
      ...(correct === undefined ? {} : { accuracy: correct / count }),
    }
  } finally {
    for (const buffer of [...weights, records, ...outputs]) engine.free(buffer)
  }
}

function asBytes(buffer: Buffer): Uint8Array {
  const words = buffer.words()
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
}

function float(buffer: Buffer): number {
  const words = buffer.words()
  return new Float32Array(words.buffer, words.byteOffset, 1)[0] as number
}
