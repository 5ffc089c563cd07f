/** An engine whose kernels somebody watches: for signs of life, and for measurements. */
import type { Graph } from '#graph/types.ts'
import type { Engine } from './types.ts'

/**
 * The same engine and the same results; `around` is called instead of every run of a kernel, and has to call `run` once.
 * @param compiled called after every compilation
 */
export function watched(
  engine: Engine,
  around: (graph: Graph, run: () => void) => void,
  compiled: () => void = () => {},
): Engine {
  return {
    name: engine.name,
    threads: engine.threads,
    alloc: (type) => engine.alloc(type),
    free: (buffer) => engine.free(buffer),
    compile(graph) {
      const kernel = engine.compile(graph)
      compiled()
      return {
        graph,
        run: (inputs, outputs) => around(graph, () => kernel.run(inputs, outputs)),
        tap: (inputs, id) => kernel.tap(inputs, id),
      }
    },
    memory: () => engine.memory(),
    peak: () => engine.peak(),
    close: () => engine.close(),
  }
}
