/** Turns, clocks and posts; what is not authentic, or not the player's to do, is refused and changes nothing. */
import { expect, test } from 'vitest'
import { isAssayError } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import { apply, deadline, expire, type Game, longestGame, open, type Played } from './game.ts'
import { smallJob, World } from './testing.ts'
import { chooseOf, postOf, proofOf } from './testing-duel.ts'
import type { Move, Player, Position } from './types.ts'

const world = new World(smallJob(), { stepTo: 2 })
const evidence = { entry: world.entry(), facts: world.facts }
const PERIOD = 8
const NONE: ReadonlyMap<string, Hash> = new Map()

const start = (now = 100, posts = NONE): Played => ({ game: open(world.claim(), PERIOD, posts, evidence, now), posts })

function code(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return isAssayError(error) ? error.code : `${error}`
  }
}

/** Plays moves, one block each, until the game is at `level`. */
function playTo(
  level: Position['level'],
  choices: readonly number[] = [1, 9, 0, 0],
  posts = NONE,
): Played & { now: number } {
  let played = start(100, posts)
  let now = 100
  const wanted = (position: Position): number =>
    choices[['items', 'values', 'words', 'trace'].indexOf(position.level)] ?? 0
  while (played.game.position.level !== level) {
    const { position } = played.game
    const move =
      position.turn === 'asserter' ? postOf(world, position) : chooseOf(world, position, wanted(position), false)
    now++
    played = apply(played.game, played.posts, position.turn, move, now)
  }
  return { ...played, now }
}

test('a player pays for its own blocks; both gain half the period at each level', () => {
  const { game, posts } = start(100)
  expect([game.clocks, deadline(game)]).toEqual([{ asserter: 8, challenger: 8 }, 108])
  const posted = apply(game, posts, 'asserter', postOf(world, game.position), 103)
  expect(posted.game.clocks).toEqual({ asserter: 5, challenger: 8 })
  expect(deadline(posted.game)).toBe(111)
  const { position } = posted.game
  const entered = apply(posted.game, posted.posts, 'challenger', chooseOf(world, position, 1, true), 111)
  expect(entered.game.position.level).toBe('values')
  expect(entered.game.clocks).toEqual({ asserter: 9, challenger: 4 })
})

test('who is out of time has lost, and not before', () => {
  const { game, posts } = start(100)
  const post = postOf(world, game.position)
  expect(code(() => expire(game, 108))).toBe('wrong-state')
  expect(code(() => apply(game, posts, 'asserter', post, 109))).toBe('timeout')
  expect(expire(game, 109).position.winner).toBe('challenger')
  const next = apply(game, posts, 'asserter', post, 108).game
  expect(code(() => expire(next, 116))).toBe('wrong-state')
  expect(expire(next, 117).position.winner).toBe('asserter')
  expect(code(() => expire(expire(next, 117), 200))).toBe('wrong-state')
  expect(code(() => apply(expire(game, 109), posts, 'asserter', post, 109))).toBe('wrong-state')
  expect(code(() => apply(game, posts, 'asserter', post, 99))).toBe('bad-input')
})

test('two players that take all their time end within the bound', () => {
  let played: Played = start(0)
  let now = 0
  const choices: Record<string, number> = { items: 1, values: 9, words: 0, trace: 0 }
  while (played.game.position.level !== 'end') {
    const { position } = played.game
    now = deadline(played.game)
    const index = choices[position.level] ?? 0
    const move = position.turn === 'asserter' ? postOf(world, position) : chooseOf(world, position, index, true)
    played = apply(played.game, played.posts, position.turn, move, now)
  }
  now = deadline(played.game) + 1
  expect(expire(played.game, now).position.winner).toBe('challenger')
  expect(now).toBeLessThanOrEqual(longestGame(PERIOD))
})

test('another challenger starts from what the seat has posted', () => {
  const first = playTo('end')
  expect([...first.posts.keys()]).toEqual(['items', 'values/1', 'words/1/9', 'trace/1/9/0'])
  let second: Played = start(500, first.posts)
  for (const index of [1, 9, 0, 0]) {
    const { position } = second.game
    expect(position.turn).toBe('challenger')
    second = apply(second.game, second.posts, 'challenger', chooseOf(world, position, index, true), 500)
  }
  expect(second.game.position).toMatchObject({ level: 'end', end: 'block', turn: 'asserter' })
  expect(second.posts).toBe(first.posts)
})

