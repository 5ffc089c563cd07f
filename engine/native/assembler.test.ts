/** The assembler agrees with GNU as, byte for byte; labels and constants end up where they are meant to. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Assembler } from './assembler.ts'
import { broadcast, imm, mem, merged, type Operand, R12, RAX, RCX, RSP, zeroed } from './x86/operands.ts'
import { groups } from './x86/testing.ts'

const golden = new Map(
  readFileSync(new URL('./x86/golden.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(': ') as [string, string]),
)

describe('encodings', () => {
  const all = [...groups()]

  it('are those of GNU as', () => {
    expect(all.map(({ name }) => name)).toEqual([...golden.keys()])
    const wrong = all.flatMap(({ name, cases }) => {
      const expected = golden.get(name)!.split(' ')
      expect(expected.length, name).toBe(cases.length)
      return cases.flatMap(({ text, emit }, i) => {
        const assembler = new Assembler()
        const start = assembler.label()
        assembler.bind(start)
        emit(assembler, start)
        const found = Buffer.from(assembler.finish()).toString('hex')
        return found === expected[i] ? [] : [`${text}: ${found}, not ${expected[i]}`]
      })
    })
    expect(wrong).toEqual([])
    expect(all.flatMap(({ cases }) => cases).length).toBeGreaterThan(3000)
  })
})

/** The bytes that `emit` makes, in hex. */
function bytes(emit: (assembler: Assembler) => void): string {
  const assembler = new Assembler()
  emit(assembler)
  return Buffer.from(assembler.finish()).toString('hex')
}

describe('labels', () => {
  it('are reached backwards and forwards from the end of the instruction', () => {
    const code = bytes((a) => {
      const [start, end] = [a.label(), a.label()]
      a.bind(start)
      a.jcc('ne', end)
      a.call(start)
      a.jmp(end)
      a.gpr('lea', 64, RAX, a.at(start, 2))
      a.bind(end)
      a.op('ret')
    })
    expect(code).toBe(['0f8511000000', 'e8f5ffffff', 'e907000000', '488d05ebffffff', 'c3'].join(''))
  })

  it('must be bound, and once', () => {
    expect(() => bytes((a) => a.jmp(a.label()))).toThrow('not bound')
    const twice = (a: Assembler, label = a.label()) => [label, label].map((one) => a.bind(one))
    expect(() => bytes((a) => twice(a))).toThrow('bound twice')
  })

  it('are reached over the immediate that follows the address', () => {
    const code = bytes((a) => {
      const data = a.label()
      a.gpr('cmp', 32, a.at(data), imm(1))
      a.vec('vcmpps.k', 512, 1, 17, broadcast(a.at(data)), imm(2))
      a.bind(data)
    })
    expect(code).toBe(['833d0b00000001', '62f17450c20d0000000002'].join(''))
  })
})

describe('constants', () => {
  it('follow the code, the largest first, each once and aligned to its size', () => {
    const code = bytes((a) => {
      a.vec('vaddps', 128, 0, 1, a.constant(new Uint8Array(16).fill(1)))
      a.fix('vmovss', 0, a.constant(Uint8Array.of(1, 2, 3, 4)))
      a.vec('vaddps', 512, 0, 1, a.constant(new Uint8Array(64).fill(7)))
      a.vec('vaddps', 128, 0, 1, a.constant(new Uint8Array(16).fill(1)))
    })
    const filled = (value: number, count: number) => Buffer.alloc(count, value).toString('hex')
    expect(code).toBe(
      [
        'c5f0580578000000',
        'c5fa100580000000',
        '62f1744858052600',
        '0000',
        'c5f058055e000000',
        filled(0xcc, 64 - 34),
        filled(7, 64),
        filled(1, 16),
        '01020304',
      ].join(''),
    )
  })

  it('have a power of two of bytes', () => {
    for (const size of [0, 3, 128])
      expect(() => bytes((a) => a.constant(new Uint8Array(size)))).toThrow('a constant of')
  })
})

describe('alignment', () => {
  it('fills up with long nops', () => {
    for (let length = 0; length <= 64; length++) {
      const assembler = new Assembler()
      for (let i = 0; i < length; i++) assembler.op('ret')
      assembler.align(32)
      expect(assembler.length).toBe(Math.ceil(length / 32) * 32)
    }
    const aligned = bytes((a) => [a.op('ret'), a.align(16)])
    expect(aligned).toBe(['c3', '660f1f840000000000', '660f1f440000'].join(''))
  })
})

describe('code', () => {
  it('grows past its first buffer', () => {
    const code = bytes((a) => {
      for (let i = 0; i < 5000; i++) a.gpr('mov', 64, RAX, imm(0x1122334455667788n))
    })
    expect(code).toBe('48b88877665544332211'.repeat(5000))
  })
})

describe('immediates', () => {
  it('of 32-bit operations are words of either reading', () => {
    expect(bytes((a) => a.gpr('cmp', 32, RCX, imm(0xffffffff)))).toBe('83f9ff')
    expect(bytes((a) => a.gpr('cmp', 32, RCX, imm(0x80000000)))).toBe('81f900000080')
  })
})

describe('operands that no form takes', () => {
  const vector =
    (...operands: Operand[]) =>
    () =>
      bytes((a) => a.vec('vaddps', 256, ...operands))
  it.each([
    ['a register out of range', vector(0, 1, 32)],
    ['an opmask out of range', vector(merged(0, 8), 1, 2)],
    ['too few', vector(0, 1)],
    ['an immediate', vector(0, 1, imm(1))],
    ['memory as a destination', vector(mem(RAX), 0, 1)],
    ['rsp as an index', vector(0, 1, mem(RAX, 0, RSP))],
    ['a size it does not have', () => bytes((a) => a.vec('vinsertf64x4', 256, 0, 1, 2, imm(1)))],
    ['an opmask on VEX alone', () => bytes((a) => a.vec('vpxor', 256, zeroed(0, 1), 1, 2))],
    ['a broadcast it does not have', () => bytes((a) => a.vec('vpshufb', 512, 0, 1, broadcast(mem(RAX))))],
    ['an immediate of more than 32 bits', () => bytes((a) => a.gpr('add', 64, RAX, imm(2 ** 32)))],
    ['a shift of 256', () => bytes((a) => a.vec('vpslld', 512, 1, 2, imm(256)))],
    ['an opmask on a source', vector(0, merged(1, 1), 2)],
    ['zeros in memory', () => bytes((a) => a.vec('vmovups', 512, { to: mem(RAX), mask: 1, zero: true }, 0))],
    ['zeros in an opmask', () => bytes((a) => a.vec('vptestmd', 512, zeroed(1, 2), 3, 4))],
    ['a gather without its opmask', () => bytes((a) => a.vec('vgatherdps', 512, 0, mem(RAX, 0, 1, 4)))],
    ['a base out of range', vector(0, 1, mem(16))],
    ['half a byte', () => bytes((a) => a.gpr('add', 64, RAX, imm(0.5)))],
    ['a word of more than 64 bits', () => bytes((a) => a.gpr('mov', 64, RAX, imm(1n << 64n)))],
    ['a displacement of more than 32 bits', () => bytes((a) => a.gpr('lea', 64, RAX, mem(R12, 2 ** 31)))],
  ])('%s', (_name, emit) => {
    expect(emit).toThrow(expect.objectContaining({ code: 'internal' }))
  })
})
