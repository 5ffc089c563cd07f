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
/** 2 / pi */
export const TWO_OVER_PI: Word = 0x3f22f983
/** pi / 2 to 24 bits */
export const HALF_PI_HIGH: Word = 0x3fc90fdb
/** pi / 2 - HALF_PI_HIGH */
export const HALF_PI_MIDDLE: Word = 0xb33bbd2e
/** pi / 2 - HALF_PI_HIGH - HALF_PI_MIDDLE */
export const HALF_PI_LOW: Word = 0xa6f72ced
/** above it sine and cosine are NaN */
export const TRIGONOMETRIC_MAX: Word = 0x47800000
/** below it tanh is its odd polynomial */
export const TANH_SMALL: Word = 0x3f300000
/** below it erf is its odd polynomial */
export const ERF_SMALL: Word = 0x3f600000
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

/** log(1 + f) = f - f^2 / 2 + LOG_WIDE[0] f^3 + LOG_WIDE[1] f^4 + ... on sqrt(1/2) <= 1 + f <= sqrt(2); relative error 2^-30.3 */
export const LOG_WIDE: readonly Word[] = [
  0x3eaaaaa4, // 0.333333135
  0xbe800003, // -0.250000089
  0x3e4cd23b, // 0.200020716
  0xbe2aae20, // -0.166679859
  0x3e119dce, // 0.142203540
  0xbdfe14de, // -0.124063239
  0x3df360e3, // 0.118837141
  0xbdeefd8c, // -0.116694540
  0x3d8a3282, // 0.0674791485
]

/** tanh(x) = x + TANH[0] x^3 + TANH[1] x^5 + ... on |x| <= 0.6875; relative error 2^-26.2 */
export const TANH: readonly Word[] = [
  0xbeaaaa82, // -0.333332121
  0x3e087ed0, // 0.133296251
  0xbd5b86cc, // -0.0535953492
  0x3ca56b39, // 0.0201927293
  0xbbab7e83, // -0.00523358723
]

/** erf(x) = x + ERF[0] x + ERF[1] x^3 + ... on |x| <= 0.875; relative error 2^-26.1 */
export const ERF: readonly Word[] = [
  0x3e0375d3, // 0.128379151
  0xbec09376, // -0.376125038
  0x3de70dc3, // 0.112819217
  0xbcdb4dc7, // -0.0267704856
  0x3ba3ce0c, // 0.00499892794
  0xba1dd2d5, // -0.000602049113
]

/** -log(erfc(t)) = t + ERFC[0] t + ERFC[1] t^2 + ... on 0.875 <= t <= 4, relative to erf; relative error 2^-29.8 */
export const ERFC: readonly Word[] = [
  0x3e03b5b9, // 0.128622904
  0x3f22a032, // 0.635256886
  0x3dd935cd, // 0.106059648
  0xbcc163fc, // -0.0236072466
  0x3b69da0b, // 0.00356829423
  0xb99f8fd2, // -0.000304339977
  0x371d2140, // 0.00000936567085
]

/** sin(r) = r + SIN[0] r^3 + SIN[1] r^5 + ... on |r| <= 0.79 (pi / 4 and a margin); relative error 2^-27.8 */
export const SIN: readonly Word[] = [
  0xbe2aaaa2, // -0.166666538
  0x3c088363, // 0.00833210628
  0xb94c8e13, // -0.000195078828
]

/** cos(r) = 1 - r^2 / 2 + COS[0] r^4 + COS[1] r^6 + ... on |r| <= 0.79; relative error 2^-32.9 */
export const COS: readonly Word[] = [
  0x3d2aaaa5, // 0.0416666456
  0xbab6060f, // -0.00138873036
  0x37ccf19b, // 0.0000244312014
]
