/** Instructions in all their forms, each as a call of the assembler and as text for another assembler to agree with. */
import type { Assembler } from '../assembler.ts'
import { VECTOR, type Vector } from '../assembler.ts'
import { FIXED, type Fixed } from './fixed.ts'
import { type Form, type Kind, memoryBytes, parseForms, type Slot } from './form.ts'
import { CONDITIONS, type Condition, GENERAL, type General, PLAIN, type Plain } from './general.ts'
import { broadcast, imm, type Label, type Mem, masked, type Operand } from './operands.ts'

/** One instruction: `label` is bound where it starts, and `@` in the text stands for that place. */
export interface Case {
  readonly text: string
  readonly emit: (assembler: Assembler, label: Label) => void
}

/** The cases of one instruction. */
export interface Group {
  readonly name: string
  readonly cases: readonly Case[]
}

const LOW = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di']
const KEYWORD: Readonly<Record<number, string>> = { 1: 'byte', 2: 'word', 4: 'dword', 8: 'qword' }
const keyword = (bytes: number): string => KEYWORD[bytes] ?? { 16: 'xmmword', 32: 'ymmword', 64: 'zmmword' }[bytes]!

function generalName(register: number, bytes: number): string {
  if (register >= 8) return `r${register}${{ 1: 'b', 2: 'w', 4: 'd', 8: '' }[bytes]}`
  const name = LOW[register]!
  if (bytes === 1) return register < 4 ? `${name[0]}l` : `${name}l`
  return { 2: '', 4: 'e', 8: 'r' }[bytes]! + name
}

/** Bytes of a register or of the memory in its place. */
function kindBytes(kind: Kind, bits: number): number {
  const fixed: Partial<Record<Kind, number>> = { b: 1, w: 2, d: 4, q: 8, x: 16, y: 32 }
  return fixed[kind] ?? bits / 8 / ({ h: 2, p: 4, e: 8 }[kind as string] ?? 1)
}

function registerName(register: number, kind: Kind, bits: number): string {
  if (kind === 'k') return `k${register}`
  if (kind === 't') return `tmm${register}`
  const bytes = kindBytes(kind, bits)
  if ('gbwdq'.includes(kind)) return generalName(register, bytes)
  return `${{ 32: 'y', 64: 'z' }[bytes] ?? 'x'}mm${register}`
}

/** Every kind of address: bases that need a SIB byte or a displacement, high registers, all sizes of displacement. */
const ADDRESSES: readonly ((unit: number) => Mem)[] = [
  () => ({ base: 0, disp: 0 }),
  (unit) => ({ base: 4, disp: unit * 5 }),
  () => ({ base: 5, disp: 0 }),
  () => ({ base: 12, disp: 0 }),
  (unit) => ({ base: 13, disp: unit * -128 }),
  (unit) => ({ base: 3, disp: unit * 127 }),
  (unit) => ({ base: 9, disp: unit * 128 }),
  () => ({ base: 1, disp: 3 }),
  () => ({ base: 2, disp: -0x12345 }),
  () => ({ base: 7, index: 6, scale: 4, disp: 0 }),
  (unit) => ({ base: 8, index: 15, scale: 8, disp: unit }),
  () => ({ base: 5, index: 0, scale: 1, disp: 0 }),
  (unit) => ({ base: 13, index: 12, scale: 2, disp: unit * -2 }),
  () => ({ base: 12, index: 3, scale: 4, disp: 0x7ffffff0 }),
  () => ({ base: 4, index: 9, scale: 1, disp: -1 }),
  () => ({ base: null, index: 7, scale: 8, disp: 64 }),
  () => ({ base: null, disp: 48, label: { at: undefined } }),
]

function addressText({ base, index, scale = 1, disp, label }: Mem, indexName: (register: number) => string): string {
  if (label) return `[rip + @ + ${disp}]`
  const parts = [
    ...(base === null ? [] : [generalName(base, 8)]),
    ...(index === undefined ? [] : [`${indexName(index)}*${scale}`]),
    ...(disp === 0 ? [] : [`${disp}`]),
  ]
  return `[${parts.join(' + ')}]`
}

