/** `window` and `fold`: the patches around every pixel of an image, and the sum that undoes it (convolution without a loop nest). */
import { fail } from '#proto/errors.ts'
import { integerCodec, movement, operands, type PrimitiveDef, requireDtype, unit } from '../primitive.ts'
import { checkShape, showType, stridesOf } from '../shape.ts'

export interface WindowAttrs {
  /** Patch height and width, odd, so that a patch has a centre. */
  readonly height: number
  readonly width: number
}

const codec = integerCodec<WindowAttrs>(
  (attrs) => [attrs.height, attrs.width],
  (next) => ({ height: next(), width: next() }),
)

function checkPatch({ height, width }: WindowAttrs): void {
  const odd = (n: number) => Number.isInteger(n) && n >= 1 && n <= 255 && n % 2 === 1
  if (!odd(height) || !odd(width)) fail('bad-shape', `a ${height} x ${width} patch: sizes must be odd, at most 255`)
}

/** T[b, h, w, c] -> T[b, h, w, kh, kw, c]: stride 1, the patch centred on its pixel, zeros outside of the image. */
export const window: PrimitiveDef<WindowAttrs> = {
  name: 'window',
  code: 11,
  attrs: codec,
  infer(attrs, ins) {
    const [x] = operands('window', ins, 1)
    checkPatch(attrs)
    if (x.shape.length !== 4) fail('bad-shape', `window takes [b, h, w, c], got ${showType(x)}`)
    const [b, h, w, c] = x.shape as [number, number, number, number]
    const shape = [b, h, w, attrs.height, attrs.width, c]
    checkShape(shape)
    return { dtype: x.dtype, shape }
  },
  element(attrs, ins) {
    const [x] = operands('window', ins, 1)
    const [, h, w] = x.shape as [number, number, number, number]
    const [sb, sh, sw, sc] = stridesOf(x.shape) as [number, number, number, number]
    const [up, left] = [(attrs.height - 1) / 2, (attrs.width - 1) / 2]
    return movement(window.infer(attrs, ins), 0 - up * sh - left * sw, [sb, sh, sw, sh, sw, sc], {
      guard: [
        { base: 0 - up, strides: [0, 1, 0, 1, 0, 0], below: h },
        { base: 0 - left, strides: [0, 0, 1, 0, 1, 0], below: w },
      ],
    })
  },
  vjp: (b, _attrs, _ins, _out, grad) => [b.fold(grad)],
}

export type FoldAttrs = Record<string, never>

/** f32[b, h, w, kh, kw, c] -> f32[b, h, w, c]: every pixel sums its places in all patches; the transpose of `window`. */
export const fold: PrimitiveDef<FoldAttrs> = {
  name: 'fold',
  code: 12,
  attrs: integerCodec(
    () => [],
    () => ({}),
  ),
  infer(_attrs, ins) {
    const [x] = operands('fold', ins, 1)
    requireDtype('fold', x, 'f32')
    if (x.shape.length !== 6) fail('bad-shape', `fold takes [b, h, w, kh, kw, c], got ${showType(x)}`)
    const [b, h, w, height, width, c] = x.shape as [number, number, number, number, number, number]
    checkPatch({ height, width })
    return { dtype: 'f32', shape: [b, h, w, c] }
  },
  element(attrs, ins) {
    const [x] = operands('fold', ins, 1)
    const [, h, w, height, width] = x.shape as [number, number, number, number, number, number]
    const [sb, sh, sw, sy, sx, sc] = stridesOf(x.shape) as [number, number, number, number, number, number]
    const [up, left] = [(height - 1) / 2, (width - 1) / 2]
    return {
      out: fold.infer(attrs, ins),
      // Coordinates: b, y, x, c, then ky, kx. Pixel (y, x) is place (ky, kx) of the patch at (y - ky + up, x - kx + left).
      loop: [height, width],
      order: 'lanes32',
      loads: [
        {
          operand: 0,
          at: { base: up * sh + left * sw, strides: [sb, sh, sw, sc, sy - sh, sx - sw] },
          fill: 0,
          guard: [
            { base: up, strides: [...unit(4, 1), -1, 0], below: h },
            { base: left, strides: [...unit(4, 2), 0, -1], below: w },
          ],
        },
      ],
      init: 0,
      step: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'load', n: 0 }] }],
      join: [{ block: 'fadd', args: [{ from: 'acc' }, { from: 'other' }] }],
      finish: [],
    }
  },
  vjp: (b, _attrs, ins, _out, grad) => {
    const [, , , height, width] = (ins[0]?.type.shape ?? []) as number[]
    return [b.window(grad, height as number, width as number)]
  },
}
