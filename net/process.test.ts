/** Peers in processes of their own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { fetchBlob } from '#net/fetch.ts'
import { MemoryStore } from '#net/memory-store.ts'
import { startPeer, testBytes, until } from '#net/testing.ts'
import { bytesRoot, FRAME_BYTES } from '#proto/merkle.ts'

const SCRIPT = fileURLToPath(new URL('./testing-process.ts', import.meta.url))

/** Starts the script; resolves with the address that it prints. */
async function start(mode: string) {
  const child = spawn(process.execPath, [SCRIPT, mode], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [address] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  return { child, address }
}

test('a blob from another process, which then dies', async () => {
  const bytes = testBytes(12 * FRAME_BYTES + 1)
  const root = bytesRoot(bytes)
  const { child, address } = await start('serve')
  const peer = await startPeer()
  const id = await peer.connect([address])
  const store = new MemoryStore(2 ** 24)
  await fetchBlob(peer, store, { root, maxSize: 2 ** 24, providers: [id] })
  expect(Buffer.compare(await store.get(root), bytes)).toBe(0)
  child.kill('SIGKILL')
  await until(() => peer.peers().length === 0, 'the loss of the peer')
  await store.delete(root)
  await expect(fetchBlob(peer, store, { root, maxSize: 2 ** 24, providers: [id] })).rejects.toMatchObject({
    code: 'unavailable',
  })
})

test('stop leaves nothing that keeps a process alive', async () => {
  const { child } = await start('stop')
  const [code, signal] = await once(child, 'exit')
  expect([code, signal]).toEqual([0, null])
}, 60_000)