interface Variant {
  /** Vector registers are drawn below this; 32 asks for EVEX. */
  readonly registers: number
  readonly memory: boolean
  readonly repeated?: boolean
  readonly mask?: number
  readonly zero?: boolean
}

/** EVEX instructions that take no opmask. */
const UNMASKED = /^(vpslldq|vpsrldq|vmovnt|vpmovm2|vpmovd2m)/
/** Those that need one and cannot zero. */
const SPARSE = /^v(p?gather|p?scatter)/

/** Small numbers that are the same in every run. */
class Draws {
  #state = 1
  next(below: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * below)
  }
}

class Writer {
  readonly #draws = new Draws()
  #address = 0

  /** One case of a form, or nothing if the variant does not exist for it. */
  write(name: string, form: Form, bits: number, variant: Variant, emit: Emit): Case[] {
    const used = new Set<number>()
    const texts: string[] = []
    const operands: Operand[] = []
    const { mask = 0, zero = false } = variant
    const store = 'mMS'.includes(form.slots[0]!.place) && (variant.memory || form.slots[0]!.place !== 'm')
    if (zero && (store || form.slots[0]!.kind === 'k')) return []
    for (const [i, slot] of form.slots.entries()) {
      const [operand, text] = this.#operand(form, slot, bits, variant, used)
      const covered = i === 0 && mask > 0
      operands.push(covered ? masked(operand as number | Mem, mask, zero) : operand)
      texts.push(covered ? `${text}{k${mask}}${zero ? '{z}' : ''}` : text)
    }
    // Between registers a move could as well be the form that stores.
    const load = /^vmov[a-z0-9]+$/.test(name) && form.slots[0]!.place === 'r' && !variant.memory ? '{load} ' : ''
    const mnemonic = name.startsWith('lock.') ? name.replace('.', ' ') : name.replace(/\..*/, '')
    return [
      {
        text: `${load}${mnemonic} ${texts.join(', ')}`.trim(),
        emit: (assembler, label) =>
          emit(
            assembler,
            operands.map((operand) => at(operand, label)),
            bits,
          ),
      },
    ]
  }