test('a seat cannot tell two challengers two things', () => {
  const liar = new World(smallJob(), { stepTo: 2, lies: { leaves: (i, leaves) => void (i === 0 && leaves.reverse()) } })
  const { game, posts } = start()
  const told = apply(game, posts, 'asserter', postOf(world, game.position), 100)
  expect(code(() => apply(game, told.posts, 'asserter', postOf(liar, game.position), 100))).toBe('bad-proof')
  expect(apply(game, told.posts, 'asserter', postOf(world, game.position), 100).posts).toEqual(told.posts)
})

const at = (levels: readonly Position['level'][]): { game: Game; posts: Played['posts']; now: number }[] =>
  levels.flatMap((level) => {
    const reached = playTo(level)
    if (level === 'end') return [reached]
    const move = postOf(world, reached.game.position)
    return [reached, { ...apply(reached.game, reached.posts, 'asserter', move, reached.now), now: reached.now }]
  })

test('moves of the wrong player, kind or place are refused at every level', () => {
  for (const { game, posts, now } of at(['items', 'values', 'words', 'trace', 'end'])) {
    const { position } = game
    const other: Player = position.turn === 'asserter' ? 'challenger' : 'asserter'
    const attempt = (player: Player, move: Move): string | undefined =>
      code(() => apply(game, posts, player, move, now))
    const post: Move = { kind: 'post', data: new Uint8Array(32) }
    const choose: Move = { kind: 'choose', index: 0, path: [], evidence }
    expect(attempt(other, post), position.level).toBe('wrong-state')
    expect(attempt(other, choose)).toBe('wrong-state')
    expect(attempt('challenger', post)).toBe('wrong-state')
    expect(attempt('asserter', choose)).toBe('wrong-state')
    if (position.level !== 'end') expect(attempt(position.turn, { kind: 'prove', evidence })).toBe('wrong-state')
    else expect(attempt('asserter', post)).toBe('wrong-state')
  }
})

test('malformed and hostile moves are refused with a typed error', () => {
  const wide = new Uint8Array(1 << 16)
  for (const { game, posts, now } of at(['items', 'values', 'words', 'trace', 'end'])) {
    const { position } = game
    const good: Move =
      position.level === 'end'
        ? { kind: 'prove', evidence: proofOf(world, position) }
        : position.turn === 'asserter'
          ? postOf(world, position)
          : chooseOf(world, position, 0, true)
    const bad: Move[] = []
    if (good.kind === 'post') {
      for (const data of [new Uint8Array(0), new Uint8Array(33), wide, new Uint8Array([...good.data, 0])]) {
        bad.push({ ...good, data })
      }
      if (good.header !== undefined) bad.push({ kind: 'post', data: good.data }, { ...good, header: wide })
    } else if (good.kind === 'choose') {
      for (const index of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, position.count + 99]) {
        bad.push({ ...good, index })
      }
      for (const path of [[wide], [new Uint8Array(0)], Array.from({ length: 99 }, () => wide)])
        bad.push({ ...good, path })
      if (good.path.length > 0) bad.push({ ...good, path: [] })
      if (position.level === 'items' || position.level === 'values') bad.push({ ...good, evidence: {} })
    } else if (good.kind === 'prove') {
      const { openings = [], words = [], ...rest } = good.evidence
      for (const changed of [
        {},
        rest,
        { ...rest, openings },
        { ...rest, words },
        { ...rest, words, openings: openings.slice(1) },
      ]) {
        bad.push({ kind: 'prove', evidence: changed })
      }
      bad.push({
        kind: 'prove',
        evidence: { ...rest, openings, words: words.map((word) => ({ ...word, index: 2 ** 40 })) },
      })
      bad.push({
        kind: 'prove',
        evidence: { ...rest, openings, words: words.map((word) => ({ ...word, traced: false, operand: 9 })) },
      })
      bad.push({
        kind: 'prove',
        evidence: { ...rest, openings, words: Array.from({ length: 9999 }, () => words[0] as never) },
      })
      bad.push({ kind: 'prove', evidence: { ...good.evidence, entry: { ...evidence.entry, epoch: 2 } } })
      bad.push({ kind: 'prove', evidence: { ...good.evidence, facts: { ...evidence.facts, batch: 8 } } })
    }
    for (const move of bad) {
      const refusal = code(() => apply(game, posts, position.turn, move, now))
      expect(['bad-proof', 'bad-input', 'over-limit'], `${position.level} ${move.kind}`).toContain(refusal)
    }
    expect(code(() => apply(game, posts, position.turn, good, now))).toBeUndefined()
  }
})
