/** Kernel IR to WebAssembly code: vectors of four words, masks as vectors of ones and zeros. */
import { NAN } from '#arith/blocks.ts'
import type { Body, Expr, Statement, ValType } from '../kernel/ir.ts'
import { type FunctionBody, s32, u32 } from './module.ts'
import {
  AND,
  BITSELECT,
  EXTRACT,
  F32_EQ,
  F32_GE,
  F64_ADD,
  F64_CONVERT,
  F64_DEMOTE,
  F64_MUL,
  f64const,
  I32_ADD,
  I32_DOT16,
  I64_ADD,
  I64_EXTEND_HIGH,
  I64_EXTEND_LOW,
  I64_SHL,
  LANESELECT,
  LOAD,
  LOAD_LANE,
  LOAD_SPLAT,
  memarg,
  OR,
  PLAIN,
  RELAXED_MADD,
  REPLACE,
  SELECT,
  shuffle,
  simd,
  v128const,
} from './opcodes.ts'

/** How a kernel computes `fma`: the host's relaxed instruction, or a call of the function that emulates it. */
export interface Fma {
  readonly mode: 'fused' | 'emulated'
  /** Index of the emulation; -1 where the mode is 'fused'. */
  readonly emulated: number
}

export const LANES = 4
const SIGN = 0x80000000
const MAGNITUDE = 0x7fffffff
const SMALLEST_NORMAL = 0x00800000

/** The code of a function whose statements are complete. */
export function encode(body: Body, fma: Fma): FunctionBody {
  return new Encoder(body, fma).finish()
}

class Encoder {
  readonly #body: Body
  readonly #fma: Fma
  readonly #locals: ValType[]
  readonly #code: number[] = []
  /** Locals that hold four times the same word from function entry on. */
  readonly #constants = new Map<number, number>()
  /** Locals for values that one instruction needs twice; free again after it. */
  readonly #spare: number[] = []

  constructor(body: Body, fma: Fma) {
    this.#body = body
    this.#fma = fma
    this.#locals = [...body.locals]
    this.#statements(body.statements)
  }

  finish(): FunctionBody {
    const main = this.#code.splice(0)
    for (const [bits, local] of this.#constants) {
      this.#push(v128const(bits, bits, bits, bits))
      this.#push([0x21, ...u32(local)])
    }
    return { locals: this.#locals, code: this.#code.concat(main) }
  }

  #statements(statements: readonly Statement[]): void {
    for (const statement of statements) this.#statement(statement)
  }

