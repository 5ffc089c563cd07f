/** Disputes that play themselves: real entries, an arbiter on a chain, and processes that nobody attends to. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createEngine } from '#engine/index.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { itemsOf } from '#pinpoint/schedule.ts'
import type { Entry } from '#proto/entry.ts'
import { entryOf } from '../../experiments/fork-sweep/fork.ts'
import { LyingRunner } from './lie.ts'
import { Runner } from './runner.ts'
import { EntryStatement } from './statement.ts'
import { honestEntries, smallJob } from './testing.ts'
import { GamesArena } from './testing-arena.ts'
import { ulpLie } from './ulp.ts'

const engine = await createEngine('wasm')
const job = smallJob('mlp-tiny')
const { entries, source } = honestEntries(engine, job, [2, 4], 1)
const [honest] = entries as [Entry]
const runner = new Runner(engine)
let arena: GamesArena
let forged: Entry

beforeAll(async () => {
  arena = await GamesArena.start(engine, { job, before: source(0).before })
  const lie = ulpLie(source(0), runner)
  if (lie === undefined) throw new Error('no number of the sum is normal')
  const statement = new EntryStatement(source(0), new LyingRunner(runner, lie))
  forged = await entryOf(statement, itemsOf(factsOf(job.spec, job.program), honest, 1), honest)
}, 60_000)

afterAll(async () => {
  await arena?.stop()
  await engine.close()
})

let window = 10
/** A claim of its own: entries that differ in their window share no posts. */
const anew = (entry: Entry): Entry => ({ ...entry, window: window++ })

test('a liar that defends its lie is refuted, sooner if it shows its statement', async () => {
  const moves: number[] = []
  for (const mute of [false, true]) {
    const [solver, challenger] = [arena.account(), arena.account()]
    const entry = await arena.accuse(anew(forged), solver, challenger)
    const processes = [arena.process(solver, 'ulp'), arena.process(challenger, undefined, { mute })]
    const made = await vi.waitUntil(async () => (await arena.ruling(entry)) && (await arena.moves(entry)), 60_000)
    expect(made.slice(-2)).toEqual(['Compared', 'Decided'])
    expect(await arena.seats(entry)).toEqual([[solver.address, true]])
    moves.push(made.length)
    for (const one of processes) await one.close()
  }
  expect(moves[0]).toBeLessThan(moves[1] as number)
}, 120_000)
