/** What the tests of this folder share: seeded words, an independent definition of binary32, short program syntax. */
import type { Arg, Instr, Word } from './types.ts'

export { float, fmaOperands, nasty, word, words } from './hard.ts'

export const load = (n: number): Arg => ({ from: 'load', n })
export const instr = (n: number): Arg => ({ from: 'instr', n })
export const axis = (n: number): Arg => ({ from: 'axis', n })
export const bits = (word: Word): Arg => ({ from: 'const', bits: word })
export const acc: Arg = { from: 'acc' }
export const other: Arg = { from: 'other' }
export const run = (block: Instr['block'], ...args: Arg[]): Instr => ({ block, args })
