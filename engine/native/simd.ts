/** Instruction selection for vectors and masks, with AVX2 and FMA (8 words) or AVX-512 F, BW, DQ and VL (16 words). */
import type { Expr, Op } from '../kernel/ir.ts'
import type { Assembler, Vector } from './assembler.ts'
import { emitFromDigits } from './digits.ts'
import type { Isa } from './machine.ts'
import { bytesOf, SEQUENCES, type Sequence, wordOf } from './sequences.ts'
import { broadcast, imm, type Mem, merged, RAX, zeroed } from './x86/operands.ts'

type Registers = (virtual: number) => number

/** Memory whose address hangs on virtual registers. */
export interface Place {
  readonly uses: readonly number[]
  readonly memory: (asm: Assembler, r: Registers) => Mem
}

/** What an instruction reads as its last operand. */
type Source = { readonly virtual: number } | Place

/** Where instructions go: select.ts. */
export interface Sink {
  readonly isa: Isa
  temporary(type: 'vec' | 'mask' | 'i32'): number
  /** The value in a virtual register; in `into` if given. */
  value(expr: Expr, into?: number): number
  /** Memory at `address + offset`. */
  memory(address: Expr, offset: number): Place
  emit(
    uses: readonly number[],
    defs: readonly number[],
    emit: (asm: Assembler, r: Registers) => void,
    early?: boolean,
  ): void
}

/** Opmask that serves inside one instruction: see sequences.ts. */
const K6 = 6

/** Predicates of vcmpps, none of which signals. */
const [EQ, LT, LE] = [0x00, 0x11, 0x12] as const

interface Binary {
  readonly vex: Vector
  readonly evex: Vector
  readonly commutes: boolean
}

const same = (name: Vector, commutes: boolean): Binary => ({ vex: name, evex: name, commutes })
const BINARY: Partial<Record<Op, Binary>> = {
  'vec.fadd': same('vaddps', true),
  'vec.fsub': same('vsubps', false),
  'vec.fmul': same('vmulps', true),
  'vec.fdiv': same('vdivps', false),
  'vec.iadd': same('vpaddd', true),
  'vec.isub': same('vpsubd', false),
  'vec.imul': same('vpmulld', true),
  'vec.imax': same('vpmaxsd', true),
  'vec.and': { vex: 'vpand', evex: 'vpandd', commutes: true },
  'vec.or': { vex: 'vpor', evex: 'vpord', commutes: true },
  'vec.xor': { vex: 'vpxor', evex: 'vpxord', commutes: true },
}
const UNARY: Partial<Record<Op, Vector>> = { 'vec.fsqrt': 'vsqrtps', 'vec.i2f': 'vcvtdq2ps' }
const FLOAT_COMPARISON: Partial<Record<Op, number>> = { 'mask.feq': EQ, 'mask.flt': LT, 'mask.fle': LE }
const MASK_LOGIC = {
  'mask.and': ['kandw', 'vpand'],
  'mask.or': ['korw', 'vpor'],
  'mask.xor': ['kxorw', 'vpxor'],
} as const

export class Vectors {
  readonly #sink: Sink
  readonly #avx512: boolean
  readonly #vnni: boolean
  readonly #bits: 256 | 512
  readonly lanes: 8 | 16

  constructor(sink: Sink) {
    this.#sink = sink
    this.#avx512 = sink.isa !== 'avx2'
    this.#vnni = sink.isa === 'avx512-vnni'
    this.#bits = this.#avx512 ? 512 : 256
    this.lanes = this.#avx512 ? 16 : 8
  }

