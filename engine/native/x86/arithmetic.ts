/** Vector instructions that work lane by lane, in the notation of form.ts. */

const ps = (opcode: string) => `VE np.0f.w0 ${opcode} rX vX mX f4`
const pd = (opcode: string) => `VE 66.0f.w01 ${opcode} rX vX mX f8`
/** 32-bit integers of map 0f or 0f38. */
const d = (map: string, opcode: string) => `VE 66.${map}.w0 ${opcode} rX vX mX f4`
const q = (map: string, opcode: string) => `VE 66.${map}.w01 ${opcode} rX vX mX f8`
/** Bytes and 16-bit words: no broadcast. */
const b = (map: string, opcode: string) => `VE 66.${map}.w0 ${opcode} rX vX mX f`
const vexOnly = (opcode: string) => `V 66.0f.w0 ${opcode} rX vX mX`
/** Only EVEX, of 32- and 64-bit lanes. */
const ed = (map: string, opcode: string) => `E 66.${map}.w0 ${opcode} rX vX mX f4`
const eq = (map: string, opcode: string) => `E 66.${map}.w1 ${opcode} rX vX mX f8`
/** Shifts by an immediate: VEX has them for registers only. */
const shift = (opcode: string, extension: number) =>
  `V 66.0f.w0 ${opcode}/${extension} vX RX iu | E 66.0f.w0 ${opcode}/${extension} vX mX iu f4`
const shiftQ = (opcode: string, extension: number) =>
  `V 66.0f.w0 ${opcode}/${extension} vX RX iu | E 66.0f.w1 ${opcode}/${extension} vX mX iu f8`
const shiftW = (opcode: string, extension: number) =>
  `V 66.0f.w0 ${opcode}/${extension} vX RX iu | E 66.0f.w0 ${opcode}/${extension} vX mX iu f`
const unary = (start: string, opcode: string, tuple = 'f4') => `${start} ${opcode} rX mX ${tuple}`
/** Comparisons: the VEX form gives a vector, the EVEX form (`.k`) an opmask. */
const toMask = (opcode: string, tuple: string, map = '0f', w = 'w0') => `E 66.${map}.${w} ${opcode} rk vX mX ${tuple}`

