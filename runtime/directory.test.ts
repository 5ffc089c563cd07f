/** The directory keeps who has a seat, whatever strangers announce, and forgets who falls silent. */
import { expect, test } from 'vitest'
import { Directory } from '#runtime/directory.ts'

const at = (peerId: string) => ({ peerId, addresses: [] })

function open(...accounts: string[]) {
  const seats = new Set(accounts)
  const seatedPeers = new Set<string>()
  const directory = new Directory(
    (account) => seats.has(account),
    (peer, seated) => void (seated ? seatedPeers.add(peer) : seatedPeers.delete(peer)),
  )
  return { directory, seats, seatedPeers }
}

test('a crowd of strangers drives out strangers alone, the longest unheard first', () => {
  const { directory } = open('solver')
  directory.meet('solver', at('s'), 0)
  directory.meet('guest', at('g'), 0)
  for (let i = 0; i < 5_000; i++) {
    directory.meet(`nobody ${i}`, at(`n${i}`), 1)
    if (i % 500 === 0) directory.meet('guest', at('g'), 1)
  }
  expect(directory.peerOf('solver', 1)).toBe('s')
  expect(directory.peerOf('guest', 1)).toBe('g')
  expect(directory.peerOf('nobody 0', 1)).toBeUndefined()
  expect(directory.peerOf('nobody 4999', 1)).toBe('n4999')
})

test('a seat is of the account and follows it to another peer', () => {
  const { directory, seats, seatedPeers } = open('a')
  expect(directory.meet('a', at('first'), 0)).toBe(true)
  expect(directory.meet('b', at('other'), 0)).toBe(false)
  expect([...seatedPeers]).toEqual(['first'])
  directory.meet('a', at('second'), 1)
  expect([...seatedPeers]).toEqual(['second'])
  seats.delete('a')
  expect(directory.meet('a', at('second'), 2)).toBe(false)
  expect([...seatedPeers]).toEqual([])
  seats.add('b')
  directory.meet('b', at('other'), 3)
  expect([...seatedPeers]).toEqual(['other'])
})

test('who falls silent is forgotten, seat or not', () => {
  const { directory, seatedPeers } = open('a')
  directory.meet('a', at('pa'), 0)
  directory.meet('b', at('pb'), 0)
  expect([directory.peerOf('a', 599_999), directory.peerOf('b', 599_999)]).toEqual(['pa', 'pb'])
  expect([directory.peerOf('a', 600_000), directory.peerOf('b', 600_000)]).toEqual([undefined, undefined])
  directory.meet('c', at('pc'), 600_000)
  expect([...seatedPeers]).toEqual([])
})
