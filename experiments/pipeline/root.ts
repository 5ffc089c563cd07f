/** State roots, of stages and of the uncut program. */
import type { Program } from '#graph/types.ts'
import { toHex } from '#proto/bytes.ts'
import { listRoot } from '#runtime/tensors.ts'
import type { Trainer } from '#runtime/trainer.ts'
import type { Words } from './stage.ts'

/** The state root of `tensors`, in canonical order. Hexadecimal. */
export function rootOf({ state }: Program, tensors: readonly Words[]): string {
  const bytes = tensors.map((words) => new Uint8Array(words.buffer, words.byteOffset, words.byteLength))
  return toHex(listRoot(state, Buffer.concat(bytes)))
}

/** The state root after `steps` steps of the uncut program. Hexadecimal. */
export function trainedRoot(trainer: Trainer, steps: number): string {
  trainer.init()
  for (let step = 0; step < steps; step++) {
    trainer.sum(step, 0, 1)
    trainer.update(step)
  }
  const state = new Uint8Array(trainer.stateBytes)
  trainer.readState(state)
  return toHex(listRoot(trainer.program.state, state))
}
