/** For tests: games on a chain, move by move beside the rules in `pinpoint/`: positions and clocks must be the same. */
import { Interface, type JsonRpcProvider, Wallet } from 'ethers'
import { expect, vi } from 'vitest'
import artifacts from '#contracts/abi/artifacts.generated.json' with { type: 'json' }
import type { GameView, Hex } from '#contracts/abi/types.generated.ts'
import { startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { deployPinpoint } from '#contracts/deploy.ts'
import { hex } from '#contracts/entries.ts'
import { claimIdOf, encodeMove, gameIdOf, PinpointReader, PinpointSender, type Shown } from '#contracts/pinpoint.ts'
import { Transactor } from '#contracts/transactor.ts'
import { apply, type Game, open, type Played } from '#pinpoint/game.ts'
import { sumItem } from '#pinpoint/schedule.ts'
import type { World } from '#pinpoint/testing.ts'
import { chooseOf, postOf, proofOf } from '#pinpoint/testing-duel.ts'
import { tensorHeader } from '#pinpoint/tree.ts'
import type { End, Move, Player, Position } from '#pinpoint/types.ts'
import type { seededRandom } from '#proto/testing.ts'

/** Blocks of each player's first budget. */
export const PERIOD = 100
const CAP = 16_777_216n
/** The account that opens claims. */
const COURT = '0x00000000000000000000000000000000000c0c0a'

/** A chain with the game contract, and two players. */
export interface Arena {
  readonly provider: JsonRpcProvider
  readonly reader: PinpointReader
  readonly players: Readonly<Record<Player, PinpointSender>>
  readonly arbiter: Hex
  stop(): Promise<void>
}

export async function startArena(): Promise<Arena> {
  const chain = await startAnvil({ blockTime: 0 })
  const provider = await openChain(chain.url)
  await provider.send('evm_setAutomine', [true])
  const key = (i: number): string => chain.accounts[i]?.privateKey ?? ''
  const arbiter = await deployPinpoint(new Wallet(key(0), provider))
  const sender = (i: number): PinpointSender =>
    new PinpointSender(new Transactor(provider, key(i), { pollMs: 5 }), arbiter)
  await provider.send('anvil_impersonateAccount', [COURT])
  await provider.send('anvil_setBalance', [COURT, '0xffffffffffffffffff'])
  return {
    ...{ provider, arbiter, reader: new PinpointReader(provider, arbiter) },
    players: { asserter: sender(1), challenger: sender(2) },
    async stop() {
      provider.destroy()
      await chain.stop()
    },
  }
}

/** The court accuses an entry; returns the block in which the game began. */
export async function accuse(
  { provider, players, arbiter }: Arena,
  world: World,
  honest: World,
): Promise<{ gameId: Hex; began: number }> {
  const claim = honest.claim(world.entry())
  const accusation = {
    entryHash: hex(claim.entry),
    jobId: hex(world.entry().jobId),
    factsHash: hex(claim.facts),
    solver: players.asserter.address,
    replicas: claim.replicas,
    responsePeriod: PERIOD,
    acceptors: [],
  }
  const data = new Interface(artifacts.PinpointArbiter.abi).encodeFunctionData('open', [
    accusation,
    players.challenger.address,
  ])
  const hash = await provider.send('eth_sendTransaction', [{ from: COURT, to: arbiter, data, gas: '0xf4240' }])
  const receipt = await vi.waitUntil(() => provider.getTransactionReceipt(hash), { timeout: 20_000, interval: 5 })
  expect(receipt.status).toBe(1)
  return { gameId: gameIdOf(claimIdOf(COURT, hex(claim.entry)), 0, 0), began: receipt.blockNumber }
}

const lower = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1)

/** What both sides keep of a game, in one form. */
function stateOf(view: GameView): unknown {
  const { level, end, turn, winner, height, index, count, since, asserterClock, challengerClock } = view
  const known = view.rooted && level !== 'End' ? view.node : undefined
  const place = { level: lower(level), end: lower(end), turn: lower(turn), winner: lower(winner), height, index, count }
  return { ...place, node: known, since, asserterClock, challengerClock }
}

function stateIn({ position, clocks, since }: Game): unknown {
  const { level, end = 'none', turn, winner = 'none', height, index, count, node } = position
  const known = node === undefined || level === 'end' ? undefined : hex(node)
  const state = { level, end, turn, winner, height, index, count, node: known, since }
  return { ...state, asserterClock: clocks.asserter, challengerClock: clocks.challenger }
}

function headerIn(world: World, item: number, value: number): Uint8Array {
  return tensorHeader(world.type(world.graph(item), value))
}

export interface Outcome {
  readonly winner: Player
  readonly end: End | undefined
  readonly moves: number
  readonly gas: Readonly<Record<Player, bigint>>
  /** Other moves that were tried, and that both refused. */
  readonly refused: number
}

type Random = ReturnType<typeof seededRandom>

