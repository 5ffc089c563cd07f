/** Micro-steps with made-up words: what the machine of the contracts is asked, and what it must answer. */
import { nasty } from '#arith/hard.ts'
import { type Layout, layout } from '#arith/layout.ts'
import { microStep, runMicroStep } from '#arith/microstep.ts'
import { elements } from '#arith/program.ts'
import type { ElementProgram, MicroStep, Source, Word } from '#arith/types.ts'
import type { Opened, StepCase } from '#contracts/testing/arithmetic.ts'

type Words = Record<number, Word>

/** Words for everything that a step needs, made up. Indices of gathers are mostly in range. */
class Opening {
  readonly traced: Words = {}
  readonly operands: Words[]
  readonly opened: Opened[] = []
  private readonly next: () => Word

  constructor(next: () => Word, operands: number) {
    this.next = next
    this.operands = Array.from({ length: operands }, () => ({}))
  }

  /** Gives a source its words; answers the source's own. */
  visit(source: Source, make: () => Word): Word {
    if (source.at === 'const') return source.bits
    if (source.at === 'trace') return this.word(this.traced, true, 0, source.index, make)
    const { operand, element, via } = source
    if (via === undefined) return this.word(this.operands[operand]!, false, operand, element, make)
    const { next } = this
    const limit = Math.min(Math.max(via.limit, 1), 2 ** 31)
    const index = this.visit(via.index, () => {
      const kind = next() % 8
      return kind === 0 ? nasty(next) : kind === 1 ? (limit - 1 + (next() % 3)) >>> 0 : next() % limit
    })
    if (index >= via.limit) return via.fill
    return this.word(this.operands[operand]!, false, operand, element + via.stride * index, make)
  }

  private word(words: Words, traced: boolean, operand: number, index: number, make: () => Word): Word {
    const known = words[index]
    if (known !== undefined) return known
    const made = make()
    words[index] = made
    this.opened.push({ traced, operand, index, word: made })
    return made
  }

  /** Adds words that look like the needed ones, in front. */
  mislead(): void {
    const word = this.next()
    const key = ({ traced, operand, index }: Opened): string => `${traced ? '' : operand} ${index}`
    const needed = new Set(this.opened.map(key))
    for (const one of [...this.opened]) {
      const alike = [
        { ...one, traced: !one.traced, word },
        { ...one, index: one.index + 2 ** 32, word },
        { ...one, operand: one.operand ^ 128, word },
      ]
      this.opened.unshift(...alike.filter((other) => !needed.has(key(other))))
    }
  }
}

/** Micro-step t of an element with made-up words, and the word that the TypeScript definition gives. */
export function stepCase(p: ElementProgram, element: number, t: number, next: () => Word): StepCase {
  const step = microStep(p, element, t)
  const opening = openingOf(p, step, next)
  const { traced, operands, opened } = opening
  // They are only indexed.
  const word = runMicroStep(step, traced, operands as unknown as Uint32Array[])
  if (next() % 4 === 0) opening.mislead()
  return { element, t, opened, word }
}

function openingOf(p: ElementProgram, step: MicroStep, next: () => Word): Opening {
  const opening = new Opening(next, 1 + p.loads.reduce((most, { operand }) => Math.max(most, operand), 0))
  // Small integers too: conditions, shifts and indices.
  for (const source of step.args) opening.visit(source, () => (next() % 4 === 0 ? next() % 40 : nasty(next)))
  return opening
}

/** Positions in a trace where something begins or ends, and some between. */
export function interesting(p: ElementProgram, next: () => Word, more: number): number[] {
  const found = layout(p)
  const { length } = found
  const edges = bounds(p, found).flatMap((t) => [t - 1, t, t + 1])
  const random = Array.from({ length: more }, () => Math.floor((next() / 2 ** 32) * length))
  return [...new Set([...edges, ...random])].filter((t) => t >= 0 && t < length).sort((a, b) => a - b)
}

function bounds(p: ElementProgram, { levels, finish, length }: Layout): number[] {
  const all = [0, finish, finish + p.finish.length, length]
  for (const { folds, foldLength, count, blocks, joins } of levels) {
    const items = [0, 1, 31, 32, 33, 511, 512, 513, 1024, 16383, 16384, 16385, 16416, count - 1, count]
    all.push(joins, ...items.map((item) => folds + Math.min(item, count) * foldLength))
    // The joins of every size of a tree, in the first block and in the last one.
    const trees = [0, 8, 16, 24, 28, 30, 31].flatMap((n) => [n, (blocks - 1) * 31 + n])
    all.push(...trees.map((n) => joins + n * p.join.length))
  }
  if (p.order === 'q16' || p.order === 'q24') {
    // One block of 256 positions, and the phases of the last one.
    const count = elements(p.loop)
    const blocks = Math.ceil(count / 256)
    const last = (blocks - 1) * 3079
    const rest = count - (blocks - 1) * 256
    all.push(
      3079,
      1024,
      1027,
      3075,
      last,
      last + 4 * rest,
      last + 4 * rest + 3,
      last + 12 * rest + 3,
      last + 12 * rest + 7,
    )
    all.push(last + 4, last + 4 * rest + 3 + 8)
  }
  return all
}

/** First, last and some random elements. */
export function someElements(p: ElementProgram, next: () => Word, more: number): number[] {
  const count = elements(p.out.shape)
  const random = Array.from({ length: more }, () => Math.floor((next() / 2 ** 32) * count))
  return [...new Set([0, count - 1, ...random])].filter((element) => element >= 0 && element < count)
}
