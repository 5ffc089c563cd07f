/** Disputes that were played on a chain, told and played again from what the chain keeps of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testTerminal } from '#app/terminal/testing.ts'
import { evaluate } from '#arith/blocks.ts'
import type { Block } from '#arith/types.ts'
import type { ClaimEvent } from '#contracts/claims.ts'
import { gameIdOf } from '#contracts/pinpoint.ts'
import { type Arena, duelOnChain, startArena } from '#contracts/testing/pinpoint-arena.ts'
import { honestChoice } from '#pinpoint/testing-duel.ts'
import { figuresOf } from './figures.ts'
import { summaryOf } from './list.ts'
import { type DisputeRecord, readDisputes } from './record.ts'
import { replayOf } from './replay.ts'
import {
  accuse,
  BIT,
  COURT,
  deploymentOf,
  FALSE_BLOCK,
  forwarderOf,
  MATMUL,
  MICRO,
  play,
  playerOf,
  truth,
  withEvent,
  worldOf,
} from './testing.ts'
import { replayLines, transcriptLines } from './text.ts'
import { type Transcript, transcriptOf } from './transcript.ts'

let arena: Arena
beforeAll(async () => {
  arena = await startArena()
}, 60_000)
afterAll(() => arena?.stop())

/** The record of the last dispute. */
async function lastRecord(): Promise<DisputeRecord> {
  const records = await readDisputes(arena.provider, deploymentOf(arena))
  const last = records.at(-1)
  if (last === undefined) throw new Error('there is no dispute')
  return last
}

/** A dispute about one false bit of a product sum, which ends in its block. */
async function falseBit(served: boolean): Promise<DisputeRecord> {
  const liar = worldOf(FALSE_BLOCK)
  const outcome = await duelOnChain(arena, liar, truth, (position) => honestChoice(truth, liar, position), served)
  expect(outcome).toMatchObject({ winner: 'challenger', end: 'block' })
  return lastRecord()
}

const nameOf = (transcript: Transcript) => {
  const names = new Map<string, string>([
    ...transcript.seats.map(({ account, number }) => [account, `seat-${number}`] as const),
    ...transcript.challengers.map(({ account, number }) => [account, `challenger-${number}`] as const),
  ])
  return (account: string): string => names.get(account) ?? 'somebody'
}

function textOf(record: DisputeRecord, moves = false): string {
  const transcript = transcriptOf(record)
  return transcriptLines(transcript, { terminal: testTerminal(), name: nameOf(transcript), moves }).join('\n')
}