  #operand(form: Form, slot: Slot, bits: number, variant: Variant, used: Set<number>): readonly [Operand, string] {
    const { place, kind } = slot
    if (place === 'i') return this.#immediate(kind)
    if (place === 'M' || place === 'S' || (place === 'm' && variant.memory))
      return this.#memory(form, slot, bits, variant, used)
    const register = this.#register(kind, variant.registers, used)
    return [register, registerName(register, kind, bits)]
  }

  #register(kind: Kind, registers: number, used: Set<number>): number {
    const small = kind === 'k' || kind === 't'
    const vector = 'Xhpexy'.includes(kind)
    for (;;) {
      const drawn = small ? this.#draws.next(8) : vector ? this.#draws.next(registers) : 1 + this.#draws.next(15)
      // The first vector register of an EVEX case is above 15.
      const register = vector && registers === 32 && used.size === 0 ? drawn | 16 : drawn
      if (used.has(register)) continue
      used.add(register)
      return register
    }
  }

  #memory(
    form: Form,
    { place, kind }: Slot,
    bits: number,
    variant: Variant,
    used: Set<number>,
  ): readonly [Mem, string] {
    const repeated = variant.repeated === true
    const unit = form.evex ? memoryBytes(form, bits, repeated) : 1
    const shape = () => ADDRESSES[this.#address++ % ADDRESSES.length]!(unit)
    let memory = shape()
    while (place === 'S' && (memory.label || memory.index === undefined)) memory = shape()
    const vector = place === 'S' && kind !== 'g'
    if (vector) memory = { ...memory, index: this.#register(kind, variant.registers, used) }
    const text = addressText(memory, (index) => registerName(index, vector ? kind : 'q', bits))
    if (repeated) {
      const lanes = bits / 8 / form.tuple.fraction / form.tuple.element
      return [broadcast(memory), `${keyword(form.tuple.element)} ptr ${text}{1to${lanes}}`]
    }
    const bytes = form.evex && kind !== 'X' ? unit : kindBytes(kind, bits)
    const bare = place === 'S' || kind === 'k' || (kind === 'b' && !form.slots.some((slot) => slot.kind !== 'b'))
    return [memory, bare ? text : `${keyword(bytes)} ptr ${text}`]
  }

  #immediate(kind: Kind): readonly [Operand, string] {
    const value =
      kind === 'u'
        ? 2 + this.#draws.next(6)
        : kind === 'b'
          ? -128 + this.#draws.next(128)
          : -0x12345678 - this.#draws.next(99)
    const wide = kind === 'q' ? 0x123456789abcdef0n + BigInt(this.#draws.next(99)) : value
    return [imm(wide), String(wide)]
  }
}

type Emit = (assembler: Assembler, operands: readonly Operand[], bits: number) => void

/** An address relative to rip gets the case's own label. */
function at(operand: Operand, label: Label): Operand {
  if (typeof operand === 'number' || 'imm' in operand) return operand
  if ('to' in operand) return { ...operand, to: at(operand.to, label) as number | Mem }
  return operand.label ? { ...operand, label } : operand
}

function variantsOf(name: string, form: Form): readonly Variant[] {
  const memory = form.slots.some(({ place }) => 'mMS'.includes(place))
  const register = !form.slots.some(({ place }) => 'MS'.includes(place))
  const places = [...(register ? [false] : []), ...(memory ? [true] : [])]
  if (!form.evex) return [...places, ...places].map((memory) => ({ registers: 16, memory }))
  const sparse = SPARSE.test(name)
  const masks = sparse ? [{ mask: 1 }, { mask: 7 }] : [{}]
  const all: Variant[] = places.flatMap((memory) => masks.map((mask) => ({ registers: 32, memory, ...mask })))
  if (form.vex) all.push(...places.map((memory) => ({ registers: 16, memory })))
  if (form.tuple.element > 0) all.push({ registers: 16, memory: true, repeated: true })
  const maskable = !sparse && !UNMASKED.test(name) && !(name in FIXED)
  if (maskable)
    all.push({ registers: 16, memory: places.at(-1)!, mask: 3 }, { registers: 32, memory: false, mask: 5, zero: true })
  return all.filter(({ memory: wanted }) => places.includes(wanted))
}

function* groupsOf(
  writer: Writer,
  table: Readonly<Record<string, string>>,
  sizes: readonly number[],
  emit: (name: string) => Emit,
) {
  for (const [name, text] of Object.entries(table)) {
    const cases = parseForms(text).flatMap((form) =>
      (form.sizes.length > 0 ? form.sizes : sizes).flatMap((bits) =>
        form.evex || bits < 512
          ? variantsOf(name, form).flatMap((variant) => writer.write(name, form, bits, variant, emit(name)))
          : [],
      ),
    )
    yield { name, cases }
  }
}

/** All instructions in the order of their tables. The same in every run. */
export function* groups(): Generator<Group> {
  const writer = new Writer()
  yield* groupsOf(
    writer,
    GENERAL,
    [32, 64],
    (name) => (a, operands, bits) => a.gpr(name as General, bits as 32, ...operands),
  )
  yield* groupsOf(
    writer,
    VECTOR,
    [128, 256, 512],
    (name) => (a, operands, bits) => a.vec(name as Vector, bits as 128, ...operands),
  )
  yield* groupsOf(writer, FIXED, [128], (name) => (a, operands) => a.fix(name as Fixed, ...operands))
  const conditions = Object.entries(CONDITIONS) as [Condition, number][]
  for (const [condition] of conditions) {
    const set = writeAll(writer, `set${condition}`, 'L np.0f.w0 90/0 mb', (a, [to]) => a.setcc(condition, to as number))
    const move = writeAll(writer, `cmov${condition}`, 'L np.0f.w0 40 rg mg', (a, [to, from], bits) =>
      a.cmovcc(condition, bits as 32, to as number, from as number),
    )
    yield { name: condition, cases: [...set, ...move] }
  }
  yield {
    name: 'plain',
    cases: (Object.keys(PLAIN) as Plain[]).map((name) => ({ text: name, emit: (assembler) => assembler.op(name) })),
  }
}

function writeAll(writer: Writer, name: string, text: string, emit: Emit): Case[] {
  return parseForms(text).flatMap((form) =>
    [32, 64].flatMap((bits) =>
      variantsOf(name, form).flatMap((variant) => writer.write(name, form, bits, variant, emit)),
    ),
  )
}
