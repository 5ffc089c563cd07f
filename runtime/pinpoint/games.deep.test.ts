/** Disputes of random lies, whose players are restarted, lose their workers and are told anew at random. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { traceLength } from '#arith/layout.ts'
import { createEngine } from '#engine/index.ts'
import { typeOf } from '#graph/part.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { elementsOf } from '#graph/shape.ts'
import { seeds } from '#graph/testing.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { graphOf, itemAt, itemsOf } from '#pinpoint/schedule.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { type Entry, encodeEntry } from '#proto/entry.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'
import { entryOf } from '../../experiments/fork-sweep/fork.ts'
import { type Lie, LyingRunner } from './lie.ts'
import { Runner } from './runner.ts'
import { EntryStatement } from './statement.ts'
import { honestEntries, smallJob } from './testing.ts'
import { type Account, GamesArena, type Process } from './testing-arena.ts'

const engine = await createEngine('wasm')
const job = smallJob('mlp-tiny')
const { entries, source } = honestEntries(engine, job, [2, 4], 1)
const [honest] = entries as [Entry]
const runner = new Runner(engine)
const schedule = itemsOf(factsOf(job.spec, job.program), honest, 1)
let arena: GamesArena

beforeAll(async () => {
  arena = await GamesArena.start(engine, { job, before: source(0).before }, 400)
})

afterAll(async () => {
  await arena?.stop()
  await engine.close()
})

function randomLie(random: SeededRandom): Lie {
  const item = random.below(schedule.count)
  const graph = job.program[graphOf(itemAt(schedule, item)) ?? 'micro']
  const value = random.below(graph.inputs.length + graph.nodes.length)
  const element = random.below(elementsOf(typeOf(graph, value).shape))
  const node = graph.nodes[value - graph.inputs.length]
  const types = node?.inputs.map((id) => typeOf(graph, id)) ?? []
  const micro = node && random.below(traceLength(elementOf(node, types)))
  return { item, value, element, bit: random.below(32), ...(micro !== undefined && { micro }) }
}

/** Runs a player until the dispute is decided; now and then it is restarted, or its worker or its view of the chain is lost. */
async function play(account: Account, lie: Lie | undefined, mute: boolean, random: SeededRandom, over: () => boolean) {
  const start = (): Process => arena.process(account, lie, { mute })
  let process = start()
  while (!over()) {
    await new Promise((resolve) => setTimeout(resolve, 100 + random.below(900)))
    const trouble = random.below(6)
    if (trouble === 0) process.loseWorker()
    if (trouble === 1) process.rollBack()
    if (trouble !== 2) continue
    await process.close()
    process = start()
  }
  await process.close()
}

test('an honest player wins through every trouble', { timeout: 1_800_000 }, async () => {
  let games = 0
  for (const seed of seeds(60)) {
    const random = seededRandom(seed)
    const lie = randomLie(random)
    const liar = new EntryStatement(source(0), new LyingRunner(runner, lie))
    const forged = await entryOf(liar, schedule, honest)
    const lost = bytesEqual(encodeEntry(forged), encodeEntry(honest))
    const truthful = lost || random.bool()
    const [solver, challenger] = [arena.account(), arena.account()]
    const entry = await arena.accuse({ ...(truthful ? honest : forged), window: 1000 + games++ }, solver, challenger)
    let over = false
    const mute = random.bool()
    const players = [
      play(solver, truthful ? undefined : lie, mute, seededRandom(seed + 1), () => over),
      play(challenger, truthful ? lie : undefined, mute, seededRandom(seed + 2), () => over),
    ]
    const ruling = await arena.ruling(entry)
    over = true
    await Promise.all(players)
    expect(ruling, `seed ${seed}: ${JSON.stringify(lie)}`).toBe(truthful ? 'Upheld' : 'Refuted')
  }
})
