/** Peers of one network on one site find each other without any address; those of another network do not. */
import { networkInterfaces } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startPeer, until } from '#net/testing.ts'

/** Multicast needs an interface beside the loopback; a build machine may have none. */
const site = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ internal, family }) => !internal && family === 'IPv4'),
)

test.skipIf(!site)('peers of the same network find each other', async () => {
  const ONE = new Uint8Array(32).fill(1)
  const start = (network: Uint8Array) => startPeer({ network, mdns: true, listen: ['/ip4/0.0.0.0/tcp/0'] })
  const [a, stranger] = await Promise.all([start(ONE), start(new Uint8Array(32).fill(2))])
  const b = await start(ONE)
  await until(() => a.peers().includes(b.id) && b.peers().includes(a.id), 'the discovery')
  await sleep(200)
  expect([a.peers(), b.peers(), stranger.peers()]).toEqual([[b.id], [a.id], []])
})
