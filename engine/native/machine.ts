/** What instruction selection produces: instructions over virtual registers, in linear order with the regions they lie in. */
import type { Assembler } from './assembler.ts'

/** Sets of vector instructions: AVX2 with fma, AVX-512 F, BW, DQ and VL, and the latter with VNNI. */
export type Isa = 'avx2' | 'avx512' | 'avx512-vnni'

/** General (i32), vector, or opmask register. AVX2 keeps masks in vectors. */
export type RegisterClass = 'general' | 'vector' | 'opmask'

export interface Instruction {
  /** Virtual registers that are read, then those that are written. */
  readonly uses: readonly number[]
  readonly defs: readonly number[]
  /** Written before the last read: needs registers of its own. Temporaries are defs of this kind that nobody uses. */
  readonly early: boolean
  /** Nothing stays in a register across it. */
  readonly call: boolean
  /** @param r the machine register of a virtual one; several may share one if `early` is not set */
  readonly emit: (asm: Assembler, r: (virtual: number) => number) => void
}

/** A function body, a loop, or a branch. */
export interface Region {
  readonly parent: Region | null
  readonly loop: boolean
  readonly depth: number
  /** Index of its first instruction, and of the last one. */
  readonly start: number
  end: number
}

export interface VirtualCode {
  readonly classes: readonly RegisterClass[]
  /** The first of them are the parameters. */
  readonly params: number
  readonly instructions: readonly Instruction[]
  readonly root: Region
  /** The innermost region of each instruction. */
  readonly regions: readonly Region[]
}
