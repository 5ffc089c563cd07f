/** A scalar machine that runs the parts of one element program over real operands. */
import { fail } from '#proto/errors.ts'
import type { Registers } from './blocks.ts'
import { BLOCK_CODE, canonical, execute, INSTRUCTION, registers } from './blocks.ts'
import { checkProgram, dependsOnLoop, loadsOf, loopLoads } from './program.ts'
import type { Affine, Arg, ElementProgram, Straight, Word } from './types.ts'
import { MAX_STRAIGHT } from './types.ts'

interface LoadPlan {
  readonly n: number
  readonly words: Uint32Array
  readonly register: number
  readonly fill: Word
  /** Index of the address among the affines. */
  readonly at: number
  readonly guards: readonly { readonly affine: number; readonly below: number }[]
  readonly via: { readonly register: number; readonly stride: number; readonly limit: number } | undefined
}

/**
 * Coordinates are kept as an odometer, output axes first, then loop axes; the value of every affine (address or guard)
 * moves along with it, so that a position costs no multiplication.
 *
 * Registers: coordinates, loads, accumulator, other, constants, results.
 */
export class Machine {
  readonly #program: ElementProgram
  readonly #registers: Registers
  readonly #dims: readonly number[]
  readonly #outRank: number
  readonly #affines: Affine[] = []
  readonly #values: Float64Array
  /** What a move of one axis, with all axes to its right falling back to 0, adds to each affine. */
  readonly #moves: readonly Float64Array[]
  readonly #once: readonly LoadPlan[]
  readonly #each: readonly LoadPlan[]
  readonly #acc: number
  readonly #constants = new Map<Word, number>()
  readonly #results: number
  readonly #step: Int32Array
  readonly #join: Int32Array
  readonly #finish: Int32Array

