/** Text: the bytes as they are, cut into overlapping records of one context and its next byte. */

import type { Intake } from '#app/job/data/intake.ts'
import { fail } from '#proto/errors.ts'

/** Values of a byte: the vocabulary. */
const VOCABULARY = 256

/**
 * Record i is bytes [iT, iT+T+1) for a context of T: T inputs, each with the next byte as its target.
 * @throws AssayError `bad-data` for less than one record
 */
export function textIntake(bytes: Uint8Array, context: number): Intake {
  if (bytes.length < context + 1) {
    fail('bad-data', `the text has ${bytes.length} bytes; one record takes ${context + 1}`, {
      next: 'Use a longer text, or a smaller model.context.',
    })
  }
  return {
    bytes,
    layout: {
      format: 'text',
      size: bytes.length,
      dtype: 'u8',
      stride: context,
      recordLength: context + 1,
      height: 0,
      width: 0,
      features: context,
      classes: VOCABULARY,
    },
  }
}
