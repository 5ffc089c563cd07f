/** Operands of x86-64 instructions: registers are plain numbers, everything else is built by the functions below. */

export const [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI] = [0, 1, 2, 3, 4, 5, 6, 7] as const
export const [R8, R9, R10, R11, R12, R13, R14, R15] = [8, 9, 10, 11, 12, 13, 14, 15] as const

/** A place in the code: made by `Assembler.label`, set by `Assembler.bind`. */
export interface Label {
  /** Its offset in bytes, once bound. */
  at: number | undefined
}

/**
 * A memory operand: base + index * scale + disp, or a label + disp (relative to rip), or index * scale + disp.
 * In gathers and scatters `index` is a vector register.
 */
export interface Mem {
  readonly base: number | null
  readonly index?: number
  readonly scale?: 1 | 2 | 4 | 8
  /** Bytes, signed 32 bits. */
  readonly disp: number
  readonly label?: Label
  /** EVEX: one element is loaded and repeated in each lane. */
  readonly broadcast?: boolean
}

export interface Imm {
  readonly imm: number | bigint
}

/** A destination under an opmask. */
export interface Masked {
  readonly to: number | Mem
  /** Opmask register, 1 to 7. */
  readonly mask: number
  /** Lanes without a mask bit become zero; otherwise they keep what the destination held. */
  readonly zero: boolean
}

export type Operand = number | Mem | Imm | Masked

/** The memory at base + index * scale + disp. */
export function mem(base: number, disp = 0, index?: number, scale: 1 | 2 | 4 | 8 = 1): Mem {
  return index === undefined ? { base, disp } : { base, disp, index, scale }
}

/** One element of memory (32 or 64 bits, as the instruction has it), repeated in each lane: EVEX only. */
export const broadcast = (place: Mem): Mem => ({ ...place, broadcast: true })

/** An immediate operand. */
export const imm = (value: number | bigint): Imm => ({ imm: value })

/** Destination `to` under opmask `mask`: lanes without a bit keep their value, or become zero. */
export const masked = (to: number | Mem, mask: number, zero: boolean): Masked => ({ to, mask, zero })

/** Destination `to` under opmask `mask`: lanes without a bit keep their value. */
export const merged = (to: number | Mem, mask: number): Masked => ({ to, mask, zero: false })

/** Destination `to` under opmask `mask`: lanes without a bit become zero. */
export const zeroed = (to: number, mask: number): Masked => ({ to, mask, zero: true })