describe('a dispute that ends in one building block', () => {
  let record: DisputeRecord
  beforeAll(async () => {
    record = await falseBit(true)
  }, 60_000)

  it('is told level by level, down to the operands and the bit', () => {
    const transcript = transcriptOf(record)
    expect(transcript).toMatchObject({ ruling: 'Refuted', replica: 0, steps: [0, 2], window: 1 })
    const [game] = transcript.games
    expect(game).toMatchObject({ state: 'decided', winner: 'challenger', by: 'proof', end: 'block', rounds: 5 })
    expect(game?.places).toMatchObject([
      { level: 'items', index: MICRO, count: 9, text: 'step 0, micro-batch 0' },
      {
        level: 'values',
        index: MATMUL,
        count: 28,
        text: expect.stringMatching(/^matmul\(value 6, value 0\): f32\[2,2\]$/),
      },
      { level: 'words', index: 0, count: 4, text: '[0, 0] of f32[2,2]' },
      { level: 'trace', index: 1, count: 3, text: 'ffma, position 1 of 2' },
    ])
    const { block, words } = game?.finish ?? {}
    const operands = block?.operands.map(({ bits }) => Number(bits)) ?? []
    expect(evaluate(block?.block as Block, operands)).toBe(Number(words?.computed.bits))
    expect(block?.result).toEqual(words?.computed)
    expect(words).toMatchObject({ bits: [BIT], xor: '0x00400000' })
    // What is shown is what the honest world computes with.
    const [x, w] = truth.node(MICRO, MATMUL).inputs.map((id) => truth.values(MICRO)[id] as Uint32Array)
    expect(operands).toEqual([x?.[1], w?.[2], truth.trace(MICRO, MATMUL, 0)[0]])
    expect(Number(words?.computed.bits)).toBe(truth.trace(MICRO, MATMUL, 0)[1])
  })

  it('is printed', () => {
    const varies = /0x[0-9a-f]{64}|\b\d{1,3}(,\d{3})+|(under 1|[\d.]+) s(?=,)/g
    expect(textOf(record).replaceAll(varies, '..')).toMatchInlineSnapshot(`
      "dispute   ..
      job       ..
      entry     steps 0 to 2 of replica 0, window 1
      opened    in block 6, response period 100 blocks
      seats     seat-0 (solver), lost in block 15
      against   challenger-0 (whistleblower)
      ruling    refuted: the claim is false

      game 0:0  seat-0 defends, challenger-0 challenges
      blocks  level   what differs                                                       rounds      gas
      ──────  ──────  ─────────────────────────────────────────────────────────────────  ──────  ───────
      7-8     items   item 1 of 9: step 0, micro-batch 0                                      1  ..
      9-10    values  value 9 of 28: matmul(value 6, value 0): f32[2,2]                       1  ..
      11-12   words   element 0 of 4: [0, 0] of f32[2,2], says 0x3eb89f2f (0.36058947)        1  ..
      13-14   trace   block 1 of 3: ffma, position 1 of 2, says 0x3eb89f2f (0.36058947)       1  ..
      15      end     seat-0 shows the evidence                                               1  ..

        a, value 6 [0, 1] of f32[2,2]     0x3ef5c820  0.48004246
        b, value 0 [1, 0] of f32[2,2]     0x3f1fe3d4  0.62457013
        c, word 0 of the trace            0x3e3e3a4e  0.18576929
        the chain computes ffma(a, b, c)  0x3ef89f2f  0.48558947
        seat-0 says                       0x3eb89f2f  0.36058947
        they differ in                    0x00400000  bit 22

      outcome   challenger-0 has won by proof, at the arithmetic level, in block 15: the seat is lost
      cost      5 rounds, .., .. gas (seat-0 .., challenger-0 ..)"
    `)
  })

  it('has the gas and the blocks of every move', async () => {
    const [game] = transcriptOf(record).games
    for (const { transaction, gas, block, account, through } of game?.moves ?? []) {
      const receipt = await arena.provider.getTransactionReceipt(transaction)
      expect({ gas: BigInt(gas ?? 0), block, account }).toEqual({
        gas: receipt?.gasUsed,
        block: receipt?.blockNumber,
        account: receipt?.from.toLowerCase(),
      })
      expect(through).toBeNull()
    }
    const sum = (game?.gas.asserter ?? 0) + (game?.gas.challenger ?? 0)
    const figures = { level: 'arithmetic', winner: 'whistleblower', loser: 'solver', rounds: 5, gas: sum }
    expect(figuresOf([transcriptOf(record)])).toEqual([{ ...figures, seconds: game?.seconds }])
  })

  it('is played again', () => {
    const replay = replayOf(record)
    expect(replay).toEqual({ moves: 9, taken: 0, through: [], decided: 1, blocks: 1, difference: null })
    expect(replayLines(replay, (account) => account)).toEqual([
      '9 moves replayed, 1 game decided, 1 building block computed: all as the chain says',
    ])
  })

  it('is not played again with any event changed', () => {
    let changed = 0
    for (const [i, event] of record.events.entries()) {
      for (const [field, value] of Object.entries(event)) {
        const other = changedField(event, field, value)
        if (other === undefined) continue
        const { difference } = replayOf(withEvent(record, i, { [field]: other }))
        expect(difference, `${event.name}.${field}`).not.toBeNull()
        changed++
      }
    }
    expect(changed).toBeGreaterThan(100)
  })

  it('is not played again with any move changed', () => {
    for (const [hash, sent] of record.sent) {
      if (sent.to !== record.arbiter || !record.events.some((e) => 'gameId' in e && e.transactionHash === hash))
        continue
      // The last byte that is not padding: of a preimage, of a leaf, of a node.
      const digits = sent.input.replace(/0+$/, '')
      const last = digits.length - 1
      const digit = (Number.parseInt(digits[last] ?? '0', 16) ^ 1).toString(16)
      const input = `${digits.slice(0, last)}${digit}${sent.input.slice(last + 1)}`
      const record2 = { ...record, sent: new Map([...record.sent, [hash, { ...sent, input }]]) }
      expect(replayOf(record2).difference, hash).not.toBeNull()
    }
  })
})

