/** What a game is about, by its digests, and what evidence shows of it. */
import { bytesEqual } from '#proto/bytes.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { check, fail } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import { factsHash } from './facts.ts'
import { type GraphName, graphOf, type Item, itemAt, itemsOf, type Schedule } from './schedule.ts'
import type { Evidence, Facts, GraphFacts, Position } from './types.ts'

/** A claimed entry: what the chain knows of it. */
export interface Claim {
  /** Digest of the entry. */
  readonly entry: Hash
  /** Digest of the facts, of the job's terms. */
  readonly facts: Hash
  /** Replicas of the entry's plan. */
  readonly replicas: number
}

/** A claim laid open. */
export interface Shown {
  readonly entry: Entry
  readonly facts: Facts
  readonly schedule: Schedule
}

/** The entry and the facts of a claim. @throws bad-proof unless they are in the evidence, and the claim's own */
export function shown(claim: Claim, evidence: Evidence): Shown {
  const { entry, facts } = evidence
  check(
    entry !== undefined && bytesEqual(entryDigest(entry), claim.entry),
    'bad-proof',
    'the entry is not the claimed one',
  )
  check(
    facts !== undefined && bytesEqual(factsHash(facts), claim.facts),
    'bad-proof',
    'the facts are not those of the job',
  )
  return { entry, facts, schedule: itemsOf(facts, entry, claim.replicas) }
}

/** The phase that a game has come to: its item and graph. */
export interface PhaseOf {
  readonly item: Item
  readonly name: GraphName
  readonly graph: GraphFacts
}

/** @throws bad-input for an item that is the result of no graph */
export function phaseAt({ facts, schedule }: Shown, index: number): PhaseOf {
  const item = itemAt(schedule, index)
  const name = graphOf(item) ?? fail('bad-input', `item ${index} is the result of no graph`)
  return { item, name, graph: facts[name] }
}

/** A choice that the game has made on the way to a position. @throws wrong-state if it has not */
export function chosen(position: Position, what: 'item' | 'value' | 'element' | 'micro'): number {
  return position[what] ?? fail('wrong-state', `no ${what} was chosen`)
}
