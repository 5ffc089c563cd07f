/** Chooses how an element program is computed. */
import type { ElementProgram } from '#arith/types.ts'
import { acrossScratch, emitAcross } from './across.ts'
import type { Frame } from './elements.ts'

export interface Method {
  /** Kind of kernel, for profiles. */
  readonly name: string
  /** Bytes of scratch memory each thread needs. */
  readonly scratch: number
  readonly emit: (frame: Frame) => void
}

/** The fastest method that fits; all give the same bits. */
export function methodOf(p: ElementProgram): Method {
  const name = p.loop.length === 0 ? 'map' : p.order === 'chain512' ? 'chain' : 'reduce'
  return { name, scratch: acrossScratch(p), emit: (frame) => emitAcross(frame, p) }
}
