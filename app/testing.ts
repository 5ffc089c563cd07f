/** Helpers of the tests in this folder. */
import { AssayError } from '#proto/errors.ts'

/** The code of the AssayError that `run` throws, `accepted` if it does not throw, and a description of anything else. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    return error instanceof AssayError ? error.code : `not an AssayError: ${error}`
  }
  return 'accepted'
}

/** The message of the AssayError that `run` throws, with its next step in brackets. */
export async function messageOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    if (error instanceof AssayError) return error.next ? `${error.message} [${error.next}]` : error.message
    throw error
  }
  throw new Error('nothing was thrown')
}

/** A job that trains in well under a second. */
export const TINY_JOB = `
model: {type: gpt, width: 8, layers: 1, heads: 2, context: 8}
data: {format: text, path: corpus.txt}
steps: 6
batch: 8
microBatches: 8
optimizer: {type: adamw, learningRate: 0.01, warmup: 2}
seed: 3
`
export const TINY_TEXT = 'The quick brown fox jumps over the lazy dog. '.repeat(8)
