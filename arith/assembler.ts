/** Writes straight-line programs: each emitted block gives the argument that names its result. */
import { fail } from '#proto/errors.ts'
import { ARITY } from './blocks.ts'
import type { Arg, Block, Instr, Straight, Word } from './types.ts'
import { MAX_STRAIGHT } from './types.ts'

export class Asm {
  readonly #code: Instr[] = []

  /** Blocks emitted so far. */
  get length(): number {
    return this.#code.length
  }

  /**
   * Appends a block and returns its result as an argument.
   * @throws `bad-program` for a wrong number of arguments, `over-limit` past `MAX_STRAIGHT` blocks
   */
  emit(block: Block, ...args: Arg[]): Arg {
    if (args.length !== ARITY[block])
      fail('bad-program', `${block} takes ${ARITY[block]} arguments, not ${args.length}`)
    if (this.#code.length === MAX_STRAIGHT) {
      fail('over-limit', `a straight program has at most ${MAX_STRAIGHT} blocks`, {
        next: 'Split the chain into two elementwise primitives.',
      })
    }
    return { from: 'instr', n: this.#code.push({ block, args }) - 1 }
  }

  /** The program so far; its value is that of the last emitted block. */
  code(): Straight {
    return [...this.#code]
  }
}

/** A constant argument from its bit pattern. */
export function bits(word: Word): Arg {
  return { from: 'const', bits: word }
}

const f32 = new Float32Array(1)
const u32 = new Uint32Array(f32.buffer)

/** A constant argument that holds the binary32 nearest to `value`. */
export function float(value: number): Arg {
  f32[0] = value
  return bits(Number.isNaN(value) ? 0x7fc00000 : u32[0]!)
}
