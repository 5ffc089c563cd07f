/** The building blocks behind a quantised contraction, in the order of its trace (docs/spec/arithmetic.md, Traces). */
import { NAN } from './blocks.ts'
import { QUANTISED_BLOCK, QUANTISED_BOUND } from './quantised.ts'
import type { Block, MicroStep, QuantisedBlock, QuantisedOrder, Source, Word } from './types.ts'

/** An argument of a block, seen from one position (or the one run) of a phase. */
type Operand =
  | { readonly from: 'load'; readonly n: 0 | 1 }
  | { readonly from: 'const'; readonly bits: Word }
  /** The largest magnitude of a quantised value. */
  | { readonly from: 'bound' }
  /** Result n of the same position. */
  | { readonly from: 'here'; readonly n: number }
  /** Result n of the position before; 0 at the first one of a block. */
  | { readonly from: 'before'; readonly n: number }
  /** Result n of an earlier phase's last position. */
  | { readonly from: 'phase'; readonly phase: number; readonly n: number }

interface Step {
  readonly block: Block | QuantisedBlock
  readonly args: readonly Operand[]
}

const load = (n: 0 | 1): Operand => ({ from: 'load', n })
const bits = (word: Word): Operand => ({ from: 'const', bits: word })
const BOUND: Operand = { from: 'bound' }
const here = (n: number): Operand => ({ from: 'here', n })
const before = (n: number): Operand => ({ from: 'before', n })
const of = (phase: number, n: number): Operand => ({ from: 'phase', phase, n })
const run = (block: Step['block'], ...args: Operand[]): Step => ({ block, args })

const MAGNITUDE = 0x7fffffff
const INFINITY = 0x7f800000

interface Phase {
  /** Runs at every position of the block, or once. */
  readonly each: boolean
  readonly steps: readonly Step[]
}

/** What is computed for one block of positions, phase by phase. */
const PHASES: readonly Phase[] = [
  {
    each: true, // the largest magnitudes: results 1 and 3
    steps: [
      run('and', load(0), bits(MAGNITUDE)),
      run('fmax', before(1), here(0)),
      run('and', load(1), bits(MAGNITUDE)),
      run('fmax', before(3), here(2)),
    ],
  },
  {
    each: false, // the shifts, and their sum
    steps: [run('qshift', of(0, 1), BOUND), run('qshift', of(0, 3), BOUND), run('iadd', here(0), here(1))],
  },
  {
    each: true, // the sum of products in two words: low 4, high 7
    steps: [
      run('f2q', load(0), of(1, 0)),
      run('f2q', load(1), of(1, 1)),
      run('imul', here(0), here(1)),
      run('imulh', here(0), here(1)),
      run('iadd', before(4), here(2)),
      run('ult', here(4), here(2)),
      run('iadd', before(7), here(3)),
      run('iadd', here(6), here(5)),
    ],
  },
  {
    each: false, // the block's value; NaN if a magnitude is not finite
    steps: [
      run('fmax', of(0, 1), of(0, 3)),
      run('flt', here(0), bits(INFINITY)),
      run('q2f', of(2, 7), of(2, 4), of(1, 2)),
      run('select', here(1), here(2), bits(NAN)),
    ],
  },
]

/** Where a phase starts, counted from the start of a block of `count` positions. */
function startOf(phase: number, count: number): number {
  let at = 0
  for (let i = 0; i < phase; i++) at += PHASES[i]!.steps.length * (PHASES[i]!.each ? count : 1)
  return at
}

const blockLength = (count: number): number => startOf(PHASES.length, count)

const blocksOf = (count: number): number => Math.ceil(count / QUANTISED_BLOCK)

/** Where the additions of block values start: after the blocks. The total is the last word before `length`, if any. */
export function quantisedLayout(count: number): { readonly joins: number; readonly length: number } {
  if (count === 0) return { joins: 0, length: 0 }
  const blocks = blocksOf(count)
  const joins = (blocks - 1) * blockLength(QUANTISED_BLOCK) + blockLength(count - (blocks - 1) * QUANTISED_BLOCK)
  return { joins, length: joins + blocks - 1 }
}

/**
 * The block whose result is word `t` of the trace of a contraction.
 * @param count loop positions
 * @param loaded where load n finds its word at a loop position
 */
export function quantisedStep(
  order: QuantisedOrder,
  count: number,
  t: number,
  loaded: (n: 0 | 1, position: number) => Source,
): MicroStep {
  const { joins } = quantisedLayout(count)
  const full = blockLength(QUANTISED_BLOCK)
  const resultOf = (block: number): number => Math.min((block + 1) * full, joins) - 1
  if (t >= joins) {
    return { block: 'fadd', args: [word(t === joins ? resultOf(0) : t - 1), word(resultOf(t - joins + 1))] }
  }
  const block = Math.min(Math.floor(t / full), blocksOf(count) - 1)
  const first = block * QUANTISED_BLOCK
  const positions = Math.min(count - first, QUANTISED_BLOCK)
  const begin = (phase: number): number => block * full + startOf(phase, positions)
  const phase = PHASES.findLastIndex((_, i) => t >= begin(i))
  const { steps } = PHASES[phase]!
  const position = Math.floor((t - begin(phase)) / steps.length)
  const start = begin(phase) + position * steps.length
  const source = (arg: Operand): Source => {
    switch (arg.from) {
      case 'const':
        return constant(arg.bits)
      case 'bound':
        return constant(QUANTISED_BOUND[order])
      case 'load':
        return loaded(arg.n, first + position)
      case 'here':
        return word(start + arg.n)
      case 'before':
        return position === 0 ? constant(0) : word(start - steps.length + arg.n)
      case 'phase': {
        const end = begin(arg.phase + 1)
        return word(end - PHASES[arg.phase]!.steps.length + arg.n)
      }
    }
  }
  const { block: name, args } = steps[t - start]!
  return { block: name, args: args.map(source) }
}

const constant = (bits: Word): Source => ({ at: 'const', bits })
const word = (index: number): Source => ({ at: 'trace', index })
