/** One fork: a statement that is false in one bit, and the games about it. */
import type { LoadedJob } from '#app/job/load.ts'
import type { Program } from '#graph/types.ts'
import { rootHeight } from '#pinpoint/choice.ts'
import type { Claim } from '#pinpoint/claim.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { hashOf, ShownTrees } from '#pinpoint/play/context.ts'
import { type Outcome, play } from '#pinpoint/play/match.ts'
import { sidesOf, stubborn, viewsOf } from '#pinpoint/play/sides.ts'
import { itemsOf, type Schedule, sumCount } from '#pinpoint/schedule.ts'
import type { Facts, List, Statement } from '#pinpoint/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'
import type { Hash } from '#proto/ids.ts'
import { Dataset } from '#runtime/dataset.ts'
import { caseOf, claimOf } from '#runtime/pinpoint/case.ts'
import { type Lie, LyingRunner } from '#runtime/pinpoint/lie.ts'
import type { EntrySource } from '#runtime/pinpoint/results.ts'
import type { Runner } from '#runtime/pinpoint/runner.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'

/** An honest entry, and what a game about it needs. */
export interface Ground {
  readonly runner: Runner
  readonly program: Program
  readonly source: EntrySource
  readonly bytes: Uint8Array
  readonly schedule: Schedule
  readonly entry: Entry
  readonly statement: EntryStatement
}

/** The honest entry of a replica, from the first step on, and the ground of games about it. */
export async function groundOf(
  runner: Runner,
  { spec, program, data: bytes }: LoadedJob,
  steps: number,
  replica = 0,
): Promise<Ground> {
  const { replicas } = spec
  const data = new Dataset(spec.data, bytes)
  const facts = factsOf(spec, program)
  const source: EntrySource = { spec, program, data, replicas, entry: { replica, stepFrom: 0, stepTo: steps } }
  const statement = new EntryStatement(source, runner)
  const root = new Uint8Array(32)
  const base: Entry = {
    ...{ jobId: root, epoch: 1, replica, window: 0, stepFrom: 0, stepTo: steps },
    ...{ rootBefore: root, rootAfter: root, lanesRoot: root, metricsRoot: root },
    solver: new Uint8Array(20).fill(1 + replica),
  }
  const schedule = itemsOf(facts, base, replicas)
  const entry = await entryOf(statement, schedule, base)
  return { runner, program, source, bytes, schedule, entry, statement }
}

/** The entry that follows from a statement; fields that do not are taken from `base`. */
export async function entryOf(statement: Statement, schedule: Schedule, base: Entry): Promise<Entry> {
  const item = (index: number): Promise<Hash> => statement.preimage({ level: 'items' }, 0, index)
  const root = async (of: 'sum' | 'metric'): Promise<Hash> => {
    if (of === 'sum' && schedule.sums === 0) return new Uint8Array(32)
    const list: List = { level: 'results', of }
    const height = rootHeight('results', of === 'sum' ? sumCount(schedule) : schedule.steps)
    return hashOf(list, height, await statement.preimage(list, height, 0))
  }
  return {
    ...base,
    rootBefore: schedule.first === 1 ? await item(0) : base.rootBefore,
    rootAfter: await item(schedule.count - 1),
    lanesRoot: await root('sum'),
    metricsRoot: await root('metric'),
  }
}

/** A statement that follows from a lie, and its entry. Undefined if the lie is lost in rounding: nothing committed is false. */
export async function fork(ground: Ground, lie: Lie): Promise<{ statement: Statement; entry: Entry } | undefined> {
  return await forkOf(ground, new EntryStatement(ground.source, new LyingRunner(ground.runner, lie)))
}

/** A statement that differs, and its entry; undefined if no item does. */
export async function forkOf(
  ground: Ground,
  statement: Statement,
): Promise<{ statement: Statement; entry: Entry } | undefined> {
  const { schedule, entry: honest } = ground
  const list: List = { level: 'items' }
  const top = rootHeight('items', schedule.count)
  const same = bytesEqual(await statement.preimage(list, top, 0), await ground.statement.preimage(list, top, 0))
  return same ? undefined : { statement, entry: await entryOf(statement, schedule, honest) }
}

/** A game, and what it was about. */
export interface Dispute {
  readonly outcome: Outcome
  readonly claim: Claim
  readonly evidence: { readonly entry: Entry; readonly facts: Facts }
}

/**
 * A game about the entry of `asserter`, who never gives up.
 * @param served whether the asserter answers what it is asked beside the chain
 * @param window of the entry: entries that differ in it are different claims, which share no posts
 */
export async function dispute(
  ground: Ground,
  asserter: { readonly statement: Statement; readonly entry: Entry },
  challenger: Statement,
  served: boolean,
  window = 0,
): Promise<Dispute> {
  const entry = { ...asserter.entry, window }
  const about = caseOf({ ...ground.source, bytes: ground.bytes, entry })
  const shown = new ShownTrees(served ? asserter.statement : undefined)
  const views = viewsOf(about, asserter.statement, challenger, shown)
  const claim = claimOf(about)
  const evidence = { entry, facts: about.facts }
  const outcome = await play({ claim, evidence }, { ...sidesOf(views, shown), asserter: stubborn(views.asserter) })
  return { outcome, claim, evidence }
}
