/** Test projects: unit and property tests beside the source, simulations and end-to-end runs under test/. */
import { defineConfig } from 'vitest/config'

const SLOW = ['test/sim/**', 'test/e2e/**']
const OTHERS = ['**/node_modules/**', 'test/arch/fixtures/**', '**/.assay/**', '**/.tmp/**']
const DEEP = '**/*.deep.test.ts'

/** Time limits leave room for a machine that is busy with other work. */
const project = (name: string, include: string[], exclude: string[], seconds: number, more = {}) => ({
  extends: true as const,
  test: {
    name,
    include,
    exclude: [...OTHERS, ...exclude],
    testTimeout: seconds * 1000,
    hookTimeout: seconds * 1000,
    ...more,
  },
})

export default defineConfig({
  test: {
    // Processes rather than threads: engines start their own worker threads, and a crash stays inside one file.
    pool: 'forks',
    // WebAssembly is compiled at once, for good: V8 dies now and then (`jit_page.has_value()`) when threads end while their
    // code is still being compiled anew beside them, which tests do by the hundred.
    execArgv: ['--no-liftoff', '--no-wasm-dynamic-tiering'],
    maxWorkers: 2,
    allowOnly: false,
    projects: [
      project('unit', ['**/*.test.ts'], [...SLOW, '**/*.property.test.ts', DEEP], 120),
      project('property', ['**/*.property.test.ts'], [...SLOW, DEEP], 120),
      project('sim', ['test/sim/**/*.test.ts'], [DEEP], 180),
      project('e2e', ['test/e2e/**/*.test.ts'], [DEEP], 300, { fileParallelism: false }),
      // Longer runs, only for `npm run test:deep`: a folder given to vitest by hand must not start them.
      ...(process.env['ASSAY_DEEP'] ? [project('deep', [DEEP], [], 3600)] : []),
    ],
  },
})
