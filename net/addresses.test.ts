/** How far addresses reach, and which announced ones are dialled. */
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { dialable, networkScope, scopeOf } from '#net/addresses.ts'

const PEER = '12D3KooWEsGEqtnA1JbA78mmUyHaLLQEWz8wYw5Hw4Y3Hw1r2sYb'
const OTHER = '12D3KooWSnqp2vmSezA5z7ju4VuTmRVAVLWTsuWw6fmtzZh5gqdz'

test.each([
  ['/ip4/127.0.0.1/tcp/1', 'machine'],
  ['/ip4/0.0.0.0/tcp/1', 'machine'],
  ['/ip6/::1/tcp/1', 'machine'],
  ['/ip4/10.1.2.3/tcp/1', 'site'],
  ['/ip4/172.31.0.1/tcp/1', 'site'],
  ['/ip4/192.168.1.1/tcp/1', 'site'],
  ['/ip4/169.254.169.254/tcp/80', 'site'],
  ['/ip6/fe80::1/tcp/1', 'site'],
  ['/ip4/8.8.8.8/tcp/1', 'world'],
  ['/ip6/2606:4700::1/tcp/1', 'world'],
  ['/ip4/224.0.0.251/tcp/1', undefined],
  ['/ip4/255.255.255.255/tcp/1', undefined],
  ['/ip6/::ffff:127.0.0.1/tcp/1', 'machine'],
  ['/dns4/example.org/tcp/1', undefined],
  ['/ip4/8.8.8.8/udp/1', undefined],
  ['/ip4/8.8.8.8/tcp/1/ws', undefined],
  [`/ip4/8.8.8.8/tcp/1/p2p/${OTHER}/p2p-circuit/p2p/${PEER}`, undefined],
])('%s reaches %s', (address, scope) => {
  expect(scopeOf(multiaddr(address))).toBe(scope)
})

test('only addresses of the peer itself that reach as far as the network are dialled', () => {
  const [machine, site, world] = ['127.0.0.1', '10.0.0.1', '8.8.8.8'].map((ip) => `/ip4/${ip}/tcp/1/p2p/${PEER}`)
  const all = [machine, site, world] as string[]
  expect(dialable(all, PEER, 'machine')).toEqual(all)
  expect(dialable(all, PEER, 'site')).toEqual([site, world])
  expect(dialable(all, PEER, 'world')).toEqual([world])
  const strange = [`/ip4/8.8.8.8/tcp/1/p2p/${OTHER}`, '/ip4/8.8.8.8/tcp/1', 'nonsense', '', '/ip4/999.1.1.1/tcp/1']
  expect(dialable(strange, PEER, 'machine')).toEqual([])
})

test('a network reaches as far as its nearest bootstrap address', () => {
  expect(networkScope([])).toBe('machine')
  expect(networkScope([], true)).toBe('site')
  expect(networkScope(['/ip4/8.8.8.8/tcp/1', '/ip4/127.0.0.1/tcp/1'])).toBe('machine')
  expect(networkScope(['/ip4/8.8.8.8/tcp/1', '/ip4/10.0.0.1/tcp/1'])).toBe('site')
  expect(networkScope(['/dns4/example.org/tcp/1'])).toBe('world')
})
