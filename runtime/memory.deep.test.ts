/** The memory of a GPT of ten million parameters, against what is predicted from the program alone. */
import { expect, test } from 'vitest'
import { memoryRatio, textJob } from '#runtime/testing-memory.ts'

test.each(['none', 'blocks'] as const)('a gpt of ten million parameters, recompute %s', async (recompute) => {
  const measured = await memoryRatio({ ...textJob(384, 6, 6, 256, 4), recompute }, 2)
  expect(measured).toBeGreaterThan(0.9)
  expect(measured).toBeLessThan(1.1)
})
