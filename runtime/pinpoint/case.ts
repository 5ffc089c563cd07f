/** What a game about an entry of a job is about. */
import type { Program } from '#graph/types.ts'
import type { Claim } from '#pinpoint/claim.ts'
import { factsHash, factsOf } from '#pinpoint/facts.ts'
import type { Case } from '#pinpoint/play/context.ts'
import { definitionsOf } from '#pinpoint/play/definitions.ts'
import { Levels } from '#pinpoint/play/levels.ts'
import { openByteIn } from '#pinpoint/play/openings.ts'
import { itemsOf } from '#pinpoint/schedule.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import type { JobSpec } from '#proto/job.ts'

export interface CaseSource {
  readonly spec: JobSpec
  readonly program: Program
  /** The data set. */
  readonly bytes: Uint8Array
  /** The disputed entry. */
  readonly entry: Entry
  /** Replicas of its plan epoch. */
  readonly replicas: number
}

/** Everything that both players know. The tree over the data is built when a game comes to a record. */
export function caseOf({ spec, program, bytes, entry, replicas }: CaseSource): Case {
  const facts = factsOf(spec, program)
  let data: Levels | undefined
  return {
    entry,
    facts,
    replicas,
    schedule: itemsOf(facts, entry, replicas),
    definitions: definitionsOf(program, facts),
    async data(at) {
      data ??= Levels.ofBytes(bytes)
      return openByteIn(data, at)
    },
  }
}

/** The claim of a case, as the chain has it. */
export function claimOf({ entry, facts, replicas }: Case): Claim {
  return { entry: entryDigest(entry), facts: factsHash(facts), replicas }
}