export const ARITHMETIC = {
  // f32
  vaddps: ps('58'),
  vmulps: ps('59'),
  vsubps: ps('5c'),
  vminps: ps('5d'),
  vdivps: ps('5e'),
  vmaxps: ps('5f'),
  vsqrtps: unary('VE np.0f.w0', '51'),
  vfmadd132ps: d('38', '98'),
  vfmadd213ps: d('38', 'a8'),
  vfmadd231ps: d('38', 'b8'),
  vfmsub132ps: d('38', '9a'),
  vfmsub213ps: d('38', 'aa'),
  vfmsub231ps: d('38', 'ba'),
  vfnmadd132ps: d('38', '9c'),
  vfnmadd213ps: d('38', 'ac'),
  vfnmadd231ps: d('38', 'bc'),
  vfnmsub231ps: d('38', 'be'),
  vcmpps: 'V np.0f.w0 c2 rX vX mX iu',
  'vcmpps.k': 'E np.0f.w0 c2 rk vX mX iu f4',
  vscalefps: ed('38', '2c'),
  vroundps: 'V 66.3a.w0 08 rX mX iu',
  vrndscaleps: 'E 66.3a.w0 08 rX mX iu f4',
  vgetexpps: unary('E 66.38.w0', '42'),
  vgetmantps: 'E 66.3a.w0 26 rX mX iu f4',
  vrangeps: 'E 66.3a.w0 50 rX vX mX iu f4',
  vfpclassps: 'E 66.3a.w0 66 rk mX iu f4',
  // f64
  vaddpd: pd('58'),
  vmulpd: pd('59'),
  vsubpd: pd('5c'),
  vdivpd: pd('5e'),
  vfmadd231pd: 'VE 66.38.w1 b8 rX vX mX f8',
  // conversions
  vcvtdq2ps: unary('VE np.0f.w0', '5b'),
  vcvtps2dq: unary('VE 66.0f.w0', '5b'),
  vcvttps2dq: unary('VE f3.0f.w0', '5b'),
  vcvtudq2ps: unary('E f2.0f.w0', '7a'),
  vcvttps2udq: unary('E np.0f.w0', '78'),
  vcvtps2pd: 'VE np.0f.w0 5a rX mh h4',
  // The half of 128 bits is 64, which still takes a register of 128.
  vcvtpd2ps: 'VE 66.0f.w01 5a rh mX f8',
  // bits
  vandps: ps('54'),
  vandnps: ps('55'),
  vorps: ps('56'),
  vxorps: ps('57'),
  vpand: vexOnly('db'),
  vpandn: vexOnly('df'),
  vpor: vexOnly('eb'),
  vpxor: vexOnly('ef'),
  vpandd: ed('0f', 'db'),
  vpandnd: ed('0f', 'df'),
  vpord: ed('0f', 'eb'),
  vpxord: ed('0f', 'ef'),
  vpandq: eq('0f', 'db'),
  vporq: eq('0f', 'eb'),
  vpxorq: eq('0f', 'ef'),
  vpternlogd: 'E 66.3a.w0 25 rX vX mX iu f4',
  vpternlogq: 'E 66.3a.w1 25 rX vX mX iu f8',
  vprold: 'E 66.0f.w0 72/1 vX mX iu f4',
  vprord: 'E 66.0f.w0 72/0 vX mX iu f4',
  vprolvd: ed('38', '15'),
  vprorvd: ed('38', '14'),
  vplzcntd: unary('E 66.38.w0', '44'),
  // 32-bit integers
  vpaddd: d('0f', 'fe'),
  vpsubd: d('0f', 'fa'),
  vpmulld: d('38', '40'),
  vpminsd: d('38', '39'),
  vpminud: d('38', '3b'),
  vpmaxsd: d('38', '3d'),
  vpmaxud: d('38', '3f'),
  vpabsd: unary('VE 66.38.w0', '1e'),
  vpslld: shift('72', 6),
  vpsrld: shift('72', 2),
  vpsrad: shift('72', 4),
  vpsllvd: d('38', '47'),
  vpsrlvd: d('38', '45'),
  vpsravd: d('38', '46'),
  vpcmpeqd: vexOnly('76'),
  vpcmpgtd: vexOnly('66'),
  'vpcmpeqd.k': toMask('76', 'f4'),
  'vpcmpgtd.k': toMask('66', 'f4'),
  vpcmpd: 'E 66.3a.w0 1f rk vX mX iu f4',
  vpcmpud: 'E 66.3a.w0 1e rk vX mX iu f4',
  vptestmd: toMask('27', 'f4', '38'),
  vptestnmd: 'E f3.38.w0 27 rk vX mX f4',
  vpsignd: 'V 66.38.w0 0a rX vX mX',
  // 64-bit integers
  vpaddq: q('0f', 'd4'),
  vpsubq: q('0f', 'fb'),
  vpmuludq: q('0f', 'f4'),
  vpmuldq: q('38', '28'),
  vpsllq: shiftQ('73', 6),
  vpsrlq: shiftQ('73', 2),
  // 8- and 16-bit integers
  vpaddb: b('0f', 'fc'),
  vpaddw: b('0f', 'fd'),
  vpsubb: b('0f', 'f8'),
  vpsubw: b('0f', 'f9'),
  vpmullw: b('0f', 'd5'),
  vpmulhw: b('0f', 'e5'),
  vpmulhrsw: b('38', '0b'),
  vpminsw: b('0f', 'ea'),
  vpmaxsw: b('0f', 'ee'),
  vpabsw: unary('VE 66.38.w0', '1d', 'f'),
  vpsllw: shiftW('71', 6),
  vpsrlw: shiftW('71', 2),
  vpsraw: shiftW('71', 4),
  // dot products
  vpmaddwd: b('0f', 'f5'),
  vpmaddubsw: b('38', '04'),
  vpdpbusd: ed('38', '50'),
  vpdpbusds: ed('38', '51'),
  vpdpwssd: ed('38', '52'),
  vpdpwssds: ed('38', '53'),
} as const