  /** Emits the value of a vector or mask expression, other than a local, into `to`. */
  value(expr: Expr, to: number): void {
    const { op, args, imm: imms } = expr
    const [a, b, c] = args as readonly [Expr, Expr, Expr]
    const bits = this.#bits
    const binary = BINARY[op]
    if (binary) {
      this.#binary(binary, a, b, to)
      return
    }
    const unary = UNARY[op]
    if (unary) {
      this.#take(this.#source(a, true), (asm, r, from) => asm.vec(unary, bits, r(to), from), [], [to])
      return
    }
    const predicate = FLOAT_COMPARISON[op]
    if (predicate !== undefined) {
      this.#compareFloats(predicate, a, b, to)
      return
    }
    switch (op) {
      case 'vec.const':
      case 'vec.ramp':
        this.#constant(expr, to)
        break
      case 'vec.splat':
        this.#splat(this.#sink.value(a), to)
        break
      case 'vec.load':
        this.#take(this.#sink.memory(a, imms[0]!), (asm, r, from) => asm.vec('vmovups', bits, r(to), from), [], [to])
        break
      case 'vec.load.splat': {
        const from = this.#sink.memory(a, imms[0]!)
        this.#take(from, (asm, r, place) => asm.vec('vbroadcastss', bits, r(to), place), [], [to])
        break
      }
      case 'vec.gather':
        this.#gather(expr, to)
        break
      case 'vec.select':
        this.#select(a, b, c, to)
        break
      case 'vec.down':
        this.#down(this.#sink.value(a), imms[0]!, to)
        break
      case 'vec.of.mask':
        this.#ofMask(this.#sink.value(a), to)
        break
      case 'vec.fma':
        this.#fma(a, b, c, to)
        break
      case 'vec.dot16':
        this.#dot16(a, b, c, to)
        break
      case 'vec.q2f':
        this.#fromDigits(args, imms[0]!, to)
        break
      case 'vec.fmax':
        this.#sequence(SEQUENCES.fmax, [a, b], to)
        break
      case 'vec.canon': {
        if (!this.#avx512) {
          this.#sequence(SEQUENCES.canon, [a], to)
          break
        }
        // In place, if need be: sums are made canonical where they are.
        const from = this.#sink.value(a)
        this.#sink.emit([from], [to], (asm, r) => SEQUENCES.canon(asm, true, [r(from)], r(to), -1))
        break
      }
      case 'vec.f2i':
        this.#sequence(SEQUENCES.f2i, [a], to)
        break
      case 'vec.u2f':
        this.#sequence(SEQUENCES.u2f, [a], to)
        break
      case 'vec.shl':
      case 'vec.shr':
      case 'vec.sar': {
        const from = this.#sink.value(a)
        const name = op === 'vec.shl' ? 'vpslld' : op === 'vec.shr' ? 'vpsrld' : 'vpsrad'
        this.#sink.emit([from], [to], (asm, r) => asm.vec(name, bits, r(to), r(from), imm(imms[0]!)))
        break
      }
      case 'vec.shlv':
      case 'vec.shrv': {
        const [from, by] = [this.#sink.value(a), this.#sink.value(b)]
        const name = op === 'vec.shlv' ? 'vpsllvd' : 'vpsrlvd'
        const amount = this.#sink.temporary('vec')
        this.#early([from, by], [to, amount], (asm, r) => {
          asm.vec(this.#avx512 ? 'vpandd' : 'vpand', bits, r(amount), r(by), wordOf(asm, this.#avx512, 31))
          asm.vec(name, bits, r(to), r(from), r(amount))
        })
        break
      }
      case 'mask.ieq':
      case 'mask.ilt':
      case 'mask.iltU':
        this.#compareIntegers(op, a, b, to)
        break
      case 'mask.and':
      case 'mask.or':
      case 'mask.xor': {
        const [x, y] = [this.#sink.value(a), this.#sink.value(b)]
        const [opmask, vector] = MASK_LOGIC[op]
        this.#sink.emit([x, y], [to], (asm, r) => {
          if (this.#avx512) asm.fix(opmask, r(to), r(x), r(y))
          else asm.vec(vector, bits, r(to), r(x), r(y))
        })
        break
      }
      case 'mask.not': {
        const from = this.#sink.value(a)
        this.#sink.emit([from], [to], (asm, r) => {
          if (this.#avx512) asm.fix('knotw', r(to), r(from))
          else asm.vec('vpxor', bits, r(to), r(from), wordOf(asm, this.#avx512, 0xffffffff))
        })
        break
      }
      case 'mask.all': {
        const from = this.#sink.value(a)
        this.#sink.emit([from], [to], (asm, r) => {
          asm.gpr('mov', 32, RAX, r(from))
          asm.gpr('neg', 32, RAX)
          if (this.#avx512) {
            asm.fix('kmovw.kr', r(to), RAX)
          } else {
            asm.fix('vmovd.xr', r(to), RAX)
            asm.vec('vpbroadcastd', bits, r(to), r(to))
          }
        })
        break
      }
      case 'mask.first':
        this.#sink.emit([], [to], (asm, r) => this.#first(asm, r(to), imms[0]!))
        break
      default:
        throw new Error(`x86-64 has no code for ${op}`)
    }
  }

  /** An i32 that is not 0 if any lane of the mask is set. */
  any(mask: number, to: number): void {
    this.#sink.emit([mask], [to], (asm, r) => {
      if (this.#avx512) asm.fix('kmovw.rk', r(to), r(mask))
      else asm.vec('vmovmskps', 256, r(to), r(mask))
    })
  }

  /** Stores the first `lanes` words. */
  store(value: number, place: Place, lanes: number): void {
    const scratch = !this.#avx512 && lanes > 1 && lanes < this.lanes ? [this.#sink.temporary('vec')] : []
    this.#early([value, ...place.uses], scratch, (asm, r) => {
      const to = place.memory(asm, r)
      if (lanes === this.lanes) {
        asm.vec('vmovups', this.#bits, to, r(value))
      } else if (lanes === 1) {
        asm.fix('vmovss', to, r(value))
      } else if (this.#avx512) {
        this.#first(asm, K6, lanes)
        asm.vec('vmovups', 512, merged(to, K6), r(value))
      } else {
        const mask = r(scratch[0]!)
        this.#first(asm, mask, lanes)
        asm.vec('vmaskmovps', 256, to, mask, r(value))
      }
    })
  }

  move(from: number, to: number, mask: boolean): void {
    this.#sink.emit([from], [to], (asm, r) => {
      if (r(from) === r(to)) return
      if (mask && this.#avx512) asm.fix('kmovw', r(to), r(from))
      else asm.vec('vmovaps', this.#bits, r(to), r(from))
    })
  }

  zero(asm: Assembler, register: number, mask: boolean): void {
    if (mask && this.#avx512) asm.fix('kxorw', register, register, register)
    else if (register < 16) asm.vec('vxorps', 128, register, register, register)
    else asm.vec('vpxord', 512, register, register, register)
  }

  /** @param broadcasts whether the instruction takes one word of memory for all lanes */
  #source(expr: Expr, broadcasts: boolean): Source {
    const { op, args, imm: imms } = expr
    if (op === 'vec.load') return this.#sink.memory(args[0]!, imms[0]!)
    if (op === 'vec.const' && (broadcasts || !this.#avx512)) {
      return { uses: [], memory: (asm) => wordOf(asm, this.#avx512, imms[0]!) }
    }
    if (op === 'vec.load.splat' && this.#avx512 && broadcasts) {
      const { uses, memory } = this.#sink.memory(args[0]!, imms[0]!)
      return { uses, memory: (asm, r) => broadcast(memory(asm, r)) }
    }
    return { virtual: this.#sink.value(expr) }
  }

  /** Emits an instruction that reads `source` as its last operand. */
  #take(
    source: Source,
    emit: (asm: Assembler, r: Registers, last: number | Mem) => void,
    uses: readonly number[],
    defs: readonly number[],
    early = false,
  ): void {
    const read = 'virtual' in source ? [source.virtual] : source.uses
    this.#sink.emit(
      [...uses, ...read],
      defs,
      (asm, r) => emit(asm, r, 'virtual' in source ? r(source.virtual) : source.memory(asm, r)),
      early,
    )
  }

  #early(uses: readonly number[], defs: readonly number[], emit: (asm: Assembler, r: Registers) => void): void {
    this.#sink.emit(uses, defs, emit, true)
  }

  /** Several instructions, with a spare register. */
  #sequence(sequence: Sequence, args: readonly Expr[], to: number): void {
    const from = args.map((arg) => this.#sink.value(arg))
    const spare = this.#sink.temporary('vec')
    this.#early(from, [to, spare], (asm, r) => sequence(asm, this.#avx512, from.map(r), r(to), r(spare)))
  }

  #binary({ vex, evex, commutes }: Binary, a: Expr, b: Expr, to: number): void {
    const folds = ({ op }: Expr): boolean => op === 'vec.load' || op === 'vec.const' || op === 'vec.load.splat'
    const [x, y] = commutes && folds(a) && !folds(b) ? [b, a] : [a, b]
    const left = this.#sink.value(x)
    const name = this.#avx512 ? evex : vex
    this.#take(this.#source(y, true), (asm, r, last) => asm.vec(name, this.#bits, r(to), r(left), last), [left], [to])
  }

  #constant({ op, imm: imms }: Expr, to: number): void {
    const [start, step] = op === 'vec.ramp' ? (imms as readonly [number, number]) : [imms[0]!, 0]
    this.#sink.emit([], [to], (asm, r) => {
      const words = Array.from({ length: this.lanes }, (_, lane) => start + lane * step)
      if (start === 0 && step === 0) this.zero(asm, r(to), false)
      else if (step === 0) asm.vec('vbroadcastss', this.#bits, r(to), asm.constant(bytesOf([start])))
      else asm.vec('vmovups', this.#bits, r(to), asm.constant(bytesOf(words)))
    })
  }

  #splat(from: number, to: number): void {
    this.#sink.emit([from], [to], (asm, r) => {
      if (this.#avx512) {
        asm.vec('vpbroadcastd.r', 512, r(to), r(from))
      } else {
        asm.fix('vmovd.xr', r(to), r(from))
        asm.vec('vpbroadcastd', 256, r(to), r(to))
      }
    })
  }

  #first(asm: Assembler, to: number, lanes: number): void {
    if (this.#avx512) {
      asm.gpr('mov', 32, RAX, imm((1 << lanes) - 1))
      asm.fix('kmovw.kr', to, RAX)
    } else {
      const words = Array.from({ length: this.lanes }, (_, lane) => (lane < lanes ? 0xffffffff : 0))
      asm.vec('vmovups', 256, to, asm.constant(bytesOf(words)))
    }
  }

  #gather({ args, imm: imms }: Expr, to: number): void {
    const [base, index, inside, fill] = args as readonly [Expr, Expr, Expr | undefined, Expr | undefined]
    const place = this.#sink.memory(base, 0)
    const words = this.#sink.value(index)
    const set = inside && this.#sink.value(inside)
    const other = fill && this.#sink.value(fill)
    const uses = [...place.uses, words, ...(set === undefined ? [] : [set]), ...(other === undefined ? [] : [other])]
    const mask = this.#avx512 ? [] : [this.#sink.temporary('vec')]
    this.#early(uses, [to, ...mask], (asm, r) => {
      const lanes = this.#avx512 ? K6 : r(mask[0]!)
      if (set === undefined) this.#first(asm, lanes, imms[0]!)
      else if (this.#avx512) asm.fix('kmovw', lanes, r(set))
      else asm.vec('vmovaps', 256, lanes, r(set))
      if (other === undefined) this.zero(asm, r(to), false)
      else asm.vec('vmovaps', this.#bits, r(to), r(other))
      asm.gpr('lea', 64, RAX, place.memory(asm, r))
      const at: Mem = { base: RAX, index: r(words), scale: 4, disp: 0 }
      if (this.#avx512) asm.vec('vgatherdps', 512, merged(r(to), K6), at)
      else asm.vec('vgatherdps', 256, r(to), at, lanes)
    })
  }

  #select(mask: Expr, yes: Expr, no: Expr, to: number): void {
    const set = this.#sink.value(mask)
    const other = this.#sink.value(no)
    const chosen = this.#source(yes, true)
    this.#take(
      chosen,
      (asm, r, last) => {
        if (this.#avx512) asm.vec('vblendmps', 512, merged(r(to), r(set)), r(other), last)
        else asm.vec('vblendvps', 256, r(to), r(other), last, r(set))
      },
      [set, other],
      [to],
    )
  }

  #down(from: number, by: number, to: number): void {
    this.#sink.emit([from], [to], (asm, r) => {
      if (by === 8) asm.vec('vextractf64x4', 512, r(to), r(from), imm(1))
      else if (by === 4 && this.#avx512) asm.vec('vextractf32x4', 256, r(to), r(from), imm(1))
      else if (by === 4) asm.vec('vextractf128', 256, r(to), r(from), imm(1))
      else asm.vec('vpshufd', 128, r(to), r(from), imm(by === 2 ? 0xee : 0x55))
    })
  }

  #ofMask(from: number, to: number): void {
    this.#sink.emit([from], [to], (asm, r) => {
      if (this.#avx512) asm.vec('vpbroadcastd', 512, zeroed(r(to), r(from)), asm.constant(bytesOf([1])))
      else asm.vec('vpand', 256, r(to), r(from), wordOf(asm, this.#avx512, 1))
    })
  }

  #fma(a: Expr, b: Expr, c: Expr, to: number): void {
    const bits = this.#bits
    const folds = ({ op }: Expr): boolean => op === 'vec.load' || op === 'vec.const' || op === 'vec.load.splat'
    if (folds(c) && !(folds(a) && folds(b))) {
      // x * y + memory: the product's register becomes the sum.
      const [x, y] = [this.#sink.value(a), this.#sink.value(b)]
      this.#take(
        this.#source(c, true),
        (asm, r, last) => {
          const [p, q] = r(to) === r(y) ? [y, x] : [x, y]
          if (r(to) !== r(p)) asm.vec('vmovaps', bits, r(to), r(p))
          asm.vec('vfmadd213ps', bits, r(to), r(q), last)
        },
        [x, y],
        [to],
      )
      return
    }
    const [x, y] = folds(a) && !folds(b) ? [b, a] : [a, b]
    const left = this.#sink.value(x)
    const right = this.#source(y, true)
    const sum = this.#sink.value(c)
    this.#take(
      right,
      (asm, r, last) => {
        const d = r(to)
        if (d === r(sum)) {
          asm.vec('vfmadd231ps', bits, d, r(left), last)
        } else if (d === r(left)) {
          asm.vec('vfmadd132ps', bits, d, r(sum), last)
        } else if (d === last) {
          asm.vec('vfmadd213ps', bits, d, r(left), r(sum))
        } else {
          asm.vec('vmovaps', bits, d, r(sum))
          asm.vec('vfmadd231ps', bits, d, r(left), last)
        }
      },
      [left, sum],
      [to],
    )
  }

  #dot16(a: Expr, b: Expr, c: Expr, to: number): void {
    const [left, sum] = [this.#sink.value(a), this.#sink.value(c)]
    if (this.#vnni && sum === to) {
      const right = this.#source(b, true)
      this.#take(right, (asm, r, last) => asm.vec('vpdpwssd', 512, r(to), r(left), last), [left, sum], [to])
      return
    }
    const products = this.#sink.temporary('vec')
    const right = this.#source(b, false)
    this.#take(right, (asm, r, last) => asm.vec('vpmaddwd', this.#bits, r(products), r(left), last), [left], [products])
    this.#sink.emit([sum, products], [to], (asm, r) => asm.vec('vpaddd', this.#bits, r(to), r(sum), r(products)))
  }

  #fromDigits(args: readonly Expr[], bits: number, to: number): void {
    const values = args.map((arg) => this.#sink.value(arg))
    const spare = [0, 1, 2].map(() => this.#sink.temporary('vec'))
    this.#early(values, [to, ...spare], (asm, r) => {
      const words = values.map(r)
      emitFromDigits(
        asm,
        this.#bits,
        { digits: words.slice(0, -1), exponent: words.at(-1)! },
        bits,
        r(to),
        spare.map(r),
      )
    })
  }

  #compareFloats(predicate: number, a: Expr, b: Expr, to: number): void {
    const left = this.#sink.value(a)
    const name = this.#avx512 ? 'vcmpps.k' : 'vcmpps'
    const source = this.#source(b, true)
    this.#take(source, (asm, r, last) => asm.vec(name, this.#bits, r(to), r(left), last, imm(predicate)), [left], [to])
  }

  #compareIntegers(op: 'mask.ieq' | 'mask.ilt' | 'mask.iltU', a: Expr, b: Expr, to: number): void {
    const bits = this.#bits
    if (this.#avx512) {
      const left = this.#sink.value(a)
      const name = op === 'mask.iltU' ? 'vpcmpud' : 'vpcmpd'
      const predicate = imm(op === 'mask.ieq' ? 0 : 1)
      const source = this.#source(b, true)
      this.#take(source, (asm, r, last) => asm.vec(name, bits, r(to), r(left), last, predicate), [left], [to])
      return
    }
    if (op === 'mask.iltU') {
      this.#sequence(SEQUENCES.below, [a, b], to)
      return
    }
    const [x, y] = [this.#sink.value(a), this.#sink.value(b)]
    this.#sink.emit([x, y], [to], (asm, r) => {
      if (op === 'mask.ieq') asm.vec('vpcmpeqd', bits, r(to), r(x), r(y))
      else asm.vec('vpcmpgtd', bits, r(to), r(y), r(x))
    })
  }
}
