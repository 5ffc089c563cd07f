/** JavaScript calls machine code that was emitted here, in one thread and in several, on memory that they share. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Memory } from '../compiled/memory.ts'
import { Assembler } from './assembler.ts'
import { type CodeBlock, unsupported } from './host.ts'
import { type Gate, gate } from './testing.ts'
import type { Task } from './testing-worker.ts'
import { imm, mem, RAX, RCX, RDI, RDX, RSI } from './x86/operands.ts'

const { host, why }: Gate = await gate()

/** The code that `emit` makes, mapped until the test ends. */
function mapped(emit: (asm: Assembler) => void): CodeBlock {
  const asm = new Assembler()
  emit(asm)
  const block = host!.map(asm.finish())
  onTestFinished(() => block.close())
  return block
}

describe.skipIf(!host)(`native code${why}`, () => {
  it('is called with integers and addresses of 64 bits', () => {
    const { address } = mapped((asm) => {
      asm.gpr('lea', 64, RAX, mem(RDI, 5, RSI, 2))
      asm.gpr('sub', 64, RAX, RDX)
      asm.op('ret')
    })
    const f = host!.bind(address, 3)
    expect(f(1, 2, 3)).toBe(7)
    expect(f(2 ** 40, -(2 ** 20), 0)).toBe(2 ** 40 - 2 ** 21 + 5)
    expect(f(0, 0, 6)).toBe(-1)
  })

  it('takes arguments beyond the sixth from the stack', () => {
    const { address } = mapped((asm) => {
      asm.gpr('mov', 64, RAX, mem(4, 8))
      asm.gpr('shl', 64, RAX, imm(8))
      asm.gpr('add', 64, RAX, mem(4, 16))
      asm.op('ret')
    })
    expect(host!.bind(address, 8)(0, 1, 2, 3, 4, 5, 6, 7)).toBe(6 * 256 + 7)
  })

  it('is executable and never writable, and its memory is given back', () => {
    const asm = new Assembler()
    asm.op('ret')
    const block = host!.map(asm.finish())
    const line = () =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .find((text) => covers(text, block.address))
    expect(block.address % 4096).toBe(0)
    expect(line()).toMatch(/^\S+ r-xp /)
    block.close()
    block.close()
    expect(line()).toBeUndefined()
  })

  it('finds a shared memory at one address, also after it has grown', () => {
    const memory = new Memory()
    const { address } = mapped(emitSum)
    const sum = host!.bind(address, 2)
    const before = host!.addressOf(new Uint8Array(memory.shared.buffer))
    const words = 1 << 20
    const at = memory.alloc(words * 4)
    expect(host!.addressOf(new Uint8Array(memory.shared.buffer))).toBe(before)
    expect(host!.addressOf(new Uint8Array(memory.shared.buffer, at))).toBe(before + at)
    memory.words(at, words)[0] = 7
    memory.words(at, words)[words - 1] = 35
    expect(sum(before + at, words)).toBe(42)
  })

  it('runs in several threads at one address, on the same memory', async () => {
    const memory = new Memory()
    const { address } = mapped(emitSum)
    const count = 1000
    const words = memory.words(0, count)
    for (let i = 0; i < count; i++) words[i] = i * i
    const task: Task = { code: address, memory: memory.shared.buffer, count }
    const answers = await Promise.all([0, 1].map(() => ask(task)))
    const own = host!.addressOf(new Uint8Array(memory.shared.buffer))
    const result = (count * (count - 1) * (2 * count - 1)) / 6
    expect(answers).toEqual([
      { address: own, result },
      { address: own, result },
    ])
  })

  it('must not be empty', () => {
    expect(() => host!.map(new Uint8Array(0))).toThrow('no code')
  })
})

describe('other machines', () => {
  it('are refused with the reason', () => {
    expect(unsupported('linux', 'x64')).toBeUndefined()
    expect(unsupported('linux', 'arm64')).toContain('linux on arm64')
    expect(unsupported('win32', 'x64')).toContain('Linux on x64 only')
  })
})

/** (address, count): the sum of 32-bit words. */
function emitSum(asm: Assembler): void {
  const [loop, end] = [asm.label(), asm.label()]
  asm.gpr('xor', 32, RAX, RAX)
  asm.bind(loop)
  asm.gpr('test', 64, RSI, RSI)
  asm.jcc('e', end)
  asm.gpr('mov', 32, RCX, mem(RDI, -4, RSI, 4))
  asm.gpr('add', 64, RAX, RCX)
  asm.gpr('dec', 64, RSI)
  asm.jmp(loop)
  asm.bind(end)
  asm.op('ret')
}

async function ask(workerData: Task): Promise<unknown> {
  const worker = new Worker(new URL('./testing-worker.ts', import.meta.url), { workerData })
  const failed = once(worker, 'error').then(([error]) => Promise.reject(error))
  const [answer] = await Promise.race([once(worker, 'message'), failed])
  await worker.terminate()
  return answer
}

/** Whether a line of /proc/self/maps covers the address. */
function covers(line: string, address: number): boolean {
  const [from = 0, to = 0] = (line.split(' ')[0] ?? '').split('-').map((text) => Number.parseInt(text, 16))
  return from <= address && address < to
}
