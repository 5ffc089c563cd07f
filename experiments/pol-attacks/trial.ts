/** Tries of an attack: whether it comes off better than honest training. */
import { deviation } from '#tolerance/distance.ts'
import { ATTACKS, type Attack } from './attacks/index.ts'
import { stale } from './attacks/lazy.ts'
import { audit, Evidence, SAMPLE_RATE, verdict } from './audit.ts'
import type { Setting } from './claim.ts'
import { ALL, DEFENCES, type Defence, type Defences, NONE, only, without } from './defences.ts'
import { Course, type Ground } from './job.ts'
import type { Profile } from './profile.ts'
import { hashOf, randomOf } from './random.ts'

/** Attempts of an attacker that loses nothing when it is caught. */
const ATTEMPTS = 10
/** A claim with more of the audited entries redone than this must at least have cost less than it loses. */
const MOST_REDONE = 0.1

/** Jobs of a campaign of rare cheating, each with one stale entry. */
const JOBS = 200
/** Pay of entries that is lost when one is caught: the larger of the pay over the sampling rate and twice that of a window of four. */
const DEPOSIT = Math.max(1 / SAMPLE_RATE, 8)

export const RARE = 'stale-rare'
export const NAMES = [...ATTACKS.map(({ name }) => name), RARE]

export interface Scene {
  readonly ground: Ground
  readonly profile: Profile
  /** Weights that somebody else trained. */
  readonly stolen: Float32Array
  readonly seed: string
}

function settingOf({ ground, profile, stolen, seed }: Scene, name: string, index: number): Setting {
  const course = new Course(ground, BigInt(index))
  return { ground, course, stolen, profile, random: randomOf(seed, name, index) }
}

/** One try, under any defences: the same claim is audited again and again. */
export interface Try {
  succeeds(defences: Defences): boolean
  /** Over the cost of honest training; known when the claim was audited. */
  cost(): number
}

export function tryOf(scene: Scene, name: string, index: number): Try {
  return name === RARE ? campaign(scene, index) : single(scene, ATTACKS.find((attack) => attack.name === name)!, index)
}

function single(scene: Scene, { name, make }: Attack, index: number): Try {
  const setting = settingOf(scene, name, index)
  const evidence = new Evidence(setting, make(setting))
  return {
    succeeds(defences) {
      const attempts = defences.has('deposit') ? 1 : ATTEMPTS
      for (let attempt = 0; attempt < attempts; attempt++) {
        const { caught, audited, redone } = audit(evidence, defences, hashOf(scene.seed, name, index, attempt))
        // Redone entries are unpaid, among those that were looked at; a solver that saves less than that gains nothing.
        const unpaid = redone / evidence.claim.entries
        const worse = redone > MOST_REDONE * audited && unpaid >= 1 - evidence.claim.cost()
        if (caught === undefined && !worse) return true
        // Where nothing is random a second attempt ends as the first.
        if (!defences.has('random') || caught === 'init' || caught === 'length') return false
      }
      return false
    },
    cost: () => evidence.claim.cost(),
  }
}

/**
 * Many jobs with one stale entry each, too rare to be found often. Pay of an entry is won where it is not replayed; where
 * it is, the deposit is lost, if there is one. A success is a campaign that pays.
 */
function campaign(scene: Scene, index: number): Try {
  const setting = settingOf(scene, RARE, index)
  const { ground, random } = setting
  const { entries } = ground.shape
  const evidence = new Evidence(setting, stale(0)(setting))
  const isFar = (idle: number, defences: Defences): boolean => {
    const before = evidence.claim.state(idle)
    const { state } = evidence.replay(idle, evidence.claim.work(idle), defences)
    return verdict(deviation(before, state, before), scene.profile, defences) === 'slashed'
  }
  return {
    succeeds(defences) {
      let won = 0
      for (let job = 0; job < JOBS; job++) {
        const idle = Math.floor(entries * random())
        const from = idle - (idle % ground.entriesPerEpoch)
        const seed = hashOf(scene.seed, RARE, index, job)
        const found = evidence.chosen(from, seed, defences, idle).includes(idle) && isFar(idle, defences)
        won += found ? (defences.has('deposit') ? -DEPOSIT : 0) : 1
      }
      return won > 0
    },
    cost: () => 1 - 1 / entries,
  }
}

export interface Row {
  readonly attack: string
  readonly tries: number
  /** Median over the tries, of honest training. */
  readonly cost: number
  /** Share of tries that succeed: without defences, with one alone, with all but one, with all. */
  readonly none: number
  readonly only: Readonly<Record<Defence, number>>
  readonly without: Readonly<Record<Defence, number>>
  readonly all: number
}

/** A row of the table: each defence on and off. */
export function rowOf(scene: Scene, attack: string, tries: number): Row {
  const configurations = [NONE, ALL, ...DEFENCES.map(only), ...DEFENCES.map(without)]
  const successes = configurations.map(() => 0)
  const costs: number[] = []
  for (let index = 1; index <= tries; index++) {
    const one = tryOf(scene, attack, index)
    for (const [i, defences] of configurations.entries()) if (one.succeeds(defences)) successes[i]!++
    costs.push(one.cost())
  }
  const share = (i: number): number => successes[i]! / tries
  const byDefence = (from: number) =>
    Object.fromEntries(DEFENCES.map((defence, i) => [defence, share(from + i)])) as Record<Defence, number>
  return {
    attack,
    tries,
    cost: costs.sort((a, b) => a - b)[Math.floor(tries / 2)]!,
    none: share(0),
    only: byDefence(2),
    without: byDefence(2 + DEFENCES.length),
    all: share(1),
  }
}
