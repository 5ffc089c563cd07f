/** General-purpose instructions, in the notation of form.ts; operations are of 32 or 64 bits. */

/** The eight operations of one encoding pattern. */
const alu = (opcode: number, extension: number) => {
  const at = (offset: number) => (opcode + offset).toString(16).padStart(2, '0')
  return (
    `L np.00.w0 ${at(1)} mg rg | L np.00.w0 ${at(3)} rg Mg | ` +
    `L np.00.w0 83/${extension} mg ib | L np.00.w0 81/${extension} mg id`
  )
}

const shift = (extension: number) => `L np.00.w0 c1/${extension} mg iu`
const unary = (opcode: string, extension: number) => `L np.00.w0 ${opcode}/${extension} mg`

/**
 * Names are those of the processor manuals; a dot adds what the size of an operand would say: `movzx.b` extends a byte,
 * `mov.w` stores 16 bits, `lock.xadd` has the prefix.
 */
export const GENERAL = {
  mov:
    'L np.00.w0 89 mg rg | L np.00.w0 8b rg Mg | L np.00.w0 b8 og id @32 | L np.00.w0 c7/0 mg id | ' +
    'L np.00.w0 b8 og iq @64',
  'mov.b': 'L np.00.w0 88 mb rb',
  'mov.w': 'L 66.00.w0 89 mw rw',
  'movzx.b': 'L np.0f.w0 b6 rg mb',
  'movzx.w': 'L np.0f.w0 b7 rg mw',
  'movsx.b': 'L np.0f.w0 be rg mb',
  'movsx.w': 'L np.0f.w0 bf rg mw',
  movsxd: 'L np.00.w0 63 rg md @64',
  lea: 'L np.00.w0 8d rg Mg',
  add: alu(0x00, 0),
  or: alu(0x08, 1),
  and: alu(0x20, 4),
  sub: alu(0x28, 5),
  xor: alu(0x30, 6),
  cmp: alu(0x38, 7),
  test: 'L np.00.w0 85 mg rg | L np.00.w0 f7/0 mg id',
  imul: 'L np.0f.w0 af rg mg | L np.00.w0 6b rg mg ib | L np.00.w0 69 rg mg id',
  mul: unary('f7', 4),
  div: unary('f7', 6),
  idiv: unary('f7', 7),
  neg: unary('f7', 3),
  not: unary('f7', 2),
  inc: unary('ff', 0),
  dec: unary('ff', 1),
  shl: shift(4),
  shr: shift(5),
  sar: shift(7),
  rol: shift(0),
  ror: shift(1),
  bt: 'L np.0f.w0 ba/4 mg iu',
  tzcnt: 'L f3.0f.w0 bc rg mg',
  lzcnt: 'L f3.0f.w0 bd rg mg',
  popcnt: 'L f3.0f.w0 b8 rg mg',
  // BMI1, BMI2
  shlx: 'V 66.38.w0 f7 rg mg vg',
  shrx: 'V f2.38.w0 f7 rg mg vg',
  sarx: 'V f3.38.w0 f7 rg mg vg',
  andn: 'V np.38.w0 f2 rg vg mg',
  bzhi: 'V np.38.w0 f5 rg mg vg',
  mulx: 'V f2.38.w0 f6 rg vg mg',
  rorx: 'V f2.3a.w0 f0 rg mg iu',
  // calls and the stack
  push: 'L np.00.w0 50 oq @64',
  pop: 'L np.00.w0 58 oq @64',
  call: 'L np.00.w0 ff/2 mq @64',
  jmp: 'L np.00.w0 ff/4 mq @64',
  // between threads
  xchg: 'L np.00.w0 87 mg rg',
  'lock.xadd': 'L lock.0f.w0 c1 Mg rg',
  'lock.cmpxchg': 'L lock.0f.w0 b1 Mg rg',
  'lock.add': 'L lock.00.w0 01 Mg rg',
  'lock.sub': 'L lock.00.w0 29 Mg rg',
} as const

export type General = keyof typeof GENERAL

/** Instructions without operands, as their bytes. */
export const PLAIN = {
  ret: 'c3',
  pause: 'f390',
  mfence: '0faef0',
  lfence: '0faee8',
  sfence: '0faef8',
  syscall: '0f05',
  cpuid: '0fa2',
  xgetbv: '0f01d0',
  rdtsc: '0f31',
  cld: 'fc',
  'rep movsb': 'f3a4',
  'rep stosb': 'f3aa',
  ud2: '0f0b',
  vzeroupper: 'c5f877',
  tilerelease: 'c4e27849c0',
} as const

export type Plain = keyof typeof PLAIN

/** Condition codes of jcc, setcc and cmovcc: signed l, g; unsigned b, a. */
export const CONDITIONS = {
  o: 0,
  no: 1,
  b: 2,
  ae: 3,
  e: 4,
  ne: 5,
  be: 6,
  a: 7,
  s: 8,
  ns: 9,
  p: 10,
  np: 11,
  l: 12,
  ge: 13,
  le: 14,
  g: 15,
} as const

export type Condition = keyof typeof CONDITIONS
