/** `assay dispute` as it is called: what it prints, and with which exit code it ends. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { main } from '#app/cli.ts'
import { EXIT } from '#app/exit.ts'
import { type Arena, duelOnChain, startArena } from '#contracts/testing/pinpoint-arena.ts'
import { honestChoice } from '#pinpoint/testing-duel.ts'
import { accuse, deploymentOf, FALSE_BLOCK, truth, worldOf } from './testing.ts'

let arena: Arena
let folder = ''
let network = ''
/** Entry hashes of a dispute that is decided, and of one that nobody has moved in. */
const ids = { decided: '', waiting: '' }

beforeAll(async () => {
  arena = await startArena()
  folder = mkdtempSync(join(tmpdir(), 'assay-dispute-'))
  network = join(folder, 'network.json')
  const names = { [arena.players.asserter.address]: 'solver-2', [arena.players.challenger.address]: 'verifier-1' }
  const rpc = arena.provider._getConnection().url
  const file = { rpc, chainId: 31337, contracts: deploymentOf(arena), bootstrap: [], api: 'http://127.0.0.1:1', names }
  writeFileSync(network, JSON.stringify(file))
}, 60_000)

afterAll(async () => {
  await arena?.stop()
  rmSync(folder, { recursive: true, force: true })
})

afterEach(() => {
  process.exitCode = undefined
})

async function assay(...args: readonly string[]): Promise<{ code: number; text: string; errors: string }> {
  const [text, errors]: string[][] = [[], []]
  const catching = (into: string[] | undefined) => (part: string | Uint8Array) => {
    into?.push(String(part))
    return true
  }
  const out = vi.spyOn(process.stdout, 'write').mockImplementation(catching(text))
  const err = vi.spyOn(process.stderr, 'write').mockImplementation(catching(errors))
  try {
    const code = await main(['dispute', ...args, '--network', network])
    return { code, text: text?.join('') ?? '', errors: errors?.join('') ?? '' }
  } finally {
    out.mockRestore()
    err.mockRestore()
  }
}

it('says when there are no disputes', async () => {
  expect(await assay('list')).toMatchObject({ code: EXIT.ok, text: 'no disputes: nobody has challenged an entry\n' })
  expect((await assay('list', '--json')).text).toBe('[]\n')
})

it('lists them, decided and under way', async () => {
  const liar = worldOf(FALSE_BLOCK)
  await duelOnChain(arena, liar, truth, (position) => honestChoice(truth, liar, position), true)
  const { players } = arena
  const opened = await accuse(arena, worldOf(), players.asserter.address, players.challenger.address)
  ids.waiting = opened.entryHash
  const { text } = await assay('list')
  expect(text).toMatch(
    /^0x[0-9a-f]{8} +0x07070707 +1 +- +solver-2 +verifier-1 +\d+ +refuted: verifier-1 won at arithmetic$/m,
  )
  expect(text).toMatch(/^0x[0-9a-f]{8} +0x07070707 +- +- +solver-2 +verifier-1 +\d+ +pending, at phase$/m)
  const listed = JSON.parse((await assay('list', '--json')).text)
  expect(listed).toMatchObject([
    { ruling: 'Refuted', figures: [{ level: 'arithmetic', winner: 'whistleblower', loser: 'solver', rounds: 5 }] },
    { ruling: 'Pending', entryHash: ids.waiting, games: [{ state: 'running', turn: 'asserter' }], figures: [] },
  ])
  ids.decided = listed[0].entryHash
})

it('shows one by the first digits of its entry or its claim', async () => {
  const short = ids.decided.slice(2, 10)
  const { code, text } = await assay('show', short)
  expect(code).toBe(EXIT.ok)
  expect(text).toMatch(/^game 0:0 {2}solver-2 defends, verifier-1 challenges$/m)
  expect(text).toMatch(/^ {2}they differ in +0x00400000 {2}bit 22$/m)
  expect((await assay('show', short, '--moves')).text.match(/^\d+ +(solver-2|verifier-1) /gm)).toHaveLength(9)
  const shown = JSON.parse((await assay('show', ids.decided, '--json')).text)
  expect(shown).toMatchObject({ entryHash: ids.decided, games: [{ finish: { words: { bits: [22] } } }] })
  expect(JSON.parse((await assay('show', shown.claimId, '--json')).text)).toEqual(shown)
})

it('shows one that nobody has moved in, and refuses to replay it', async () => {
  const { text } = await assay('show', ids.waiting)
  expect(text).toMatch(/^outcome +it is the turn of solver-2, which has until block \d+ to answer/m)
  const replay = await assay('replay', ids.waiting)
  expect(replay).toMatchObject({ code: EXIT.network, errors: expect.stringMatching(/shows the entry and the facts/) })
})

it('replays one', async () => {
  const { code, text } = await assay('replay', ids.decided)
  expect({ code, text }).toEqual({
    code: EXIT.ok,
    text: '9 moves replayed, 1 game decided, 1 building block computed: all as the chain says\n',
  })
  expect(JSON.parse((await assay('replay', ids.decided, '--json')).text)).toMatchObject({ moves: 9, difference: null })
})

it('refuses what names none, or cannot be read', async () => {
  expect(await assay('show', '1234')).toMatchObject({ code: EXIT.usage })
  expect(await assay('show', 'x'.repeat(8))).toMatchObject({ code: EXIT.usage })
  const unknown = await assay('show', 'ffffffff', '--json')
  expect(unknown.code).toBe(EXIT.notFound)
  expect(JSON.parse(unknown.text)).toMatchObject({ error: { code: 'not-found', next: expect.any(String) } })
  expect(await assay('list', '0x0707')).toMatchObject({ code: EXIT.notFound })
  expect(await assay()).toMatchObject({ code: EXIT.usage })
  const file = JSON.parse(readFileSync(network, 'utf8'))
  writeFileSync(network, JSON.stringify({ ...file, rpc: 'http://127.0.0.1:9' }))
  const gone = await assay('list')
  expect(gone).toMatchObject({ code: EXIT.network, errors: expect.stringMatching(/no chain answers/) })
}, 30_000)
