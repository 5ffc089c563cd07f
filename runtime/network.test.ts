/** Network files: what is missing or malformed is named. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parseNetwork, readNetwork } from '#runtime/network.ts'

const ADDRESS = `0x${'12'.repeat(20)}`
const PEER = '/p2p/12D3KooWEsGEqtnA1JbA78mmUyHaLLQEWz8wYw5Hw4Y3Hw1r2sYb'
const GOOD = {
  rpc: 'http://127.0.0.1:8545',
  chainId: 31_337,
  contracts: { assay: ADDRESS, arbiter: ADDRESS, randomness: ADDRESS, fromBlock: 0 },
  bootstrap: [`/ip4/127.0.0.1/tcp/4001${PEER}`],
  api: 'http://127.0.0.1:8080',
}

test('a network file is refused by field, before anything is opened', async () => {
  expect(parseNetwork(GOOD, 'here')).toEqual(GOOD)
  const faults: [object, RegExp][] = [
    [{ rpc: 'nowhere' }, /rpc: /],
    [{ chainId: 0 }, /chainId: /],
    [{ contracts: { ...GOOD.contracts, assay: '0x12' } }, /contracts\.assay: an address is 0x and 40/],
    [{ contracts: { ...GOOD.contracts, assay: ADDRESS.toUpperCase() } }, /contracts\.assay/],
    [{ bootstrap: Array.from({ length: 65 }, () => `/ip4/1.1.1.1/tcp/1${PEER}`) }, /bootstrap: /],
    [{ bootstrap: ['nonsense'] }, /bootstrap\.0: .*multiaddr/],
    [{ bootstrap: [`/ip4/127.0.0.1/tcp/1${PEER}`, '/ip4/127.0.0.1/tcp/1'] }, /bootstrap\.1: .*multiaddr/],
    [{ surprise: 1 }, /surprise/],
  ]
  for (const [change, message] of faults) {
    expect(() => parseNetwork({ ...GOOD, ...change }, 'here'), JSON.stringify(change)).toThrow(
      expect.objectContaining({ code: 'bad-config', message: expect.stringMatching(message) }),
    )
  }
  for (const value of [null, [], 'text', 7]) expect(() => parseNetwork(value, 'here')).toThrow('here: ')
  const folder = mkdtempSync(join(tmpdir(), 'assay-network-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'network.json')
  await expect(readNetwork(file)).rejects.toMatchObject({ code: 'not-found' })
  writeFileSync(file, '{"rpc": ')
  await expect(readNetwork(file)).rejects.toMatchObject({ code: 'bad-config', next: expect.any(String) })
})