  #statement(statement: Statement): void {
    switch (statement.kind) {
      case 'set':
        this.#value(statement.value)
        this.#push([0x21, ...u32(statement.to.index)])
        break
      case 'store':
        this.#store(statement)
        break
      case 'copy':
        this.#values(statement.to, statement.from, statement.bytes)
        this.#push([0xfc, 0x0a, 0x00, 0x00])
        break
      case 'clear':
        this.#value(statement.to)
        this.#push([0x41, 0x00])
        this.#value(statement.bytes)
        this.#push([0xfc, 0x0b, 0x00])
        break
      case 'transpose':
        this.#transpose(statement)
        break
      case 'call':
        this.#values(...statement.args)
        this.#push([0x10, ...u32(statement.callee)])
        break
      case 'if':
        this.#value(statement.condition)
        this.#push([0x04, 0x40])
        this.#statements(statement.yes)
        if (statement.no.length > 0) {
          this.#push([0x05])
          this.#statements(statement.no)
        }
        this.#push([0x0b])
        break
      case 'repeat':
        this.#push([0x03, 0x40])
        this.#statements(statement.body)
        this.#value(statement.again)
        this.#push([0x0d, 0x00, 0x0b])
        break
      case 'raw':
        this.#values(...statement.args)
        this.#push(statement.bytes)
    }
  }

  #store({ address, value, offset, lanes }: Statement & { kind: 'store' }): void {
    if (value.type === 'i32') {
      this.#values(address, value)
      this.#push([0x36, ...memarg(2, offset)])
    } else if (lanes === LANES) {
      this.#values(address, value)
      this.#push(simd(0x0b, ...memarg(2, offset)))
    } else {
      this.#twice(value, (word) => {
        for (let lane = 0; lane < lanes; lane++) {
          this.#value(address)
          word()
          this.#push(simd(0x5a, ...memarg(2, offset + 4 * lane), lane))
        }
      })
    }
  }

  #transpose({ from, to, pitch }: Statement & { kind: 'transpose' }): void {
    const rows = from.map((address) => {
      this.#value(address)
      this.#push(simd(LOAD, ...memarg(2, 0)))
      return this.#keep()
    })
    const [a, b, c, d] = rows as [number, number, number, number]
    const mix = (x: number, y: number, lanes: readonly [number, number, number, number]): void => {
      this.#get(x)
      this.#get(y)
      this.#push(shuffle(...lanes))
    }
    const pairs = (
      [low, high]: readonly [number, number],
      lanes: readonly [number, number, number, number],
    ): number => {
      mix(low, high, lanes)
      return this.#keep()
    }
    const low = [pairs([a, b], [0, 4, 1, 5]), pairs([c, d], [0, 4, 1, 5])] as const
    const high = [pairs([a, b], [2, 6, 3, 7]), pairs([c, d], [2, 6, 3, 7])] as const
    const out = [
      [low, [0, 1, 4, 5]],
      [low, [2, 3, 6, 7]],
      [high, [0, 1, 4, 5]],
      [high, [2, 3, 6, 7]],
    ] as const
    out.forEach(([[x, y], lanes], r) => {
      this.#value(to)
      mix(x, y, lanes)
      this.#push(simd(0x0b, ...memarg(2, r * pitch)))
    })
    this.#spare.push(...rows, ...low, ...high)
  }

  #values(...values: readonly Expr[]): void {
    for (const value of values) this.#value(value)
  }

  #value(value: Expr): void {
    const { op, args, imm } = value
    const plain = PLAIN[op]
    if (plain) {
      this.#values(...args)
      this.#push(plain)
      return
    }
    const [first] = imm as readonly [number]
    const [a, b, c] = args as readonly [Expr, Expr, Expr]
    switch (op) {
      case 'local':
        this.#get(first)
        break
      case 'raw':
        this.#values(...args)
        this.#push(imm)
        break
      case 'i32.const':
        this.#push([0x41, ...s32(first)])
        break
      case 'i32.load':
        this.#value(a)
        this.#push([0x28, ...memarg(2, first)])
        break
      case 'i32.pick':
        this.#values(b, c, a)
        this.#push(SELECT)
        break
      case 'vec.const':
        this.#constant(first)
        break
      case 'vec.ramp': {
        const step = imm[1]!
        this.#push(v128const(first, first + step, first + 2 * step, first + 3 * step))
        break
      }
      case 'vec.load':
        this.#value(a)
        this.#push(simd(LOAD, ...memarg(2, first)))
        break
      case 'vec.load.splat':
        this.#value(a)
        this.#push(simd(LOAD_SPLAT, ...memarg(2, first)))
        break
      case 'vec.gather':
        this.#gather(value)
        break
      case 'vec.select':
        this.#values(b, c, a)
        this.#push(this.#choose)
        break
      case 'vec.down':
        this.#twice(a, (word) => {
          word()
          word()
          this.#push(first === 2 ? shuffle(2, 3, 2, 3) : shuffle(1, 1, 1, 1))
        })
        break
      case 'vec.of.mask':
        this.#value(a)
        this.#constant(1)
        this.#push(AND)
        break
      case 'vec.fma':
        this.#values(a, b, c)
        this.#push(this.#fma.mode === 'fused' ? RELAXED_MADD : [0x10, ...u32(this.#fma.emulated)])
        break
      case 'vec.canon':
        this.#canon(a)
        break
      case 'vec.shl':
      case 'vec.shr':
      case 'vec.sar':
        this.#value(a)
        this.#push([0x41, ...s32(first), ...simd(op === 'vec.shl' ? 0xab : op === 'vec.shr' ? 0xad : 0xac)])
        break
      case 'vec.shlv':
      case 'vec.shrv':
        this.#shift(a, b, op === 'vec.shlv' ? 0x74 : 0x76)
        break
      case 'vec.dot16':
        this.#values(c, a, b)
        this.#push([...I32_DOT16, ...I32_ADD])
        break
      case 'vec.q2f':
        this.#fromDigits(args.slice(0, -1), first, args.at(-1)!)
        break
      case 'mask.all':
        this.#push([0x41, 0x00])
        this.#value(a)
        this.#push([0x6b, ...simd(0x11)])
        break
      case 'mask.first': {
        const lane = (n: number): number => (n < first ? -1 : 0)
        this.#push(v128const(lane(0), lane(1), lane(2), lane(3)))
        break
      }
      default:
        throw new Error(`WebAssembly has no code for ${op}`)
    }
  }

  /** `args` of `choose`: the words where the mask is set, the others, the mask. */
  get #choose(): readonly number[] {
    return this.#fma.mode === 'fused' ? LANESELECT : BITSELECT
  }

  #canon(value: Expr): void {
    this.#twice(value, (x) => {
      x()
      x()
      this.#constant(MAGNITUDE)
      this.#push(AND)
      this.#constant(SMALLEST_NORMAL)
      this.#push(F32_GE)
      this.#constant(SIGN)
      this.#push(OR)
      this.#push(AND)
      this.#constant(NAN)
      x()
      x()
      this.#push(F32_EQ)
      this.#push(this.#choose)
    })
  }

  /** Two lanes at a time in binary64, where the sum and its scale are exact; the demotion rounds. */
  #fromDigits(digits: readonly Expr[], bits: number, exponent: Expr): void {
    const words = [...digits, exponent].map((value) => this.#hold(value))
    const step = 2 ** bits
    const halves = [false, true].map((high) => {
      const take = (word: number): void => {
        this.#get(word)
        if (high) {
          this.#get(word)
          this.#push(shuffle(2, 3, 2, 3))
        }
      }
      words.slice(0, -1).forEach((word, i) => {
        if (i > 0) this.#push([...f64const(step), ...F64_MUL])
        take(word)
        this.#push(F64_CONVERT)
        if (i > 0) this.#push(F64_ADD)
      })
      this.#get(words.at(-1)!)
      this.#push([...(high ? I64_EXTEND_HIGH : I64_EXTEND_LOW), ...v128const(1023, 0, 1023, 0), ...I64_ADD])
      this.#push([0x41, ...s32(52), ...I64_SHL, ...F64_MUL, ...F64_DEMOTE])
      return this.#keep()
    })
    for (const half of halves) this.#get(half)
    this.#push(shuffle(0, 1, 4, 5))
    this.#spare.push(...words, ...halves)
  }

  /** WebAssembly shifts all lanes by one amount: these go lane by lane. Amounts are mod 32, as in the definition. */
  #shift(a: Expr, b: Expr, code: number): void {
    this.#twice(a, (from) => {
      this.#twice(b, (by) => {
        from()
        for (let lane = 0; lane < LANES; lane++) {
          for (const word of [from, by]) {
            word()
            this.#push(simd(EXTRACT, lane))
          }
          this.#push([code])
          this.#push(simd(REPLACE, lane))
        }
      })
    })
  }

  #gather({ args, imm }: Expr): void {
    const [base, index, inside, fill] = args as readonly [Expr, Expr, Expr | undefined, Expr | undefined]
    const lanes = imm[0]!
    const start = this.#hold(base)
    if (!inside || !fill) {
      const [at, step] = index.imm as readonly [number, number]
      if (index.op !== 'vec.ramp' || at !== 0) throw new Error('a gather without a mask goes by a ramp')
      this.#get(start)
      this.#push(simd(LOAD_SPLAT, ...memarg(2, 0)))
      const words = this.#keep('vec')
      for (let lane = 1; lane < lanes; lane++) {
        this.#get(start)
        this.#push([0x41, ...s32(4 * step * lane), 0x6a])
        this.#get(words)
        this.#push(simd(LOAD_LANE, ...memarg(2, 0), lane))
        this.#set(words)
      }
      this.#get(words)
      this.#spare.push(start, words)
      return
    }
    const [indices, set] = [this.#hold(index), this.#hold(inside)]
    const words = this.#hold(fill)
    for (let lane = 0; lane < lanes; lane++) {
      this.#get(start)
      this.#get(indices)
      this.#push(simd(EXTRACT, lane))
      this.#push([0x41, 0x02, 0x74, 0x6a])
      // Address 0 can always be read.
      this.#get(set)
      this.#push(simd(EXTRACT, lane))
      this.#push([0x71])
      this.#get(words)
      this.#push(simd(LOAD_LANE, ...memarg(2, 0), lane))
      this.#set(words)
    }
    this.#get(words)
    this.#value(fill)
    this.#get(set)
    this.#push(this.#choose)
    this.#spare.push(start, indices, set, words)
  }

  /** Four times the same word. */
  #constant(bits: number): void {
    if (this.#body.tight) {
      this.#push(v128const(bits, bits, bits, bits))
      return
    }
    let known = this.#constants.get(bits)
    if (known === undefined) {
      known = this.#local('vec')
      this.#constants.set(bits, known)
    }
    this.#get(known)
  }

  /** Makes `use` of a value that it may take any number of times. */
  #twice(value: Expr, use: (take: () => void) => void): void {
    if (value.op === 'local') {
      use(() => this.#get(value.imm[0]!))
      return
    }
    const held = this.#hold(value)
    use(() => this.#get(held))
    this.#spare.push(held)
  }

  #hold(value: Expr): number {
    this.#value(value)
    return this.#keep(value.type)
  }

  /** Moves the top of the stack to a local. */
  #keep(type: ValType = 'vec'): number {
    const at = this.#spare.findIndex((local) => (this.#typeOf(local) === 'i32') === (type === 'i32'))
    const local = at < 0 ? this.#local(type) : this.#spare.splice(at, 1)[0]!
    this.#set(local)
    return local
  }

  #typeOf(local: number): ValType {
    return this.#locals[local - this.#body.params.length]!
  }

  #local(type: ValType): number {
    return this.#body.params.length + this.#locals.push(type) - 1
  }

  #get(local: number): void {
    this.#push([0x20, ...u32(local)])
  }

  #set(local: number): void {
    this.#push([0x21, ...u32(local)])
  }

  #push(bytes: readonly number[]): void {
    for (const byte of bytes) this.#code.push(byte)
  }
}
