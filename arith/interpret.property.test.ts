import { expect, test } from 'vitest'
import { evaluate } from './blocks.ts'
import { decodeProgram, encodeProgram } from './encode.ts'
import { interpret } from './interpret.ts'
import { traceLength } from './layout.ts'
import { microStep, runMicroStep } from './microstep.ts'
import { elements } from './program.ts'
import { words } from './testing.ts'
import { convolution, floats, gather, matmul, naive, randomProgram, scatterAdd, sum } from './testing-programs.ts'
import { trace } from './trace.ts'
import type { ElementProgram, Word } from './types.ts'

const SEED = 7_031
const add = (a: Word, b: Word): Word => evaluate('fadd', [a, b])
const fma = (a: Word, b: Word, c: Word): Word => evaluate('ffma', [a, b, c])

/** The trace ends in the element, and its micro-steps, each from the words before it, are the trace. */
function expectTraced(p: ElementProgram, operands: readonly Uint32Array[], element: number, stored: Word): void {
  const traced = trace(p, operands, element)
  expect(traced.length).toBe(traceLength(p))
  if (p.finish.length > 0 || p.out.dtype === 'f32') expect(traced.at(-1)).toBe(stored)
  for (let t = 0; t < traced.length; t++) {
    const found = runMicroStep(microStep(p, element, t), traced.subarray(0, t), operands)
    if (found !== traced[t]) expect({ t, found }).toEqual({ t, found: traced[t] })
  }
}

test(`a contraction of 1300 is three chains (seed ${SEED})`, () => {
  const next = words(SEED)
  const [m, n, k] = [2, 3, 1300]
  const [a, b] = [floats(next, m * k), floats(next, k * n)]
  const out = interpret(matmul(m, n, k), [a, b])
  for (let i = 0; i < m * n; i++) {
    const totals: Word[] = []
    for (let x = 0; x < k; x++) {
      if (x % 512 === 0) totals.push(0)
      totals.push(fma(a[Math.floor(i / n) * k + x]!, b[x * n + (i % n)]!, totals.pop()!))
    }
    expect(totals.length).toBe(3)
    expect(out[i]).toBe(totals.reduce(add))
  }
  expectTraced(matmul(m, n, k), [a, b], 4, out[4]!)
})

test(`a sum of 20,000 is two lane trees and a third over their values (seed ${SEED})`, () => {
  const x = floats(words(SEED), 20_000)
  const tree = (items: Uint32Array): Word => {
    const lanes = new Uint32Array(32)
    for (const [i, item] of items.entries()) lanes[i % 32] = add(lanes[i % 32]!, item)
    for (let half = 16; half > 0; half >>= 1) {
      for (let i = 0; i < half; i++) lanes[i] = add(lanes[i]!, lanes[i + half]!)
    }
    return lanes[0]!
  }
  const wanted = tree(Uint32Array.of(tree(x.subarray(0, 16384)), tree(x.subarray(16384))))
  expect([...interpret(sum(1, 20_000), [x])]).toEqual([wanted])
  expectTraced(sum(1, 20_000), [x], 0, wanted)
})

test(`gather reads rows, and its fill for rows that do not exist (seed ${SEED})`, () => {
  const table = floats(words(SEED), 5 * 3)
  const index = Uint32Array.of(4, 0, 5, 0xffffffff, 2)
  const p = gather(5, 3, 5)
  const out = interpret(p, [table, index])
  const row = (i: number): number[] => [...table.subarray(i * 3, i * 3 + 3)]
  expect([...out]).toEqual([...row(4), ...row(0), 0, 0, 0, 0, 0, 0, ...row(2)])
  for (let i = 0; i < out.length; i++) expectTraced(p, [table, index], i, out[i]!)
})

test(`scatter-add sums in source order and drops what has no row (seed ${SEED})`, () => {
  const next = words(SEED)
  const [rows, width, count] = [4, 2, 700]
  const updates = floats(next, count * width)
  const index = Uint32Array.from({ length: count }, () => next() % 6)
  const p = scatterAdd(rows, width, count)
  const blocks = [0, 512].map((start) => {
    const sums = new Uint32Array(rows * width)
    for (let i = start; i < Math.min(start + 512, count); i++) {
      for (let c = 0; c < width && index[i]! < rows; c++) {
        const to = index[i]! * width + c
        sums[to] = add(sums[to]!, updates[i * width + c]!)
      }
    }
    return sums
  })
  const wanted = blocks[0]!.map((value, i) => add(value, blocks[1]![i]!))
  expect(interpret(p, [updates, index])).toEqual(wanted)
  expectTraced(p, [updates, index], 3, wanted[3]!)
})

test(`a padded 3x3 convolution (seed ${SEED})`, () => {
  const next = words(SEED)
  const [n, h, w, c, o] = [2, 4, 5, 3, 2]
  const [x, k] = [floats(next, n * h * w * c), floats(next, 9 * c * o)]
  const p = convolution(n, h, w, c, o)
  const out = interpret(p, [x, k])
  let i = 0
  for (let b = 0; b < n; b++) {
    for (let row = 0; row < h; row++) {
      for (let column = 0; column < w; column++) {
        for (let to = 0; to < o; to++, i++) {
          let acc: Word = 0
          for (let dy = 0; dy < 3; dy++) {
            for (let dx = 0; dx < 3; dx++) {
              for (let from = 0; from < c; from++) {
                const [y, z] = [row + dy - 1, column + dx - 1]
                const inside = y >= 0 && y < h && z >= 0 && z < w
                const pixel = inside ? x[((b * h + y) * w + z) * c + from]! : 0
                acc = fma(pixel, k[((dy * 3 + dx) * c + from) * o + to]!, acc)
              }
            }
          }
          expect(out[i]).toBe(evaluate('fmax', [acc, 0]))
        }
      }
    }
  }
  for (const element of [0, 17, out.length - 1]) expectTraced(p, [x, k], element, out[element]!)
})

test(`random programs: interpreter, naive run, traces, micro-steps and encoding agree (seed ${SEED})`, () => {
  const next = words(SEED)
  for (let i = 0; i < 1500; i++) {
    const { program, operands } = randomProgram(next)
    const decoded = decodeProgram(encodeProgram(program))
    expect(decoded).toEqual(program)
    const out = interpret(decoded, operands)
    const count = elements(program.out.shape)
    expect(out.length).toBe(count)
    for (let element = 0; element < count; element++) expect(out[element]).toBe(naive(program, operands, element))
    const element = next() % count
    expectTraced(program, operands, element, out[element]!)
  }
})

test('a long reduction in three levels of blocks has a closed layout', () => {
  // 16,384 * 16,384 + 1 positions: too many to run, not too many to name.
  const p: ElementProgram = { ...sum(1, 1), loop: [16384, 16385] }
  const last = traceLength(p) - 1
  expect(microStep(p, 0, last).block).toBe('canon')
  expect(microStep(p, 0, last - 1)).toEqual({
    block: 'fadd',
    args: [
      { at: 'trace', index: last - 3 },
      { at: 'trace', index: last - 2 },
    ],
  })
})
