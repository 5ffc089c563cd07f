/** Games of every end, told and played again: what was compared is what the two sides hold to be true. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { testTerminal } from '#app/terminal/testing.ts'
import { type Arena, duelOnChain, startArena } from '#contracts/testing/pinpoint-arena.ts'
import { type Lies, smallJob, World } from '#pinpoint/testing.ts'
import { honestChoice } from '#pinpoint/testing-duel.ts'
import type { End, Position } from '#pinpoint/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import type { Hash } from '#proto/ids.ts'
import { levelOf } from './figures.ts'
import { readDisputes } from './record.ts'
import { replayOf } from './replay.ts'
import { changedValue, deploymentOf, MATMUL, MICRO, truth, worldOf } from './testing.ts'
import { transcriptLines } from './text.ts'
import { transcriptOf } from './transcript.ts'

let arena: Arena
beforeAll(async () => {
  arena = await startArena()
}, 60_000)
afterAll(() => arena?.stop())

const LIE: Hash = new Uint8Array(32).fill(0x1e)
const port = (name: string): number => truth.program.micro.inputs.findIndex((input) => input.name === name)

interface Case {
  readonly end: End
  readonly lies: Lies
  readonly level: ReturnType<typeof levelOf>
  /** What was compared. */
  readonly compares: readonly [RegExp, RegExp]
  /** The last place on the way there. */
  readonly place: RegExp
}

const ANY = /./
const CASES: readonly Case[] = [
  {
    end: 'rootAfter',
    lies: { entry: { rootAfter: LIE } },
    ...{ level: 'step', compares: [/the last item/, /rootAfter/], place: /rootAfter/ },
  },
  {
    end: 'rootBefore',
    lies: { entry: { rootBefore: LIE } },
    ...{ level: 'step', compares: [/initial state/, /rootBefore/], place: /rootBefore/ },
  },
  {
    end: 'sum',
    lies: { sums: (hashes) => void hashes.splice(1, 1, LIE) },
    ...{ level: 'step', compares: [/sum 0 of step 1/, /lanesRoot says of it/], place: /^step 1$/ },
  },
  {
    end: 'metric',
    lies: { metrics: (leaf, hashes) => void (leaf === 1 && hashes.splice(2, 1, LIE)) },
    ...{ level: 'step', compares: [/metrics in item 7/, /metricsRoot says of step 1/], place: /^step 1$/ },
  },
  {
    end: 'export',
    lies: { leaves: (item, hashes) => void (item === MICRO && hashes.splice(2, 1, LIE)) },
    ...{ level: 'node', compares: [/tensor 2 of item 1/, /the graph exports/], place: /^tensor 2 of item 1$/ },
  },
  {
    end: 'input',
    lies: changedValue(truth.schedule.count - 1, 1),
    ...{ level: 'node', compares: [/^tensor 1 of item 4$/, /value 1/], place: /^an input, tensor 1 of item 4$/ },
  },
  {
    end: 'word',
    lies: changedValue(MICRO, port('position')),
    ...{ level: 'element', compares: [/'position' gives/, /word 0 of value/], place: /^\[0\] of u32\[2\]$/ },
  },
  {
    end: 'word',
    lies: changedValue(MICRO, port('records')),
    ...{ level: 'element', compares: [/'records' gives/, /word 0 of value/], place: /^\[0, 0\] of f32\[2,3\]$/ },
  },
  {
    end: 'stored',
    lies: changedValue(MICRO, MATMUL),
    ...{ level: 'micro-step', compares: [/the last word of the trace/, /word 0 of value 9/], place: ANY },
  },
]

/** Towards the first port of the micro-batch that differs, whether anything uses it or not. */
function pathTo({ level, count }: Position, liar: World): number {
  const value = truth.valueRoots(MICRO).findIndex((root, i) => !bytesEqual(root, liar.valueRoots(MICRO)[i] as Hash))
  return Math.min({ items: MICRO, values: value, words: 0, trace: 0, results: 0, end: 0 }[level], count - 1)
}

it.each(CASES)('$end: $level', async ({ end, lies, level, compares, place }) => {
  const liar = worldOf(lies)
  const choose = (position: Position): number =>
    end === 'word' ? pathTo(position, liar) : honestChoice(truth, liar, position)
  await duelOnChain(arena, liar, truth, choose, true)
  await told(end, level, compares, place)
})

it('inbound: phase', async () => {
  const options = { stepTo: 2, replica: 1, replicas: 2 }
  const honest = new World(smallJob(), options)
  const inbound = honest.schedule.first + honest.schedule.step.findIndex(({ kind }) => kind === 'inbound')
  const lies: Lies = {
    leaves: (item, hashes) => void (item === inbound && hashes.splice(0, 1, LIE)),
    sums: (hashes) => void hashes.splice(0, hashes.length, ...honest.sumRoots()),
  }
  const liar = new World(smallJob(), { ...options, lies })
  await duelOnChain(arena, liar, honest, (position) => honestChoice(honest, liar, position), true)
  await told('inbound', 'phase', [/item \d+/, /lanesRoot says/], ANY)
})

async function told(end: End, level: Case['level'], [first, second]: Case['compares'], place: RegExp): Promise<void> {
  const record = (await readDisputes(arena.provider, deploymentOf(arena))).at(-1)
  if (record === undefined) throw new Error('there is no dispute')
  const transcript = transcriptOf(record)
  const game = transcript.games[0]
  if (game === undefined) throw new Error('there is no game')
  expect(game).toMatchObject({ winner: 'challenger', by: 'proof', end })
  expect(levelOf(game)).toBe(level)
  expect(game.places.at(-1)?.text).toMatch(place)
  const { finish } = game
  expect(finish?.compares).toEqual([expect.stringMatching(first), expect.stringMatching(second)])
  expect(finish?.left).not.toBe(finish?.right)
  expect(finish?.words?.bits.length ?? 1).toBeGreaterThan(0)
  const lines = transcriptLines(transcript, { terminal: testTerminal(), name: () => 'x' }).join('\n')
  expect(lines).toMatch(finish?.words === null ? /^ {2}not equal$/m : /^ {2}they differ in +0x[0-9a-f]{8} {2}bits? /m)
  expect(replayOf(record)).toMatchObject({ moves: game.moves.length, decided: 1, difference: null })
}
