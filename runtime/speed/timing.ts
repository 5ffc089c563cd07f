/** Timing of graphs on an engine: in rounds over all of them, so that a busy moment spoils one turn of each and not one graph. */
import type { DType, TensorType } from '#arith/types.ts'
import type { Buffer, Engine } from '#engine/types.ts'
import type { Graph } from '#graph/types.ts'

/** Seconds; any origin. */
export type Clock = () => number

export const wall: Clock = () => performance.now() / 1000

const ROUNDS = 6
/** In each round a graph runs at least once, and so often as fits into this time. */
const SECONDS = 0.0015

interface Prepared {
  readonly run: () => void
  readonly buffers: readonly Buffer[]
}

/** Seconds of one run of each graph on made-up inputs, the fastest of all rounds. The buffers are given back. */
export function fastestOf(engine: Engine, graphs: readonly Graph[], clock: Clock = wall): number[] {
  const prepared = graphs.map((graph) => prepare(engine, graph))
  const best = graphs.map(() => Number.POSITIVE_INFINITY)
  try {
    for (const { run } of prepared) run()
    for (let round = 0; round < ROUNDS; round++) {
      for (const [i, { run }] of prepared.entries()) {
        const begun = clock()
        for (let start = begun, end = begun; end - begun < SECONDS; start = end) {
          run()
          end = clock()
          best[i] = Math.min(best[i] as number, end - start)
        }
      }
    }
    return best
  } finally {
    for (const { buffers } of prepared) for (const buffer of buffers) engine.free(buffer)
  }
}

function prepare(engine: Engine, graph: Graph): Prepared {
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const kernel = engine.compile(graph)
  const inputs = graph.inputs.map(({ type }) => engine.alloc(type))
  const outputs = graph.outputs.map(({ value }) => engine.alloc(types[value] as TensorType))
  for (const buffer of inputs) fill(buffer.words(), buffer.type.dtype)
  return { run: () => kernel.run(inputs, outputs), buffers: [...inputs, ...outputs] }
}

/** Reals around 0 and small integers: nothing that a core treats specially. */
function fill(words: Uint32Array, dtype: DType): void {
  const reals = new Float32Array(words.buffer, words.byteOffset, words.length)
  for (let i = 0; i < words.length; i++) {
    if (dtype === 'f32') reals[i] = ((i * 37) % 64) / 64 - 0.49
    else words[i] = dtype === 'bool' ? i & 1 : (i * 13) % 64
  }
}
