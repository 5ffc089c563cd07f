/** Chooses how an element program is computed. */
import { isQuantised } from '#arith/quantised.ts'
import type { ElementProgram } from '#arith/types.ts'
import { acrossScratch, emitAcross } from './across.ts'
import { emitAlong, fitsAlong } from './along.ts'
import { contractionOf } from './contraction.ts'
import type { Frame } from './elements.ts'
import { emitGemm, gemmScratch } from './gemm.ts'
import { emitQuantised, quantisedOf, quantisedScratch } from './quantised.ts'
import { emitScatter, scatterOf, scatterScratch } from './scatter.ts'
import type { Target } from './target.ts'
import type { Tiles } from './tile.ts'

export interface Method {
  /** Kind of kernel, for profiles. */
  readonly name: string
  /** Bytes of scratch memory each thread needs. */
  readonly scratch: number
  readonly emit: (frame: Frame, tiles: Tiles) => void
}

/** The fastest method that fits; all give the same bits. */
export function methodOf(p: ElementProgram, target: Target): Method {
  const { order } = p
  if (isQuantised(order)) {
    const g = quantisedOf(p)
    return {
      name: order,
      scratch: quantisedScratch(order, g, target),
      emit: (frame, tiles) => emitQuantised(frame, order, g, tiles),
    }
  }
  const contraction = contractionOf(p)
  if (contraction) {
    return {
      name: 'gemm',
      scratch: gemmScratch(contraction, target),
      emit: (frame, tiles) => emitGemm(frame, contraction, tiles),
    }
  }
  const scatter = scatterOf(p)
  if (scatter) {
    return { name: 'scatter', scratch: scatterScratch(scatter, target), emit: (frame) => emitScatter(frame, scatter) }
  }
  if (fitsAlong(p)) return { name: 'reduce', scratch: 0, emit: (frame) => emitAlong(frame, p) }
  const name = p.loop.length === 0 ? 'map' : p.order === 'chain512' ? 'chain' : 'reduce-general'
  return { name, scratch: acrossScratch(p, target), emit: (frame) => emitAcross(frame, p) }
}

/** Whether the kernel of a program can compute any range of rows of its result. */
export const worksByRows = (p: ElementProgram): boolean =>
  !isQuantised(p.order) && contractionOf(p) === null && scatterOf(p) === null
