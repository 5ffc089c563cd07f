/** What stands between an attacker and its pay. Without any of it remains plain proof of learning, as of Jia et al. 2021. */

/**
 * What each one does; in brackets what plain proof of learning does instead.
 * - `init`: the initial state is that of the job's seed (its words are distributed as they should be)
 * - `order`: the records of a step follow from the seed (the solver names and serves them)
 * - `length`: number of entries, steps of an entry and learning rate are the job's (the solver's)
 * - `replay`: the verifier replays exactly (on hardware of its own that rounds in its own way)
 * - `relative`: distances are shares of the update (absolute)
 * - `random`: random entries are replayed, and the largest update of each epoch (the four largest)
 * - `drift`: the errors of the replayed entries must not add up (each stands alone)
 * - `excess`: no more of them may be unusual than honest work explains (any number)
 * - `deposit`: who is caught loses a stake (tries again)
 */
export const DEFENCES = [
  'init',
  'order',
  'length',
  'replay',
  'relative',
  'random',
  'drift',
  'excess',
  'deposit',
] as const
export type Defence = (typeof DEFENCES)[number]
export type Defences = ReadonlySet<Defence>

export const NONE: Defences = new Set()
export const ALL: Defences = new Set(DEFENCES)
export const only = (one: Defence): Defences => new Set([one])
export const without = (one: Defence): Defences => new Set(DEFENCES.filter((defence) => defence !== one))
