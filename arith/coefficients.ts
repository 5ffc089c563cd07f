/** Constants and minimax coefficients as binary32 words. Derived: `node tools/minimax/derive.ts --write`. */
import type { Word } from './types.ts'

/** 1 / ln 2 */
export const LOG2E: Word = 0x3fb8aa3b
/** ln 2 to 15 bits: products with integers below 2^9 are exact */
export const LN2_HIGH: Word = 0x3f317200
/** ln 2 - LN2_HIGH */
export const LN2_LOW: Word = 0x35bfbe8e
/** ln 2 */
export const LN2: Word = 0x3f317218
/** sqrt(1/2) */
export const SQRT_HALF: Word = 0x3f3504f3
/** sqrt(2 / pi) */
export const SQRT_2_OVER_PI: Word = 0x3f4c422a
/** 1 / sqrt(2 pi) */
export const INV_SQRT_2PI: Word = 0x3ecc422a
/** below it tanh is its odd polynomial */
export const TANH_SMALL: Word = 0x3f100000
/** below it erf is its odd polynomial */
export const ERF_SMALL: Word = 0x3f700000
/** above it erf is 1 */
export const ERF_LARGE: Word = 0x40800000

/** e^r = 1 + r + EXP[0] r^2 + EXP[1] r^3 + ... on |r| <= 0.34668 (ln 2 / 2 and a margin); relative error 2^-28.3 */
export const EXP: readonly Word[] = [
  0x3efffffe, // 0.499999940
  0x3e2aaa49, // 0.166665211
  0x3d2aac56, // 0.0416682586
  0x3c091cbc, // 0.00836866722
  0x3ab52839, // 0.00138211914
]

/** log(1 + f) = f + LOG[0] f^2 + LOG[1] f^3 + ... on -1/3 <= f <= 1/3; relative error 2^-27.7 */
export const LOG: readonly Word[] = [
  0xbf000000, // -0.500000000
  0x3eaaaa83, // 0.333332151
  0xbe7fff7e, // -0.249998063
  0x3e4ce822, // 0.200104266
  0xbe2ace23, // -0.166801974
  0x3e0f6b31, // 0.140057340
  0xbdf99953, // -0.121874474
  0x3e0f33c6, // 0.139845937
  0xbe03e4b2, // -0.128802091
]

/** tanh(x) = x + TANH[0] x^3 + TANH[1] x^5 + ... on |x| <= 0.5625; relative error 2^-29.4 */
export const TANH: readonly Word[] = [
  0xbeaaaaa4, // -0.333333135
  0x3e08862f, // 0.133324370
  0xbd5c82e2, // -0.0538357571
  0x3cac08fb, // 0.0210003760
  0xbbca2a79, // -0.00616961392
]

/** erf(x) = x + ERF[0] x + ERF[1] x^3 + ... on |x| <= 0.9375; relative error 2^-25.6 */
export const ERF: readonly Word[] = [
  0x3e0375d3, // 0.128379151
  0xbec0936e, // -0.376124799
  0x3de70c2b, // 0.112816177
  0xbcdb34c7, // -0.0267585646
  0x3ba33509, // 0.00498068752
  0xba1b52d7, // -0.000592512486
]

/** -log(erfc(t)) = t + ERFC[0] t + ERFC[1] t^2 + ... on 0.9375 <= t <= 4, relative to erf; relative error 2^-30.5 */
export const ERFC: readonly Word[] = [
  0x3e03bf0f, // 0.128658518
  0x3f22969f, // 0.635110795
  0x3dd9b5af, // 0.106303565
  0xbcc3208c, // -0.0238192305
  0x3b7079b2, // 0.00366936298
  0xb9acb21b, // -0.000329390954
  0x37476c7a, // 0.0000118865810
]
