/**
 * Instruction selection: the statements of a kernel IR function and its i32 expressions become x86-64 instructions over virtual
 * registers. Addresses are offsets into the engine's memory, whose base stays in R15.
 */
import type { Body, Expr, Local, Op, Statement, ValType } from '../kernel/ir.ts'
import type { Assembler } from './assembler.ts'
import type { Instruction, Isa, Region, RegisterClass, VirtualCode } from './machine.ts'
import { type Place, type Sink, Vectors } from './simd.ts'
import { transpose } from './transpose.ts'
import type { Condition, General } from './x86/general.ts'
import { imm, type Label, mem, R15, RAX, RCX, RDI, RDX, RSI, RSP } from './x86/operands.ts'

type Registers = (virtual: number) => number

/** Operations that write their result before they have read everything. */
const EARLY = new Set([
  'vec.gather',
  'vec.fmax',
  'vec.canon',
  'vec.f2i',
  'vec.q2f',
  'vec.u2f',
  'vec.shlv',
  'vec.shrv',
  'mask.iltU',
])
const COMPARISONS: Readonly<Record<string, readonly [Condition, Condition]>> = {
  'i32.eq': ['e', 'ne'],
  'i32.ltS': ['l', 'ge'],
  'i32.ltU': ['b', 'ae'],
}
const ARITHMETIC: Readonly<Record<string, General>> = {
  'i32.add': 'add',
  'i32.mul': 'imul',
  'i32.and': 'and',
}
const SHIFTS: Readonly<Record<string, readonly [General, General]>> = {
  'i32.shl': ['shl', 'shlx'],
  'i32.shrS': ['sar', 'sarx'],
  'i32.shrU': ['shr', 'shrx'],
}

/** @param functions labels of the functions that the body may call */
export function select(body: Body, isa: Isa, functions: readonly Label[]): VirtualCode {
  const selector = new Selector(body, isa, functions)
  selector.statements(body.statements)
  return selector.finish()
}

class Selector implements Sink {
  readonly isa: Isa
  readonly #functions: readonly Label[]
  readonly #vectors: Vectors
  readonly #params: number
  readonly #classes: RegisterClass[]
  readonly #instructions: Instruction[] = []
  readonly #regions: Region[] = []
  readonly #root: Region = { parent: null, loop: false, depth: 0, start: 0, end: 0 }
  #region = this.#root

  constructor(body: Body, isa: Isa, functions: readonly Label[]) {
    this.isa = isa
    this.#functions = functions
    this.#vectors = new Vectors(this)
    this.#params = body.params.length
    this.#classes = [...body.params.map(({ type }) => type), ...body.locals].map((type) => this.#classOf(type))
  }

  finish(): VirtualCode {
    this.#root.end = this.#instructions.length
    return {
      classes: this.#classes,
      params: this.#params,
      instructions: this.#instructions,
      root: this.#root,
      regions: this.#regions,
    }
  }

  temporary(type: ValType): number {
    return this.#classes.push(this.#classOf(type)) - 1
  }

  emit(
    uses: readonly number[],
    defs: readonly number[],
    emit: (asm: Assembler, r: Registers) => void,
    early = false,
    call = false,
  ): void {
    this.#instructions.push({ uses, defs, emit, early, call })
    this.#regions.push(this.#region)
  }

  value(expr: Expr, into?: number): number {
    if (expr.op === 'local') {
      const from = expr.imm[0]!
      if (into === undefined || into === from) return from
      this.#move(from, into, expr.type)
      return into
    }
    const to = into ?? this.temporary(expr.type)
    if (expr.type === 'i32') {
      this.#i32(expr, to)
    } else if (this.#isEarly(expr.op) && expr.args.some((arg) => arg.op === 'local' && arg.imm[0] === to)) {
      const own = this.temporary(expr.type)
      this.#vectors.value(expr, own)
      this.#move(own, to, expr.type)
    } else {
      this.#vectors.value(expr, to)
    }
    return to
  }

