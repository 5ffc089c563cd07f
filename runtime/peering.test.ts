/** A role's peer: bans that outlive it, and a log that says who was kept out and why. */
import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { startPeer } from '#net/testing.ts'
import { Database } from '#runtime/database.ts'
import { identityOf } from '#runtime/keys.ts'
import type { Network } from '#runtime/network.ts'
import { networkIdOf, openPeer } from '#runtime/peering.ts'

const ADDRESS = `0x${'12'.repeat(20)}` as const
const network: Network = {
  rpc: 'http://127.0.0.1:8545',
  chainId: 31_337,
  contracts: { assay: ADDRESS, arbiter: ADDRESS, randomness: ADDRESS, fromBlock: 0 },
  bootstrap: [],
  api: 'http://127.0.0.1:8080',
}

async function start(database: Database) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const peer = await openPeer(network, identityOf(randomBytes(32)), database, log, {})
  onTestFinished(() => peer.stop())
  return { peer, lines }
}

test('a ban is logged with its reason and length, and holds after a restart', async () => {
  const database = new Database(':memory:')
  const liar = await startPeer({ network: networkIdOf(network) })
  const before = await start(database)
  await before.peer.connect(liar.addresses())
  for (let i = 0; i < 2; i++) before.peer.penalise(liar.id, 'blob', 'frame 3 of 0123')
  expect(before.lines).toMatchObject([
    { msg: 'banned a peer', peer: liar.id, reason: 'blob', detail: 'frame 3 of 0123', count: 1, seconds: 300 },
  ])
  await before.peer.stop()
  const after = await start(database)
  expect(after.peer.bans()).toEqual(before.peer.bans())
  await expect(after.peer.connect(liar.addresses())).rejects.toMatchObject({ code: 'network' })
})

test('a record of bans that is damaged counts as none', async () => {
  const database = new Database(':memory:')
  const records = ['', '{', 'null', '7', '[null]', '[{"peer": 1}]', '[{"peer":"a","reason":"mood"}]', '\u0000']
  for (const record of records) {
    database.putObject('bans', new Uint8Array(0), new TextEncoder().encode(record))
    const { peer, lines } = await start(database)
    expect([peer.bans(), lines], record).toEqual([[], []])
    await peer.stop()
  }
})

test('a peer of another network is told of once, however often it comes', async () => {
  const { peer, lines } = await start(new Database(':memory:'))
  const stranger = await startPeer({ network: new Uint8Array(32).fill(7) })
  for (let i = 0; i < 3; i++) await expect(stranger.connect(peer.addresses())).rejects.toThrow()
  expect(lines).toMatchObject([{ code: 'wrong-network', where: '/assay/hello/1', from: stranger.id }])
})
