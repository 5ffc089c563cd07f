/** For tests: disputes on a chain of their own, between worlds that differ in known ways. */
import { Wallet } from 'ethers'
import { vi } from 'vitest'
import type { Deployment } from '#contracts/deploy.ts'
import { hex } from '#contracts/entries.ts'
import { claimIdOf, encodeMove, PINPOINT, PinpointSender } from '#contracts/pinpoint.ts'
import { type Arena, PERIOD } from '#contracts/testing/pinpoint-arena.ts'
import { Transactor } from '#contracts/transactor.ts'
import { type Lies, smallJob, World } from '#pinpoint/testing.ts'
import { chooseOf, postOf, proofOf } from '#pinpoint/testing-duel.ts'
import { tensorHeader } from '#pinpoint/tree.ts'
import type { Move } from '#pinpoint/types.ts'
import type { Hex } from '#proto/terms.ts'
import { seededRandom } from '#proto/testing.ts'
import type { DisputeRecord } from './record.ts'

/** The account that opens claims on an arena's chain. */
export const COURT = '0x00000000000000000000000000000000000c0c0a'

export const deploymentOf = ({ arbiter }: Arena): Deployment => ({
  assay: COURT,
  arbiter,
  randomness: COURT,
  fromBlock: 0,
})

const job = smallJob()
export const truth = new World(job, { stepTo: 2 })
export const MICRO = 1
const { micro } = truth.program
export const MATMUL = micro.inputs.length + micro.nodes.findIndex(({ op }) => op === 'matmul')
export const BIT = 22

const flip = (words: Uint32Array, at: number): void => {
  words[at] = ((words[at] as number) ^ (1 << BIT)) >>> 0
}

/** One bit of a value is false, and all that follows from it. */
export const changedValue = (item: number, value: number): Lies => ({
  value: (i, v, words) => void (i === item && v === value && flip(words, 0)),
})

/** One bit of a product sum is false from its second word on, and all that follows from it. */
export const FALSE_BLOCK: Lies = {
  ...changedValue(MICRO, MATMUL),
  trace: (item, value, element, words) => {
    if (item === MICRO && value === MATMUL && element === 0) for (let t = 1; t < words.length; t++) flip(words, t)
  },
}

let window = 0

/** A statement about an entry that no other dispute is about. */
export const worldOf = (lies: Lies = {}): World =>
  new World(job, { stepTo: 2, lies: { ...lies, entry: { ...lies.entry, window: ++window } } })

const keys = seededRandom(47)

/** A player with an account of its own. */
export async function playerOf({ provider, arbiter }: Arena): Promise<PinpointSender> {
  const { privateKey, address } = new Wallet(hex(keys.bytes(32)))
  await provider.send('anvil_setBalance', [address, '0xffffffffffffffffff'])
  return new PinpointSender(new Transactor(provider, privateKey, { pollMs: 5 }), arbiter)
}

async function mined(provider: Arena['provider'], hash: string): Promise<number> {
  const receipt = await vi.waitUntil(() => provider.getTransactionReceipt(hash), { timeout: 20_000, interval: 5 })
  if (receipt.status !== 1) throw new Error(`${hash} was reverted`)
  return receipt.blockNumber
}

/** The court lets an accuser in. */
export async function accuse(
  { provider, arbiter }: Arena,
  world: World,
  solver: string,
  accuser: string,
  acceptors: readonly string[] = [],
): Promise<{ readonly claimId: Hex; readonly entryHash: Hex; readonly block: number }> {
  const claim = world.claim()
  const entryHash = hex(claim.entry)
  const accusation = {
    ...{ entryHash, jobId: hex(world.entry().jobId), factsHash: hex(claim.facts), solver },
    ...{ replicas: claim.replicas, responsePeriod: PERIOD, acceptors },
  }
  const data = PINPOINT.interface.encodeFunctionData('open', [accusation, accuser])
  const call = { from: COURT, to: arbiter, data, gas: '0xf4240' }
  const block = await mined(provider, await provider.send('eth_sendTransaction', [call]))
  return { claimId: claimIdOf(COURT, entryHash), entryHash, block }
}

/** A contract that passes on to the arbiter whatever it is called with. */
export async function forwarderOf({ provider, arbiter }: Arena): Promise<Hex> {
  const address = hex(keys.bytes(20))
  // calldatacopy(0, 0, calldatasize); call(gas, arbiter, 0, 0, calldatasize, 0, 0), or else revert(0, 0)
  const code = `0x36600060003760006000366000600073${arbiter.slice(2)}5af1602e5760006000fd5b00`
  await provider.send('anvil_setCode', [address, code])
  return address
}

/** Makes the next move of a game by a world: an answer, a proof, or a choice of `index`; through `contract` if one is given. */
export async function play(
  { provider, reader }: Arena,
  gameId: Hex,
  player: PinpointSender,
  world: World,
  { index, contract }: { readonly index?: number; readonly contract?: Hex } = {},
): Promise<void> {
  const header = (item: number, value: number): Uint8Array => tensorHeader(world.type(world.graph(item), value))
  const position = await reader.positionOf(gameId, 0, header)
  const answer = (): Move =>
    position.level === 'end' ? { kind: 'prove', evidence: proofOf(world, position) } : postOf(world, position)
  const move = index === undefined ? answer() : chooseOf(world, position, index, true)
  const shown = { entry: world.entry(), facts: world.facts }
  if (contract === undefined) {
    await player.move(gameId, position, move, shown)
    return
  }
  const data = encodeMove(gameId, position, move, shown)
  await provider.send('anvil_impersonateAccount', [player.address])
  const call = { from: player.address, to: contract, data, gas: '0x4c4b40' }
  await mined(provider, await provider.send('eth_sendTransaction', [call]))
}

/** The record with one event changed. */
export function withEvent(record: DisputeRecord, index: number, change: object): DisputeRecord {
  const events = record.events.map((event, i) => (i === index ? { ...event, ...change } : event))
  return { ...record, events: events as DisputeRecord['events'] }
}
