/** Measures the tasks of a kernel one by one: what a benchmark shows and an optimiser reads. */
import type { TensorType } from '#arith/types.ts'
import { showType } from '#graph/shape.ts'
import type { Graph } from '#graph/types.ts'
import { contractionOf } from '../kernel/contraction.ts'
import { unitsOf } from '../kernel/module.ts'
import { planOf } from '../kernel/plan.ts'
import type { Buffer } from '../types.ts'
import type { CompiledEngine } from './engine.ts'

export interface TaskTime {
  readonly kind: string
  /** The result's type and, for contractions and reductions, the length of the loop. */
  readonly shape: string
  /** In the unit of the clock, the fastest of all turns. */
  readonly time: number
  /** Floating-point operations of a contraction, else 0. */
  readonly flops: number
}

/**
 * Times of every task of a graph on one thread.
 * @param clock a monotonic clock
 */
export function profile(
  engine: CompiledEngine,
  graph: Graph,
  inputs: readonly Buffer[],
  outputs: readonly Buffer[],
  clock: () => number,
  turns = 20,
): TaskTime[] {
  const plan = planOf(graph)
  const { tasks } = engine.install(plan, inputs.length, outputs.length, 1, true)
  const addresses = [...inputs, ...outputs].map((buffer) => engine.addressOf(buffer, buffer.type, 'port'))
  const best = tasks.map(() => Number.POSITIVE_INFINITY)
  for (let turn = 0; turn < turns; turn++) {
    tasks.forEach(({ run }, i) => {
      const start = clock()
      run(addresses)
      best[i] = Math.min(best[i]!, clock() - start)
    })
  }
  return unitsOf(plan).map((together, i) => {
    const { program, type } = together.at(-1)!
    const gemm = program && contractionOf(program)
    const batches = gemm?.batch.reduce((product, { size }) => product * size, 1) ?? 0
    return {
      kind: tasks[i]!.kind,
      shape:
        shapeOf(type, program?.loop ?? [], program?.finish.length ?? 0) +
        (together.length > 1 ? ` and ${together.length - 1} more` : ''),
      time: best[i]!,
      flops: gemm ? 2 * batches * gemm.m * gemm.n * gemm.k : 0,
    }
  })
}

function shapeOf(type: TensorType, loop: readonly number[], blocks: number): string {
  const over = loop.length > 0 ? ` over ${loop.join('x')}` : ` ${blocks} blocks`
  return showType(type) + over
}