  #isEarly(op: Op): boolean {
    return EARLY.has(op) && !(op === 'vec.canon' && this.isa !== 'avx2')
  }

  memory(address: Expr, offset: number): Place {
    const at = address.value
    if (at !== undefined) return { uses: [], memory: () => mem(R15, at + offset) }
    const index = this.value(address)
    return { uses: [index], memory: (_, r) => mem(R15, offset, r(index)) }
  }

  statements(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement)
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case 'set':
        this.value(statement.value, statement.to.index)
        break
      case 'store':
        this.#store(statement)
        break
      case 'copy':
        this.#bytes([statement.to, statement.from, statement.bytes], 'rep movsb')
        break
      case 'clear':
        this.#bytes([statement.to, statement.bytes], 'rep stosb')
        break
      case 'transpose': {
        const from = statement.from.map((address) => this.memory(address, 0))
        transpose(this, from, this.memory(statement.to, 0), statement.pitch)
        break
      }
      case 'call':
        this.#call(statement)
        break
      case 'if':
        this.#if(statement)
        break
      case 'repeat':
        this.#repeat(statement)
        break
      case 'raw':
        throw new Error('x86-64 has no raw instructions')
    }
  }

  #store({ address, value, offset, lanes }: Statement & { kind: 'store' }): void {
    const word = value.type === 'i32' ? value.value : undefined
    const from = word === undefined ? this.value(value) : -1
    const place = this.memory(address, offset)
    if (value.type !== 'i32') {
      this.#vectors.store(from, place, lanes)
    } else {
      this.emit(word === undefined ? [from, ...place.uses] : place.uses, [], (asm, r) => {
        asm.gpr('mov', 32, place.memory(asm, r), word === undefined ? r(from) : imm(word))
      })
    }
  }

  /** Bytes moved or cleared by a string instruction: destination, source if any, count. */
  #bytes(args: readonly Expr[], name: 'rep movsb' | 'rep stosb'): void {
    const values = args.map((arg) => this.value(arg))
    const registers = args.length === 3 ? [RDI, RSI, RCX] : [RDI, RCX]
    this.emit(values, [], (asm, r) => {
      for (const value of values) asm.gpr('push', 64, r(value))
      for (const register of [...registers].reverse()) asm.gpr('pop', 64, register)
      for (const register of registers) if (register !== RCX) asm.gpr('add', 64, register, R15)
      if (name === 'rep stosb') asm.gpr('xor', 32, RAX, RAX)
      asm.op(name)
    })
  }

  #call({ callee, args }: Statement & { kind: 'call' }): void {
    args.forEach((arg, i) => {
      const from = this.value(arg)
      this.emit([from], [], (asm, r) => asm.gpr('mov', 64, mem(RSP, 8 * i), r(from)))
    })
    this.emit([], [], (asm) => asm.call(this.#functions[callee]!), false, true)
  }

  #if({ condition, yes, no }: Statement & { kind: 'if' }): void {
    const [otherwise, end] = [{ at: undefined }, { at: undefined }] as [Label, Label]
    this.#jump(condition, false, otherwise)
    this.#inside(false, () => this.statements(yes))
    if (no.length > 0) this.emit([], [], (asm) => asm.jmp(end))
    this.#bind(otherwise)
    if (no.length > 0) {
      this.#inside(false, () => this.statements(no))
      this.#bind(end)
    }
  }

  #repeat({ body, again }: Statement & { kind: 'repeat' }): void {
    const start: Label = { at: undefined }
    this.#inside(true, () => {
      this.emit([], [], (asm) => {
        asm.align(16)
        asm.bind(start)
      })
      this.statements(body)
      this.#jump(again, true, start)
    })
  }

  #inside(loop: boolean, fill: () => void): void {
    const parent = this.#region
    const start = this.#instructions.length
    const region: Region = { parent, loop, depth: parent.depth + (loop ? 1 : 0), start, end: start }
    this.#region = region
    fill()
    region.end = Math.max(start, this.#instructions.length - 1)
    this.#region = parent
  }

  #bind(label: Label): void {
    this.emit([], [], (asm) => asm.bind(label))
  }

  /** Jumps if the i32 is not 0 (`when` true), or if it is 0. */
  #jump(condition: Expr, when: boolean, to: Label): void {
    const flag = this.#test(condition)
    this.emit([], [], (asm) => asm.jcc(flag[when ? 0 : 1], to))
  }

  /** Sets the flags by an i32: the condition codes for not 0, and for 0. Nothing may be emitted in between. */
  #test(condition: Expr): readonly [Condition, Condition] {
    const { op, args } = condition
    const known = COMPARISONS[op]
    if (known) {
      const [a, b] = args as readonly [Expr, Expr]
      const left = this.value(a)
      const word = b.value
      const right = word === undefined ? this.value(b) : -1
      this.emit(word === undefined ? [left, right] : [left], [], (asm, r) => {
        asm.gpr('cmp', 32, r(left), word === undefined ? r(right) : imm(word))
      })
      return known
    }
    const zero = op === 'i32.eqz'
    const from = this.value(zero ? args[0]! : condition)
    this.emit([from], [], (asm, r) => asm.gpr('test', 32, r(from), r(from)))
    return zero ? ['e', 'ne'] : ['ne', 'e']
  }

  #i32(expr: Expr, to: number): void {
    const { op, args, imm: imms } = expr
    const [a, b] = args as readonly [Expr, Expr]
    const word = b?.value
    if (ARITHMETIC[op]) {
      this.#arithmetic(ARITHMETIC[op], a, b, to)
      return
    }
    if (SHIFTS[op]) {
      const [byWord, byRegister] = SHIFTS[op]
      const from = this.value(a)
      const by = word === undefined ? this.value(b) : -1
      this.emit(word === undefined ? [from, by] : [from], [to], (asm, r) => {
        if (word === undefined) {
          asm.gpr(byRegister, 32, r(to), r(from), r(by))
        } else {
          if (r(to) !== r(from)) asm.gpr('mov', 32, r(to), r(from))
          asm.gpr(byWord, 32, r(to), imm(word & 31))
        }
      })
      return
    }
    switch (op) {
      case 'i32.const':
        this.emit([], [to], (asm, r) => {
          if (imms[0] === 0) asm.gpr('xor', 32, r(to), r(to))
          else asm.gpr('mov', 32, r(to), imm(imms[0]!))
        })
        break
      case 'i32.load': {
        const place = this.memory(a, imms[0]!)
        this.emit(place.uses, [to], (asm, r) => asm.gpr('mov', 32, r(to), place.memory(asm, r)))
        break
      }
      case 'i32.sub': {
        const [left, right] = [this.value(a), this.value(b)]
        this.emit([left, right], [to], (asm, r) => {
          asm.gpr('mov', 32, RAX, r(left))
          asm.gpr('sub', 32, RAX, r(right))
          asm.gpr('mov', 32, r(to), RAX)
        })
        break
      }
      case 'i32.divU':
      case 'i32.remU': {
        if (word !== undefined && word > 1) {
          this.#divide(op, this.value(a), word, to)
          break
        }
        const [left, right] = [this.value(a), this.value(b)]
        this.emit([left, right], [to], (asm, r) => {
          asm.gpr('mov', 32, RAX, r(left))
          asm.gpr('xor', 32, RDX, RDX)
          asm.gpr('div', 32, r(right))
          asm.gpr('mov', 32, r(to), op === 'i32.divU' ? RAX : RDX)
        })
        break
      }
      case 'i32.pick':
        this.#pick(args as readonly [Expr, Expr, Expr], to)
        break
      case 'mask.any':
        this.#vectors.any(this.value(a), to)
        break
      case 'i32.eqz':
      case 'i32.eq':
      case 'i32.ltS':
      case 'i32.ltU': {
        const [flag] = this.#test(expr)
        this.emit([], [to], (asm, r) => {
          asm.setcc(flag, RAX)
          asm.gpr('movzx.b', 32, r(to), RAX)
        })
        break
      }
      default:
        throw new Error(`x86-64 has no code for ${op}`)
    }
  }

  #arithmetic(name: General, a: Expr, b: Expr, to: number): void {
    const left = this.value(a)
    const word = b.value
    if (word !== undefined) {
      this.emit([left], [to], (asm, r) => {
        if (name === 'imul') {
          asm.gpr('imul', 32, r(to), r(left), imm(word))
        } else if (name === 'add' && r(to) !== r(left)) {
          asm.gpr('lea', 32, r(to), mem(r(left), word))
        } else {
          if (r(to) !== r(left)) asm.gpr('mov', 32, r(to), r(left))
          asm.gpr(name, 32, r(to), imm(word))
        }
      })
      return
    }
    // a + (b << 1, 2 or 3) is one instruction.
    const by = b.op === 'i32.shl' ? (b.args[1]!.value ?? 0) : 0
    const scale = name === 'add' && (by === 1 || by === 2 || by === 3) ? ((1 << by) as 2 | 4 | 8) : 1
    const right = this.value(scale === 1 ? b : b.args[0]!)
    this.emit([left, right], [to], (asm, r) => {
      if (name === 'add' && (scale > 1 || (r(to) !== r(left) && r(to) !== r(right)))) {
        asm.gpr('lea', 32, r(to), mem(r(left), 0, r(right), scale))
      } else if (r(to) === r(right)) {
        asm.gpr(name, 32, r(to), r(left))
      } else {
        if (r(to) !== r(left)) asm.gpr('mov', 32, r(to), r(left))
        asm.gpr(name, 32, r(to), r(right))
      }
    })
  }

  /** Division by a constant: the high half of the product with its inverse, rounded up to 64 bits, is exact. */
  #divide(op: 'i32.divU' | 'i32.remU', from: number, by: number, to: number): void {
    const inverse = 2n ** 64n / BigInt(by) + ((by & (by - 1)) === 0 ? 0n : 1n)
    this.emit([from], [to], (asm, r) => {
      asm.gpr('mov', 64, RAX, imm(BigInt.asIntN(64, inverse)))
      asm.gpr('mul', 64, r(from))
      if (op === 'i32.divU') {
        asm.gpr('mov', 32, r(to), RDX)
      } else {
        asm.gpr('imul', 32, RDX, RDX, imm(by))
        asm.gpr('mov', 32, RAX, r(from))
        asm.gpr('sub', 32, RAX, RDX)
        asm.gpr('mov', 32, r(to), RAX)
      }
    })
  }

  #pick([condition, a, b]: readonly [Expr, Expr, Expr], to: number): void {
    const [yes, no] = [this.value(a), this.value(b)]
    const [flag] = this.#test(condition)
    this.emit([yes, no], [to], (asm, r) => {
      asm.gpr('mov', 32, RAX, r(no))
      asm.cmovcc(flag, 32, RAX, r(yes))
      asm.gpr('mov', 32, r(to), RAX)
    })
  }

  #move(from: number, to: number, type: Local['type']): void {
    if (type === 'i32') {
      this.emit([from], [to], (asm, r) => {
        if (r(from) !== r(to)) asm.gpr('mov', 32, r(to), r(from))
      })
    } else {
      this.#vectors.move(from, to, type === 'mask')
    }
  }

  #classOf(type: ValType): RegisterClass {
    if (type === 'i32') return 'general'
    return type === 'mask' && this.isa !== 'avx2' ? 'opmask' : 'vector'
  }
}