/** Another value of a field that the rules determine. */
function changedField({ name }: ClaimEvent, field: string, value: unknown): unknown {
  const place = ['name', 'blockNumber', 'transactionHash', 'logIndex', 'claimId']
  if (place.includes(field) || ['AcceptorAdded', 'ClaimOpened'].includes(name)) return undefined
  if (typeof value === 'number') return value + 1
  const others: Readonly<Record<string, readonly string[]>> = {
    level: ['Items', 'Trace', 'Values'],
    next: ['Items', 'Trace', 'Values'],
    end: ['Word', 'Input'],
    turn: ['Asserter', 'Challenger'],
    winner: ['Asserter', 'Challenger'],
    decision: ['Timeout'],
  }
  if (others[field] !== undefined) return others[field].find((other) => other !== value)
  const text = String(value)
  return `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`
}

it('goes down one level at a time where nothing is served', async () => {
  const record = await falseBit(false)
  const [game] = transcriptOf(record).games
  expect(game?.moves.map(({ kind, level }) => `${kind} ${level}`)).toEqual([
    ...['post items', 'choose items', 'post values', 'choose values', 'post values', 'choose values'],
    ...['post words', 'choose words', 'post trace', 'choose trace', 'prove end'],
  ])
  const lists = textOf(record).match(/^\d+(-\d+)? +\w+ .*$/gm) ?? []
  expect(lists).toHaveLength(5)
  expect(lists[1]).toMatch(/^\d+-\d+ +values +value \d+ of 28: matmul.* 2 +[\d,]+$/)
  expect(textOf(record, true).match(/^\d+ .*$/gm)).toHaveLength(11)
  expect(replayOf(record)).toMatchObject({ moves: 11, difference: null })
})

it('tells of several seats and challengers, of time that runs out, and of those who give up', async () => {
  const { players, provider } = arena
  const [solver, first] = [players.asserter, players.challenger]
  const [second, acceptor] = await Promise.all([playerOf(arena), playerOf(arena)])
  const world = worldOf()
  const opened = await accuse(arena, world, solver.address, first.address, [acceptor.address])
  const gameId = (seat: number, challenger: number) => gameIdOf(opened.claimId, seat, challenger)
  await accuse(arena, world, solver.address, second.address, [])
  const waiting = await lastRecord()
  expect(transcriptOf(waiting).games).toMatchObject([
    { state: 'running', turn: 'asserter', until: opened.block + 100, moves: [] },
    { state: 'running', turn: 'asserter', until: opened.block + 101, moves: [] },
  ])
  expect(() => replayOf(waiting)).toThrow(/shows the entry and the facts/)

  // One post is the seat's move in both games.
  await play(arena, gameId(0, 0), solver, world)
  const posted = transcriptOf(await lastRecord()).games
  expect(posted.map(({ turn }) => turn)).toEqual(['challenger', 'challenger'])
  for (const { gameId: id, clocks, until } of posted) {
    const view = await arena.reader.gameOf(id)
    expect(clocks).toEqual({ asserter: view.asserterClock, challenger: view.challengerClock })
    expect(until).toBe(view.since + view.challengerClock)
  }
  await play(arena, gameId(0, 1), second, world, { index: MICRO })
  await second.concede(gameId(0, 1))
  await play(arena, gameId(0, 0), first, world, { index: 0 })
  await solver.concede(gameId(0, 0))
  await acceptor.defend(COURT, opened.entryHash)
  const third = await playerOf(arena)
  await accuse(arena, world, solver.address, third.address, [])
  await play(arena, gameId(1, 0), acceptor, world)
  await play(arena, gameId(1, 2), third, world, { index: truth.schedule.count })
  const inPlay = await lastRecord()
  expect(transcriptOf(inPlay).ruling).toBe('Pending')
  expect(replayOf(inPlay)).toMatchObject({ moves: 5, decided: 2, difference: null })
  await play(arena, gameId(1, 2), acceptor, world)
  await provider.send('anvil_mine', ['0x100'])
  await acceptor.timeout(gameId(1, 0))

  const record = await lastRecord()
  const transcript = transcriptOf(record)
  expect(transcript.ruling).toBe(await arena.reader.rulingOf(COURT, opened.entryHash))
  const told = transcript.games.map(({ seat, challenger, winner, by }) => [seat, challenger, winner, by])
  expect(told).toEqual([
    [0, 0, 'challenger', 'concession'],
    [0, 1, 'asserter', 'concession'],
    [1, 0, 'asserter', 'timeout'],
    [1, 2, 'asserter', 'proof'],
  ])
  expect(replayOf(record)).toMatchObject({ moves: 6, taken: 0, decided: 4, blocks: 0, difference: null })
  expect(figuresOf([transcript])).toMatchObject([
    { level: 'node', winner: 'solver', loser: 'whistleblower' },
    { level: 'node', winner: 'whistleblower', loser: 'solver' },
    { level: 'step', winner: 'verifier', loser: 'whistleblower' },
    { level: 'phase', winner: 'verifier', loser: 'whistleblower' },
  ])
  const text = textOf(record)
  expect(text).toContain('seat-1 has won as challenger-0 ran out of time, at the phase level')
  expect(text).toContain('challenger-0 has won as seat-0 gave up')
  expect(text).toMatch(/^ {2}the last item +0x[0-9a-f]{64}$/m)
  expect(summaryOf(transcript).games.map(({ winner }) => winner)).toEqual(told.map(([, , winner]) => winner))
})

