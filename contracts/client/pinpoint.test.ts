/** Whole games on a chain, move by move beside the rules in `pinpoint/`: positions, clocks and winners are the same. */
import { Interface, type JsonRpcProvider, Wallet } from 'ethers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import artifacts from '#contracts/abi/artifacts.generated.json' with { type: 'json' }
import type { GameView, Hex } from '#contracts/abi/types.generated.ts'
import { type Anvil, startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { deployPinpoint } from '#contracts/deploy.ts'
import { hex } from '#contracts/entries.ts'
import { isContractError } from '#contracts/errors.ts'
import { claimIdOf, encodeFacts, gameIdOf, PinpointReader, PinpointSender } from '#contracts/pinpoint.ts'
import { FACTS_TAG, factsHash } from '#pinpoint/facts.ts'
import { apply, deadline, type Game, open, type Played } from '#pinpoint/game.ts'
import { type Lies, smallJob, World, type WorldOptions } from '#pinpoint/testing.ts'
import { chooseOf, honestChoice, postOf, proofOf } from '#pinpoint/testing-duel.ts'
import { tensorHeader } from '#pinpoint/tree.ts'
import type { End, Move, Player, Position } from '#pinpoint/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { taggedHash } from '#proto/hash.ts'
import type { Hash } from '#proto/ids.ts'

const PERIOD = 100
const CAP = 16_777_216n
/** An account with code: it opens claims, and names the entry of the other replica. */
const COURT = '0x00000000000000000000000000000000000c0c0a'

let chain: Anvil
let provider: JsonRpcProvider
let reader: PinpointReader
let players: Readonly<Record<Player, PinpointSender>>
let arbiter: Hex

beforeAll(async () => {
  chain = await startAnvil({ blockTime: 0 })
  provider = await openChain(chain.url)
  await provider.send('evm_setAutomine', [true])
  const key = (i: number): string => chain.accounts[i]?.privateKey ?? ''
  arbiter = await deployPinpoint(new Wallet(key(0), provider))
  const sender = (i: number): PinpointSender => new PinpointSender(provider, arbiter, key(i), { pollMs: 5 })
  players = { asserter: sender(1), challenger: sender(2) }
  reader = new PinpointReader(provider, arbiter)
  await provider.send('anvil_impersonateAccount', [COURT])
  await provider.send('anvil_setBalance', [COURT, '0xffffffffffffffffff'])
}, 60_000)

afterAll(async () => {
  provider?.destroy()
  await chain?.stop()
})

/** The court accuses an entry, of which `partner` is the other replica's; returns the block in which the game began. */
async function accuse(world: World, honest: World, partner: Hash): Promise<{ gameId: Hex; began: number }> {
  // return(mem[0..32)) of a constant
  await provider.send('anvil_setCode', [COURT, `0x7f${hex(partner).slice(2)}60005260206000f3`])
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
  const receipt = await provider.waitForTransaction(hash, 1, 10_000)
  expect(receipt?.status).toBe(1)
  return { gameId: gameIdOf(claimIdOf(COURT, hex(claim.entry)), 0, 0), began: receipt?.blockNumber ?? 0 }
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

interface Outcome {
  readonly winner: Player
  readonly end: End | undefined
  readonly moves: number
  readonly gas: Readonly<Record<Player, bigint>>
}

/** Plays a game by the rules and on the chain at once. */
async function duelOnChain(
  asserter: World,
  honest: World,
  choose: (position: Position) => number,
  served: boolean,
): Promise<Outcome> {
  const evidence = { entry: asserter.entry(), facts: asserter.facts }
  const claim = honest.claim(evidence.entry)
  const other = claim.slot.find((_, replica) => replica !== asserter.replica) ?? claim.entry
  const { gameId, began } = await accuse(asserter, honest, other)
  let played: Played = { game: open(claim, PERIOD, new Map(), evidence, began), posts: new Map() }
  const gas = { asserter: 0n, challenger: 0n }
  let moves = 0
  const move = async (by: Player, what: Move): Promise<void> => {
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
  expect(history.map(({ name }) => name).slice(-2)).toEqual(['Compared', 'Decided'])
  expect(history).toHaveLength(moves + 1)
  const metered = await reader.meteredGas(COURT, hex(claim.entry), players.challenger.address)
  expect(Number(metered)).toBeGreaterThan(0.9 * Number(gas.challenger))
  expect(Number(metered)).toBeLessThan(1.15 * Number(gas.challenger))
  expect(
    await reader.lost(COURT, hex(claim.entry), players[winner === 'asserter' ? 'challenger' : 'asserter'].address),
  ).toBe(true)
  expect(await reader.rulingOf(COURT, hex(claim.entry))).toBe(winner === 'asserter' ? 'Upheld' : 'Refuted')
  return { winner: winner as Player, end, moves, gas }
}

const job = smallJob()
const TWO: WorldOptions = { stepTo: 2 }
const truth = new World(job, TWO)
const MICRO = 1
const micro = truth.program.micro
const looped = micro.inputs.length + micro.nodes.findIndex(({ op }) => op === 'matmul')
const LIE: Hash = new Uint8Array(32).fill(0x1e)
const flip = (words: Uint32Array, at = 0): void => {
  words[at] = ((words[at] as number) ^ (1 << 22)) >>> 0
}
const changed = (item: number, value: number): Lies => ({
  value: (i, v, words) => void (i === item && v === value && flip(words)),
})
const port = (name: string): number => micro.inputs.findIndex((input) => input.name === name)

const LIES: readonly (readonly [End, Lies])[] = [
  ['rootAfter', { entry: { rootAfter: LIE } }],
  ['rootBefore', { entry: { rootBefore: LIE } }],
  ['sum', { sums: (hashes) => void hashes.splice(1, 1, LIE) }],
  ['metric', { metrics: (leaf, hashes) => void (leaf === 1 && hashes.splice(2, 1, LIE)) }],
  ['export', { leaves: (i, hashes) => void (i === MICRO && hashes.splice(2, 1, LIE)) }],
  ['input', changed(truth.schedule.count - 1, 1)],
  ['word', changed(MICRO, port('position'))],
  ['word', changed(MICRO, port('records'))],
  ['stored', changed(MICRO, looped)],
  [
    'block',
    {
      ...changed(MICRO, looped),
      trace: (i, v, e, words) => {
        if (i === MICRO && v === looped && e === 0) for (let t = 1; t < words.length; t++) flip(words, t)
      },
    },
  ],
]

let window = 0
/** The lies of another entry: a claim knows its challengers, so each game is about its own. */
const unlike = (lies: Lies): Lies => ({ ...lies, entry: { ...lies.entry, window: ++window } })

it.each(LIES)(
  'a lie about the %s ends there, on the chain as by the rules',
  async (end, lies) => {
    const liar = new World(job, { ...TWO, lies: unlike(lies) })
    const choose = (position: Position): number =>
      end === 'word' ? pathTo(position, liar) : honestChoice(truth, liar, position)
    expect(await duelOnChain(liar, truth, choose, true)).toMatchObject({ winner: 'challenger', end })
  },
  60_000,
)

/** Towards the first port of the micro-batch that differs, whether anything uses it or not. */
function pathTo({ level, count }: Position, liar: World): number {
  const value = truth.valueRoots(MICRO).findIndex((root, i) => !bytesEqual(root, liar.valueRoots(MICRO)[i] as Hash))
  return Math.min({ items: MICRO, values: value, words: 0, trace: 0, results: 0, end: 0 }[level], count - 1)
}

it('an inbound sum that is not what the other replica claims', async () => {
  const options: WorldOptions = { ...TWO, replica: 1, replicas: 2 }
  const honest = new World(job, options)
  const inbound = honest.schedule.first + honest.schedule.step.findIndex(({ kind }) => kind === 'inbound')
  const lies: Lies = { leaves: (i, hashes) => void (i === inbound && hashes.splice(0, 1, LIE)) }
  const liar = new World(job, { ...options, lies: unlike(lies) })
  const choose = (position: Position): number => honestChoice(honest, liar, position)
  expect(await duelOnChain(liar, honest, choose, true)).toMatchObject({ winner: 'challenger', end: 'inbound' })
}, 60_000)

it('an asserter that serves nothing is beaten as well', async () => {
  const lies = LIES.find(([end]) => end === 'block')?.[1] ?? {}
  const liar = new World(job, { ...TWO, lies: unlike(lies) })
  const choose = (position: Position): number => honestChoice(truth, liar, position)
  const outcome = await duelOnChain(liar, truth, choose, false)
  expect(outcome).toMatchObject({ winner: 'challenger', end: 'block' })
}, 60_000)

it('an honest asserter wins wherever it is led', async () => {
  let seed = 5
  for (let game = 0; game < 6; game++) {
    const asserter = new World(job, { ...TWO, lies: unlike({}) })
    const choose = ({ level, count, height, index }: Position): number => {
      seed = (seed * 48_271) % 2_147_483_647
      if (level === 'items' || level === 'values' || level === 'results') {
        const first = index * 16 ** height
        return first + (seed % Math.min(16 ** height, count - first))
      }
      return seed % count
    }
    expect(await duelOnChain(asserter, asserter, choose, game % 2 === 0)).toMatchObject({ winner: 'asserter' })
  }
}, 120_000)

it('packs facts as their digest does', () => {
  const packed = encodeFacts(truth.facts)
  expect(packed).toHaveLength(413)
  const digest = taggedHash(FACTS_TAG, (p) => packed.reduce((all, byte) => all.u8(byte), p))
  expect(digest).toEqual(factsHash(truth.facts))
})

it('names what the contract refuses', async () => {
  const world = new World(job, { ...TWO, lies: unlike({}) })
  const { gameId, began } = await accuse(world, world, LIE)
  const evidence = { entry: world.entry(), facts: world.facts }
  const { position } = open(world.claim(), PERIOD, new Map(), evidence, began)
  const post = postOf(world, position)
  await expect(players.challenger.move(gameId, position, post, evidence)).rejects.toSatisfy((e) =>
    isContractError(e, 'NotYourTurn'),
  )
  const cut: Move = { kind: 'post', data: new Uint8Array(32) }
  await expect(players.asserter.move(gameId, position, cut, evidence)).rejects.toSatisfy((e) =>
    isContractError(e, 'WrongSize'),
  )
  await expect(players.asserter.timeout(gameId)).rejects.toSatisfy((e) => isContractError(e, 'InTime'))
  await provider.send('anvil_mine', ['0x65'])
  const late = deadline({
    claim: world.claim(),
    period: PERIOD,
    position,
    clocks: { asserter: PERIOD, challenger: PERIOD },
    since: began,
  })
  expect(await provider.getBlockNumber()).toBeGreaterThan(late)
  const sent = await players.challenger.timeout(gameId)
  expect(sent.events.map(({ name }) => name)).toEqual(['Decided', 'SeatLost'])
}, 60_000)