  /** @throws `bad-program` or `over-limit` if the program is not valid for these operands */
  constructor(program: ElementProgram, operands: readonly Uint32Array[]) {
    checkProgram(
      program,
      operands.map((words) => words.length),
    )
    this.#program = program
    this.#dims = [...program.out.shape, ...program.loop]
    this.#outRank = program.out.shape.length
    this.#acc = this.#dims.length + program.loads.length
    this.#collectConstants()
    this.#results = this.#acc + 2 + this.#constants.size
    this.#registers = registers(this.#results + MAX_STRAIGHT)
    for (const [bits, register] of this.#constants) this.#registers.u32[register] = bits

    const plans = program.loads.map((_, n) => this.#plan(n, operands))
    const inLoop = loopLoads(program)
    const fixed = inLoop.filter((n) => !dependsOnLoop(program, n))
    const once = new Set([...fixed, ...loadsOf(program, program.finish)])
    this.#once = plans.filter((plan) => once.has(plan.n))
    this.#each = plans.filter((plan) => inLoop.includes(plan.n) && !once.has(plan.n))
    this.#values = Float64Array.from(this.#affines, (affine) => affine.base)
    this.#moves = this.#dims.map((_, axis) => Float64Array.from(this.#affines, (affine) => this.#move(affine, axis)))

    this.#step = this.#assemble(program.step)
    this.#join = this.#assemble(program.join)
    this.#finish = this.#assemble(program.finish)
  }

  /** Goes to the first loop position of output element `element` (row-major) and brings the words that stay. */
  seek(element: number): void {
    const { u32 } = this.#registers
    let rest = element
    for (let axis = this.#dims.length - 1; axis >= 0; axis--) {
      const dim = this.#dims[axis]!
      u32[axis] = axis < this.#outRank ? rest % dim : 0
      if (axis < this.#outRank) rest = Math.floor(rest / dim)
    }
    for (const [i, { base, strides }] of this.#affines.entries()) {
      this.#values[i] = strides.reduce((sum, stride, axis) => sum + stride * u32[axis]!, base)
    }
    this.#bring(this.#once)
  }

  /** Goes to the next output element; the loop must be at its first position, where it is after a whole pass. */
  nextElement(): void {
    this.#advance(0, this.#outRank)
    this.#bring(this.#once)
  }

  /** One loop position: the new accumulator. Moves on to the next position, from the last one to the first. */
  step(acc: Word, record?: Recorder): Word {
    this.#bring(this.#each)
    this.#registers.u32[this.#acc] = acc
    const value = this.#run(this.#step, record)
    this.#advance(this.#outRank, this.#dims.length)
    return value
  }

  /** The words of loads 0 and 1 at one loop position, which a quantised order contracts. Moves on as `step` does. */
  factors(): readonly [Word, Word] {
    this.#bring(this.#each)
    const { u32 } = this.#registers
    const found = [u32[this.#dims.length]!, u32[this.#dims.length + 1]!] as const
    this.#advance(this.#outRank, this.#dims.length)
    return found
  }

  join(acc: Word, other: Word, record?: Recorder): Word {
    this.#registers.u32[this.#acc] = acc
    this.#registers.u32[this.#acc + 1] = other
    return this.#run(this.#join, record)
  }

  /** From the total to the word that is stored. */
  finish(total: Word, record?: Recorder): Word {
    let value = total
    if (this.#finish.length > 0) {
      this.#registers.u32[this.#acc] = total
      value = this.#run(this.#finish, record)
    }
    if (this.#program.out.dtype !== 'f32') return value
    const stored = canonical(value)
    record?.push(stored)
    return stored
  }

  #run(code: Int32Array, record: Recorder | undefined): Word {
    execute(code, this.#registers)
    const count = code.length / INSTRUCTION
    const { u32 } = this.#registers
    if (record !== undefined) for (let i = 0; i < count; i++) record.push(u32[this.#results + i]!)
    return u32[this.#results + count - 1]!
  }

  #bring(plans: readonly LoadPlan[]): void {
    const { u32 } = this.#registers
    const values = this.#values
    next: for (let i = 0; i < plans.length; i++) {
      const { n, words, register, fill, at, guards, via } = plans[i]!
      for (let g = 0; g < guards.length; g++) {
        const { affine, below } = guards[g]!
        const value = values[affine]!
        if (value < 0 || value >= below) {
          u32[register] = fill
          continue next
        }
      }
      let address = values[at]!
      if (via !== undefined) {
        // Read as i32; a negative index is a large one as u32.
        const index = u32[via.register]!
        if (index >= via.limit) {
          u32[register] = fill
          continue
        }
        address += via.stride * index
      }
      const word = words[address]
      if (word === undefined) {
        fail('bad-program', `load ${n} reads word ${address} of an operand of ${words.length}`)
      }
      u32[register] = word
    }
  }

  /** Turns the odometer by one within axes `from..to-1`, the last one fastest; it wraps around. */
  #advance(from: number, to: number): void {
    const { u32 } = this.#registers
    const values = this.#values
    for (let axis = to - 1; axis >= from; axis--) {
      const turned = u32[axis]! + 1
      const wraps = turned === this.#dims[axis]
      u32[axis] = wraps ? 0 : turned
      if (wraps && axis > from) continue
      const moves = this.#moves[axis]!
      const wrapped = wraps ? this.#dims[axis]! : 0
      for (let i = 0; i < values.length; i++)
        values[i] = values[i]! + moves[i]! - wrapped * this.#affines[i]!.strides[axis]!
      return
    }
  }

  #move({ strides }: Affine, axis: number): number {
    const end = axis < this.#outRank ? this.#outRank : this.#dims.length
    let by = strides[axis]!
    for (let right = axis + 1; right < end; right++) by -= strides[right]! * (this.#dims[right]! - 1)
    return by
  }

  #plan(n: number, operands: readonly Uint32Array[]): LoadPlan {
    const load = this.#program.loads[n]!
    const guards = (load.guard ?? []).map((guard) => ({ affine: this.#affines.push(guard) - 1, below: guard.below }))
    const via = load.via
    return {
      n,
      words: operands[load.operand]!,
      register: this.#dims.length + n,
      fill: load.fill,
      at: this.#affines.push(load.at) - 1,
      guards,
      via: via && { register: this.#dims.length + via.load, stride: via.stride, limit: via.limit },
    }
  }

  #collectConstants(): void {
    const { step, join, finish } = this.#program
    for (const { args } of [...step, ...join, ...finish]) {
      for (const arg of args) {
        if (arg.from === 'const' && !this.#constants.has(arg.bits)) {
          this.#constants.set(arg.bits, this.#acc + 2 + this.#constants.size)
        }
      }
    }
  }

  #assemble(straight: Straight): Int32Array {
    const code = new Int32Array(straight.length * INSTRUCTION)
    for (const [i, { block, args }] of straight.entries()) {
      code.set([BLOCK_CODE[block], this.#results + i, ...args.map((arg) => this.#register(arg))], i * INSTRUCTION)
    }
    return code
  }

  #register(arg: Arg): number {
    switch (arg.from) {
      case 'axis':
        return arg.n
      case 'load':
        return this.#dims.length + arg.n
      case 'acc':
        return this.#acc
      case 'other':
        return this.#acc + 1
      case 'const':
        return this.#constants.get(arg.bits)!
      case 'instr':
        return this.#results + arg.n
    }
  }
}

/** Receives the result of every block that runs. */
export interface Recorder {
  push(word: Word): void
}
