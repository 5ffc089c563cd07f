/** Simplification and inlining keep the value of a straight program. */
import { expect, test } from 'vitest'
import { ARITY, BLOCKS, evaluate } from '#arith/blocks.ts'
import type { Arg, Instr, Straight, Word } from '#arith/types.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { compact, Folder, inline } from './straight.ts'
import { seeds } from './testing.ts'

/** Words that f32 tensors may hold, some of them integers' favourites. */
const WORDS = [0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0x7fc00000, 0x00800000, 0x4b000001, 0x40490fdb]

function execute(program: Straight, loads: readonly Word[]): Word {
  const results: Word[] = []
  for (const { block, args } of program) {
    const words = args.map((arg) => {
      if (arg.from === 'load') return loads[arg.n] as Word
      if (arg.from === 'instr') return results[arg.n] as Word
      return arg.from === 'const' ? arg.bits : 3
    })
    results.push(evaluate(block, words))
  }
  return results.at(-1) as Word
}

function randomProgram(random: SeededRandom, loads: number, length: number): Straight {
  const program: Instr[] = []
  for (let i = 0; i < length; i++) {
    const block = random.pick(BLOCKS)
    const args = Array.from({ length: ARITY[block] }, (): Arg => {
      const kind = random.below(4)
      if (kind === 0) return { from: 'const', bits: random.pick(WORDS) }
      if (kind === 1 || i === 0) return { from: 'load', n: random.below(loads) }
      return { from: 'instr', n: random.below(i) }
    })
    program.push({ block, args })
  }
  return program
}

test.each(seeds(200))('a simplified program has the same value, seed %i', (seed) => {
  const random = seededRandom(seed)
  const program = randomProgram(random, 3, 1 + random.below(20))
  const folder = new Folder()
  const result = folder.append(program, (arg) => arg)
  const { program: simple, inputs } = compact({ program: folder.finish(result, false), inputs: [10, 11, 12] })
  expect(simple.length).toBeLessThanOrEqual(program.length)
  for (let k = 0; k < 5; k++) {
    const words = [0, 1, 2].map(() => random.pick(WORDS))
    const placed = inputs.map((id) => words[id - 10] as Word)
    expect(execute(simple, placed)).toBe(execute(program, words))
  }
})

test.each(seeds(100))('an inlined producer gives what its stored value would, seed %i', (seed) => {
  const random = seededRandom(seed)
  const producer = { program: randomProgram(random, 2, 1 + random.below(8)), inputs: [10, 11] }
  const consumer = { program: randomProgram(random, 3, 1 + random.below(8)), inputs: [11, 50, 12] }
  const merged = inline(consumer, 50, producer, (n) => ({ from: 'axis', n }), false)
  for (let k = 0; k < 5; k++) {
    const words: Record<number, Word> = { 10: random.pick(WORDS), 11: random.pick(WORDS), 12: random.pick(WORDS) }
    const read = (inputs: readonly number[]) => inputs.map((id) => words[id] as Word)
    words[50] = execute(producer.program, read(producer.inputs))
    const expected = execute(consumer.program, read(consumer.inputs))
    expect(execute(merged.program, read(merged.inputs))).toBe(expected)
  }
})
