/** Squares of words, rows for columns, in registers. */
import type { Vector } from './assembler.ts'
import type { Place, Sink } from './simd.ts'
import { imm, type Mem } from './x86/operands.ts'

/** The same memory, `bytes` further on. */
const offset = (place: Mem, bytes: number): Mem => ({ ...place, disp: place.disp + bytes })

/** Word r of the vectors at `from`, one for each lane, becomes the vector at `to + r * pitch`. */
export function transpose(sink: Sink, from: readonly Place[], to: Place, pitch: number): void {
  const avx512 = sink.isa !== 'avx2'
  const [lanes, bits] = avx512 ? ([16, 512] as const) : ([8, 256] as const)
  const mix = (name: Vector, x: number, y: number, ...which: readonly number[]): number => {
    const mixed = sink.temporary('vec')
    sink.emit([x, y], [mixed], (asm, r) => asm.vec(name, bits, r(mixed), r(x), r(y), ...which.map(imm)))
    return mixed
  }
  // Of four rows each: words in blocks of four, block l of result r holding their words 4 l + r.
  const groups = Array.from({ length: lanes / 4 }, (_, g) => {
    const [a, b, c, d] = from.slice(4 * g, 4 * g + 4).map((place) => {
      const row = sink.temporary('vec')
      sink.emit(place.uses, [row], (asm, r) => asm.vec('vmovups', bits, r(row), place.memory(asm, r)))
      return row
    }) as [number, number, number, number]
    const [ab, cd] = [mix('vunpcklps', a, b), mix('vunpcklps', c, d)]
    const [AB, CD] = [mix('vunpckhps', a, b), mix('vunpckhps', c, d)]
    return [mix('vunpcklpd', ab, cd), mix('vunpckhpd', ab, cd), mix('vunpcklpd', AB, CD), mix('vunpckhpd', AB, CD)]
  })
  const store = (word: number, value: number): void => {
    sink.emit([value, ...to.uses], [], (asm, r) =>
      asm.vec('vmovups', bits, offset(to.memory(asm, r), word * pitch), r(value)),
    )
  }
  // Then block l of all groups side by side.
  for (let r = 0; r < 4; r++) {
    const [a, b, c, d] = groups.map((group) => group[r]!) as [number, number, number, number]
    if (avx512) {
      const [even, odd] = [0x88, 0xdd] as const
      const [low, high] = [mix('vshuff32x4', a, b, even), mix('vshuff32x4', c, d, even)]
      const [LOW, HIGH] = [mix('vshuff32x4', a, b, odd), mix('vshuff32x4', c, d, odd)]
      store(r, mix('vshuff32x4', low, high, even))
      store(4 + r, mix('vshuff32x4', LOW, HIGH, even))
      store(8 + r, mix('vshuff32x4', low, high, odd))
      store(12 + r, mix('vshuff32x4', LOW, HIGH, odd))
    } else {
      store(r, mix('vperm2f128', a, b, 0x20))
      store(4 + r, mix('vperm2f128', a, b, 0x31))
    }
  }
}