it('says what it cannot know of moves that a contract makes', async () => {
  const contract = await forwarderOf(arena)
  const liar = worldOf(FALSE_BLOCK)
  const { claimId } = await accuse(arena, liar, arena.players.asserter.address, contract)
  const gameId = gameIdOf(claimId, 0, 0)
  const challenge = (index: number) => play(arena, gameId, arena.players.challenger, liar, { index, contract })
  const answer = () => play(arena, gameId, arena.players.asserter, liar)
  await answer()
  for (const index of [MICRO, MATMUL, 0, 1]) {
    await challenge(index)
    await answer()
  }
  const record = await lastRecord()
  const transcript = transcriptOf(record)
  expect(transcript.games).toMatchObject([{ winner: 'challenger', end: 'block' }])
  expect(transcript.games[0]?.moves.map(({ through }) => through !== null)).toEqual(
    [0, 1, 0, 1, 0, 1, 0, 1, 0].map(Boolean),
  )
  // The proof was the asserter's own: it shows the node and the operands.
  expect(transcript.games[0]?.finish?.block).toMatchObject({ block: 'ffma' })
  const replay = replayOf(record)
  expect(replay).toMatchObject({ moves: 1, taken: 8, through: [contract], decided: 1, difference: null })
  expect(replayLines(replay, (account) => account)[0]).toContain(contract)
  expect(textOf(record)).toContain('known from events alone')
})

it('tells who somebody is in the job, and what the dispute has cost them', async () => {
  const base = await lastRecord()
  const { opened } = base
  const place = { blockNumber: opened.blockNumber, transactionHash: '0x01', logIndex: 0, jobId: opened.jobId }
  const [accuser] = transcriptOf(base).challengers
  const account = accuser?.account ?? '0x'
  const about = { entryHash: opened.entryHash, window: 4, epoch: 1, index: 3 }
  const moved = { window: 4, index: 3 }
  const job = [
    { ...place, name: 'PoolFixed', seed: '0x00', pool: [{ account, weight: 1n }], coordinators: [] },
    { ...place, name: 'Challenged', accuser: account, solver: opened.solver, ...about },
    { ...place, name: 'Ledger', account, amount: -5n, reason: 'Bond', ...moved },
    { ...place, name: 'Ledger', account, amount: -7n, reason: 'Bond', ...moved, transactionHash: '0x02' },
    {
      ...place,
      name: 'DisputeResolved',
      ...about,
      solver: opened.solver,
      ruling: 'Refuted',
      transactionHash: '0x03',
    },
    { ...place, name: 'Ledger', account, amount: 9n, reason: 'Bounty', ...moved, transactionHash: '0x03' },
  ] as unknown as DisputeRecord['job']
  const record: DisputeRecord = { ...base, job }
  const transcript = transcriptOf(record)
  expect(transcript).toMatchObject({ index: 3, challengers: [{ role: 'verifier' }] })
  const block = opened.blockNumber
  expect(transcript.resolvedAt).toBe(block)
  expect(transcript.ledger).toEqual([
    { account, amount: -5n, reason: 'Bond', block },
    { account, amount: 9n, reason: 'Bounty', block },
  ])
  const lines = transcriptLines(transcript, { terminal: testTerminal(), name: () => 'verifier-1' })
  expect(lines.slice(-2)).toEqual([
    expect.stringMatching(/^verifier-1 +-0\.000000000000000005 +bond for the challenge +\d+$/),
    expect.stringMatching(/^verifier-1 +\+0\.000000000000000009 +share of what was lost +\d+$/),
  ])
})
