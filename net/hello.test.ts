/** Peers of another network or version are told so and left; those of one's own are known before anything else. */
import { setTimeout as sleep } from 'node:timers/promises'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { HELLO_PROTOCOL } from '#net/hello.ts'
import { rawNode, startPair, startPeer, until } from '#net/testing.ts'

const ONE = new Uint8Array(32).fill(1)
const TWO = new Uint8Array(32).fill(2)
const brief = { maxResponse: 100, timeoutMs: 5_000 }

/** A hello as it travels. */
function hello(version: number, network: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(36)
  new DataView(bytes.buffer).setUint32(0, version, true)
  bytes.set(network, 4)
  return bytes
}

test('peers of one network know each other when the dial returns', async () => {
  const [a, b] = await startPair({ network: ONE })
  expect(b.peers()).toEqual([a.id])
  expect(a.peers()).toEqual([b.id])
})

test('a peer of another network is told so, on both sides, and left without blame', async () => {
  const errors: string[] = []
  const told = (error: { code: string }, where: string): void => void errors.push(`${where} ${error.code}`)
  const a = await startPeer({ network: ONE, onError: told })
  const b = await startPeer({ network: TWO })
  const seen: boolean[] = []
  a.onPeer((_peer, connected) => seen.push(connected))
  await expect(b.connect(a.addresses())).rejects.toMatchObject({
    code: 'wrong-network',
    message: expect.stringMatching(/network 02020202 meets 01010101/),
    next: expect.stringContaining('network file'),
  })
  expect([a.peers(), b.peers()]).toEqual([[], []])
  await expect(b.connect(a.addresses())).rejects.toMatchObject({ code: 'wrong-network' })
  expect(errors).toContain(`${HELLO_PROTOCOL} wrong-network`)
  expect([a.bans(), b.bans(), seen]).toEqual([[], [], []])
})

test('a bootstrap address of another network is told of and never gives up the right one', async () => {
  const errors: string[] = []
  const foreign = await startPeer({ network: TWO })
  const home = await startPeer({ network: ONE })
  const peer = await startPeer({
    network: ONE,
    bootstrap: [...foreign.addresses(), ...home.addresses()],
    onError: (error, where, from) => errors.push(`${where} ${error.code} ${from}`),
  })
  await until(() => peer.peers().includes(home.id), 'the right one')
  await until(() => errors.includes(`bootstrap wrong-network ${foreign.addresses()[0]}`), 'the other one')
  expect(peer.peers()).toEqual([home.id])
})

test('another version is named; a malformed hello counts against its sender', async () => {
  const [a, b] = await startPair()
  const say = (bytes: Uint8Array) => b.request(a.id, HELLO_PROTOCOL, bytes, brief).catch((error) => error)
  expect((await say(hello(1, new Uint8Array(32)))).length).toBe(36)
  expect(await say(new Uint8Array(35))).toMatchObject({ code: 'bad-encoding' })
  expect(await say(new Uint8Array(37))).toMatchObject({ code: 'over-limit' })
  expect(await say(hello(0, new Uint8Array(32)))).toMatchObject({
    code: 'bad-version',
    message: expect.stringContaining('version 0 meets 1'),
  })
  await until(() => a.peers().length === 0, 'the end of the connection')
  expect(a.bans()).toEqual([])
})

test('who says no hello in time is disconnected', async () => {
  const errors: string[] = []
  const a = await startPeer({
    limits: { helloMs: 300 },
    onError: (error, where) => errors.push(`${where} ${error.code}`),
  })
  const node = await rawNode()
  const connection = await node.dial(multiaddr(a.addresses()[0]))
  await sleep(50)
  expect(connection.status).toBe('open')
  await until(() => connection.status !== 'open', 'the end')
  expect(errors).toEqual(['hello timeout'])
  expect(a.peers()).toEqual([])
})
