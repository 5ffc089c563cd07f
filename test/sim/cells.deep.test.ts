/** Ten thousand networks of symbolic cells; `ASSAY_SIM_RUNS=n` says how many. */
import { test } from 'vitest'
import { simulateCells } from '#test/sim/cell-stories.ts'
import { eachSeed } from '#test/sim/chance.ts'
import { inVirtualTime } from '#test/sim/clock.ts'

test('symbolic cells through everything that a seed draws', { timeout: 7_000_000 }, () =>
  eachSeed('cells', 10_000, (random) => inVirtualTime(() => simulateCells(random))),
)