/** One thing about a move made another. */
function mutated(move: Move, random: Random): Move {
  const flipped = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice()
    if (copy.length > 0) copy[random.below(copy.length)] = random.below(256)
    return copy
  }
  const resized = (bytes: Uint8Array): Uint8Array => bytes.slice(0, random.below(bytes.length + 1))
  const within = <T>(list: readonly T[], change: (one: T) => T): T[] => {
    const at = random.below(Math.max(1, list.length))
    return list.map((one, i) => (i === at ? change(one) : one))
  }
  const shorter = <T>(list: readonly T[]): T[] => list.slice(0, random.below(list.length + 1))
  const bytes = random.below(2) === 0 ? flipped : resized
  if (move.kind === 'post') {
    if (move.header !== undefined && random.below(3) === 0) return { ...move, header: bytes(move.header) }
    return { ...move, data: bytes(move.data) }
  }
  if (move.kind === 'choose') {
    const far = [move.index + 1, random.below(20), random.below(2 ** 32)][random.below(4)]
    if (far !== undefined) return { ...move, index: far }
    const path = [shorter(move.path), [...move.path, ...move.path.slice(-1)], within(move.path, bytes)][random.below(3)]
    return { ...move, path: path ?? [] }
  }
  const { words, openings = [] } = move.evidence
  if (words !== undefined && random.below(3) === 0) {
    const other = within(words, (one) => ({ ...one, index: random.below(2) * one.index + random.below(3) }))
    return { ...move, evidence: { ...move.evidence, words: other } }
  }
  const opened = [shorter(openings), within(openings, shorter), within(openings, (one) => within(one, bytes))]
  return { ...move, evidence: { ...move.evidence, openings: opened[random.below(3)] ?? [] } }
}

/** The chain refuses what the rules refuse, and nothing else. Returns how many of the tries were refused. */
async function agreeAbout(
  { provider, players, arbiter }: Arena,
  gameId: Hex,
  { game, posts }: Played,
  { by, what, evidence, random }: { by: Player; what: Move; evidence: Shown; random: Random },
): Promise<number> {
  const now = (await provider.getBlockNumber()) + 1
  let refused = 0
  for (let i = 0; i < 4; i++) {
    const other = mutated(what, random)
    const player = random.below(8) === 0 ? 'asserter' : by
    let allowed = true
    try {
      apply(game, posts, player, other, now)
    } catch {
      allowed = false
      refused++
    }
    const data = encodeMove(gameId, game.position, other, evidence)
    const call = provider.call({ to: arbiter, from: players[player].address, data, blockTag: 'pending' })
    const taken = await call.then(
      () => true,
      () => false,
    )
    expect([taken, other.kind, game.position.level], JSON.stringify(other)).toEqual([
      allowed,
      other.kind,
      game.position.level,
    ])
  }
  return refused
}

/**
 * Plays a game by the rules and on the chain at once; `choose` says what the challenger names. With `random`, other moves are tried
 * before each.
 */
export async function duelOnChain(
  arena: Arena,
  asserter: World,
  honest: World,
  choose: (position: Position) => number,
  served: boolean,
  random?: Random,
): Promise<Outcome> {
  const { players, reader } = arena
  const evidence = { entry: asserter.entry(), facts: asserter.facts }
  const claim = honest.claim(evidence.entry)
  const { gameId, began } = await accuse(arena, asserter, honest)
  let played: Played = { game: open(claim, PERIOD, new Map(), evidence, began), posts: new Map() }
  const gas = { asserter: 0n, challenger: 0n }
  let moves = 0
  let refused = 0
  const move = async (by: Player, what: Move): Promise<void> => {
    if (random !== undefined) refused += await agreeAbout(arena, gameId, played, { by, what, evidence, random })
    const sent = await players[by].move(gameId, played.game.position, what, evidence)
    expect(sent.gasUsed).toBeLessThan(CAP)
    gas[by] += sent.gasUsed
    played = apply(played.game, played.posts, by, what, sent.blockNumber)
    const view = await reader.gameOf(gameId)
    // A game that is over keeps the clocks as they were.
    const over = played.game.position.winner !== undefined
    if (over) expect(lower(view.winner)).toBe(played.game.position.winner)
    else expect(stateOf(view)).toEqual(stateIn(played.game))
    expect(await reader.positionOf(gameId, began, (item, value) => headerIn(asserter, item, value))).toEqual(
      played.game.position,
    )
    const name = what.kind === 'post' ? 'Posted' : what.kind === 'choose' ? 'Chosen' : 'Compared'
    expect(sent.events[0]).toMatchObject({ name, gameId, player: players[by].address })
    moves++
  }
  while (played.game.position.winner === undefined) {
    const { position } = played.game
    if (position.turn === 'challenger') await move('challenger', chooseOf(asserter, position, choose(position), served))
    else if (position.level !== 'end') await move('asserter', postOf(asserter, position))
    else await move('asserter', { kind: 'prove', evidence: proofOf(asserter, position) })
  }
  const { winner, end } = played.game.position
  const history = await reader.historyOf(gameId, began)
  const { schedule } = asserter
  const own = end !== 'sum' || sumItem(schedule, played.game.position.index) !== undefined
  const passed = winner === 'asserter' && (end === 'inbound' || !own)
  const last = [...(own ? ['Compared'] : ['Chosen']), ...(passed ? ['Passed'] : []), 'Decided']
  expect(history.map(({ name }) => name).slice(-last.length)).toEqual(last)
  expect(history).toHaveLength(moves + (passed ? 2 : 1))
  const metered = await reader.meteredGas(COURT, hex(claim.entry), players.challenger.address)
  // That a choice has ended the game is not metered: who makes it is not repaid.
  expect(Number(metered)).toBeGreaterThan((own ? 0.9 : 0.85) * Number(gas.challenger))
  expect(Number(metered)).toBeLessThan(1.15 * Number(gas.challenger))
  expect(
    await reader.lost(COURT, hex(claim.entry), players[winner === 'asserter' ? 'challenger' : 'asserter'].address),
  ).toBe(true)
  expect(await reader.rulingOf(COURT, hex(claim.entry))).toBe(winner === 'asserter' ? 'Upheld' : 'Refuted')
  return { winner: winner as Player, end, moves, gas, refused }
}
