/** Chance of the attackers and of the chain, from a seed. */
import seedrandom from 'seedrandom'
import { sha256 } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'

export type Random = () => number

export const randomOf = (...names: readonly (string | number)[]): Random => seedrandom(names.join(' '))

/** 32 bytes that nobody foresees. */
export const hashOf = (...names: readonly (string | number)[]): Hash =>
  sha256(new TextEncoder().encode(names.join(' ')))
