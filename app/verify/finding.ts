/** What an audit finds: checks that held, and the places where one did not. */

/** One thing that is wrong, and where: a block and log, an entry, a file and byte. */
export interface Finding {
  readonly place: string
  readonly message: string
}

/** What one check looked at. */
export interface Outcome {
  /** What was compared, in a few words: `24 signatures by 2 solvers`. */
  readonly seen: string
  readonly findings: readonly Finding[]
  /** What a reader should know although nothing is wrong. */
  readonly notes?: readonly string[]
  /** Whether there was nothing to look at, so that nothing is shown either way. */
  readonly skipped?: boolean
}

/** The parts of a report, in its order. */
export const SECTIONS = ['chain', 'job', 'training', 'verification', 'ledger', 'blobs', 'replay', 'weights'] as const
export type Section = (typeof SECTIONS)[number]

/** A check as it was made. */
export interface CheckResult extends Outcome {
  readonly section: Section
  /** `seeds`, `entry signatures`: fixed, for programs too. */
  readonly name: string
}

/** Collects findings; long lists of the same kind are cut, since one flipped bit may break everything after it. */
export class Findings {
  static readonly LIMIT = 32
  readonly list: Finding[] = []
  #left = 0

  add(place: string, message: string): void {
    if (this.list.length < Findings.LIMIT) this.list.push({ place, message })
    else this.#left++
  }

  /** Adds a finding unless `holds`. */
  expect(holds: boolean, place: string, message: () => string): void {
    if (!holds) this.add(place, message())
  }

  /** Adds a finding unless two values print the same. */
  same(place: string, what: string, found: unknown, expected: unknown): void {
    const [a, b] = [text(found), text(expected)]
    if (a !== b) this.add(place, `${what} is ${a}, not ${b}`)
  }

  outcome(seen: string, notes: readonly string[] = []): Outcome {
    const more = this.#left > 0 ? [`${this.#left} more findings are left out`] : []
    return { seen, findings: this.list, notes: [...notes, ...more] }
  }
}

function text(value: unknown): string {
  if (typeof value === 'string') return value
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part)) ?? 'nothing'
}
