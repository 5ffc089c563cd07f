/** For tests: random liars about real entries of small jobs. */
import { expect } from 'vitest'
import { traceLength } from '#arith/layout.ts'
import type { Engine } from '#engine/types.ts'
import { typeOf } from '#graph/part.ts'
import type { PresetName } from '#graph/presets.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { elementsOf } from '#graph/shape.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { graphOf, itemAt, itemsOf } from '#pinpoint/schedule.ts'
import type { End, List, Statement } from '#pinpoint/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { type Entry, encodeEntry } from '#proto/entry.ts'
import type { JobSpec } from '#proto/job.ts'
import type { SeededRandom } from '#proto/testing.ts'
import { type Lie, LyingRunner } from '#runtime/pinpoint/lie.ts'
import { Runner } from '#runtime/pinpoint/runner.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { honestEntries, smallJob } from '#runtime/pinpoint/testing.ts'
import { dispute, entryOf, fork, type Ground } from './fork.ts'

export interface Setting {
  readonly preset: PresetName
  readonly change: Partial<JobSpec>
  readonly steps: readonly [number, number]
  readonly replica: number
}

/** Entries as training makes them. */
export function groundIn(engine: Engine, { preset, change, steps, replica }: Setting): Ground {
  const job = smallJob(preset, change)
  const { replicas } = job.spec
  const { entries, source } = honestEntries(engine, job, steps, replicas)
  const entry = entries[replica] as Entry
  const runner = new Runner(engine)
  return {
    ...{ runner, program: job.program, source: source(replica), bytes: job.bytes, entry, slot: entries },
    schedule: itemsOf(factsOf(job.spec, job.program), entry, replicas),
    statement: new EntryStatement(source(replica), runner),
  }
}

function randomLie({ schedule, program }: Ground, random: SeededRandom): Lie {
  const item = random.pick(
    Array.from({ length: schedule.count }, (_, i) => i).filter((i) => itemAt(schedule, i).kind !== 'inbound'),
  )
  const graph = program[graphOf(itemAt(schedule, item)) ?? 'micro']
  const value = random.below(graph.inputs.length + graph.nodes.length)
  const element = random.below(elementsOf(typeOf(graph, value).shape))
  const node = graph.nodes[value - graph.inputs.length]
  const types = node?.inputs.map((id) => typeOf(graph, id)) ?? []
  const micro = node && random.below(traceLength(elementOf(node, types)))
  return { item, value, element, bit: random.below(32), ...(micro !== undefined && { micro }) }
}

const LEVELS = ['items', 'results', 'values', 'words', 'trace'] as const

/** A statement that contradicts itself: a lie down to some level and the truth below, or each list from anywhere. */
function contradictory(ground: Ground, lie: Lie, random: SeededRandom): Statement {
  const lying = (one: Lie): Statement => new EntryStatement(ground.source, new LyingRunner(ground.runner, one))
  const [first, second] = [lying(lie), lying(randomLie(ground, random))]
  const cut = random.bool(0.7) ? 2 + random.below(3) : undefined
  const parts = LEVELS.map((_, i) => {
    if (cut === undefined) return random.pick([ground.statement, first, second])
    return i < cut ? first : ground.statement
  })
  const of = ({ level }: List): Statement => parts[LEVELS.indexOf(level)] as Statement
  return { preimage: (list, height, index) => of(list).preimage(list, height, index) }
}

/** Games of one seed: a consistent liar, and one that contradicts itself. Gives the ends that they came to. */
export async function forksOf(ground: Ground, random: SeededRandom): Promise<(End | undefined)[]> {
  const ends: (End | undefined)[] = []
  const lie = randomLie(ground, random)
  const served = random.bool()
  const forked = await fork(ground, lie)
  if (forked !== undefined) {
    const { outcome } = await dispute(ground, forked, ground.statement, served)
    const told = JSON.stringify(lie)
    expect(outcome.winner, told).toBe('challenger')
    expect(lie.micro === undefined ? ['input', 'word'] : ['block'], told).toContain(outcome.end)
    ends.push(outcome.end)
    const { outcome: defended } = await dispute(ground, ground, forked.statement, served)
    expect(defended.winner, told).toBe('asserter')
    ends.push(defended.end)
  }
  const statement = contradictory(ground, lie, random)
  const entry = await entryOf(statement, ground.schedule, ground.entry)
  if (bytesEqual(encodeEntry(entry), encodeEntry(ground.entry))) return ends
  const { outcome } = await dispute(ground, { statement, entry }, ground.statement, served)
  expect(outcome.winner, JSON.stringify(lie)).toBe('challenger')
  return [...ends, outcome.end]
}
