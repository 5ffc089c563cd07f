/** Disputes that play themselves: real entries, an arbiter on a chain, and processes that nobody attends to. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { claimIdOf, gameIdOf } from '#contracts/pinpoint.ts'
import { createEngine } from '#engine/index.ts'
import { factsOf } from '#pinpoint/facts.ts'
import { longestGame } from '#pinpoint/game.ts'
import { itemsOf } from '#pinpoint/schedule.ts'
import type { List } from '#pinpoint/types.ts'
import type { Entry } from '#proto/entry.ts'
import { entryOf } from '../../experiments/fork-sweep/fork.ts'
import { LyingRunner } from './lie.ts'
import { Runner } from './runner.ts'
import { EntryStatement } from './statement.ts'
import { honestEntries, smallJob } from './testing.ts'
import { type Account, GamesArena, PERIOD } from './testing-arena.ts'
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
    expect(await arena.ruling(entry)).toBe('Refuted')
    expect(await arena.resolver(entry)).toBe(challenger.address)
    const made = await arena.moves(entry)
    expect(made.slice(-2)).toEqual(['Compared', 'Decided'])
    moves.push(made.length)
    for (const one of processes) await one.close()
  }
  expect(moves[0]).toBeLessThan(moves[1] as number)
}, 120_000)

test('who has lied by mistake concedes; so does who accuses the truth by mistake', async () => {
  const [solver, challenger] = [arena.account(), arena.account()]
  const entry = await arena.accuse(anew(forged), solver, challenger)
  const truth = await arena.accuse(anew(honest), solver, challenger)
  const processes = [arena.process(solver), arena.process(challenger)]
  expect(await arena.ruling(entry)).toBe('Refuted')
  expect(await arena.moves(entry)).toEqual(['Decided'])
  expect(await arena.ruling(truth)).toBe('Upheld')
  expect(await arena.moves(truth)).toEqual(['Posted', 'Decided'])
  for (const one of processes) await one.close()
}, 120_000)

test('an honest solver beats all that accuse it, at once', async () => {
  const [solver, fool, silent, late] = [arena.account(), arena.account(), arena.account(), arena.account()]
  const claim = anew(honest)
  const entry = await arena.accuse(claim, solver, fool)
  await arena.accuse(claim, solver, silent)
  const processes = [arena.process(solver), arena.process(fool, 'ulp')]
  await vi.waitUntil(async () => (await arena.moves(entry)).length > 2, { timeout: 60_000, interval: 50 })
  // The seat has posted its items: it is the newcomer's turn at once.
  await arena.accuse(claim, solver, late)
  processes.push(arena.process(late, { item: 0, value: 3, element: 0, micro: 0, bit: 22 }))
  await arena.decided(entry, 0)
  await arena.decided(entry, 2)
  await arena.mine(PERIOD)
  expect(await arena.ruling(entry)).toBe('Upheld')
  const games = await Promise.all([0, 1, 2].map((number) => arena.moves(entry, 0, number)))
  expect(games.map((moves) => moves.at(-1))).toEqual(['Decided', 'Decided', 'Decided'])
  // One has said nothing until its clock had run out.
  expect(games.map((moves) => moves.includes('Compared'))).toEqual([true, false, true])
  for (const one of processes) await one.close()
}, 120_000)

test('who has accepted a true claim saves it from its own solver, and lets a false one go', async () => {
  const [solver, challenger, acceptor] = [arena.account(), arena.account(), arena.account()]
  const entry = await arena.accuse(anew(honest), solver, challenger, [acceptor])
  const lie = await arena.accuse(anew(forged), solver, challenger, [acceptor])
  for (const one of [entry, lie]) await solver.sender.concede(gameIdOf(claimIdOf(arena.court, one), 0, 0))
  const processes = [arena.process(acceptor), arena.process(challenger, 'ulp')]
  expect(await arena.ruling(entry)).toBe('Upheld')
  expect(await arena.resolver(entry)).toBe(acceptor.address)
  expect(await arena.seats(entry)).toEqual([
    [solver.address, true],
    [acceptor.address, false],
  ])
  expect((await arena.moves(entry, 1)).slice(-2)).toEqual(['Compared', 'Decided'])
  await arena.mine(PERIOD)
  expect(await arena.ruling(lie)).toBe('Refuted')
  expect(await arena.seats(lie)).toHaveLength(1)
  for (const one of processes) await one.close()
}, 120_000)

test('a bystander ends what two players in league have stalled', async () => {
  const [solver, challenger, bystander] = [arena.account(), arena.account(), arena.account()]
  const entry = await arena.accuse(anew(forged), solver, challenger)
  const process = arena.process(bystander)
  await arena.mine(longestGame(PERIOD))
  expect(await arena.ruling(entry)).toBe('Refuted')
  expect(await arena.moves(entry)).toEqual(['Decided'])
  await process.close()
}, 120_000)

test('a game goes on after its players were restarted, lost their workers, and the chain took back blocks', async () => {
  const [solver, challenger] = [arena.account(), arena.account()]
  const entry = await arena.accuse(anew(forged), solver, challenger)
  const start = () => [arena.process(solver, 'ulp'), arena.process(challenger, undefined, { mute: true })] as const
  const made = (count: number) =>
    vi.waitUntil(async () => (await arena.moves(entry)).length >= count, { timeout: 60_000, interval: 20 })
  const first = start()
  await made(3)
  for (const one of first) await one.close()
  const second = start()
  await made(6)
  for (const one of second) one.loseWorker()
  await made(9)
  for (const one of second) one.rollBack()
  expect(await arena.ruling(entry)).toBe('Refuted')
  expect((await arena.moves(entry)).slice(-2)).toEqual(['Compared', 'Decided'])
  for (const one of second) await one.close()
}, 120_000)

test('a statement is shown to challengers of open games alone, along the way that a game has come', async () => {
  const [solver, challenger, stranger] = [arena.account(), arena.account(), arena.account()]
  const entry = await arena.accuse(anew(honest), solver, challenger)
  const player = arena.process(solver)
  await vi.waitUntil(async () => (await arena.moves(entry)).length === 1, { timeout: 60_000, interval: 50 })
  const ask = (account: Account, list: List, height = 0) =>
    arena.ask(account, solver, entry, { list, height, index: 0 })
  const statement = new EntryStatement(source(0), runner)
  expect(await ask(challenger, { level: 'items' })).toEqual(await statement.preimage({ level: 'items' }, 0, 0))
  expect(await ask(challenger, { level: 'items' }, 1)).toHaveLength(512)
  await expect(ask(challenger, { level: 'items' }, 9)).rejects.toThrow('there is no node')
  await expect(ask(challenger, { level: 'values', item: 0 })).rejects.toThrow('no game has come')
  await expect(ask(stranger, { level: 'items' })).rejects.toThrow('challengers of open games')
  await challenger.sender.concede(gameIdOf(claimIdOf(arena.court, entry), 0, 0))
  await vi.waitUntil(
    () =>
      ask(challenger, { level: 'items' }).then(
        () => false,
        () => true,
      ),
    { timeout: 10_000 },
  )
  await player.close()
}, 120_000)
