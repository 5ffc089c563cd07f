/** The coordinator's HTTP interface against what it should not be sent. */
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi } from '#coordinator/api.ts'
import { Progress } from '#coordinator/progress.ts'
import { createPeer, type Peer } from '#net/peer.ts'
import { toHex } from '#proto/bytes.ts'
import { sha256 } from '#proto/hash.ts'
import { MAX_JOB_BYTES } from '#proto/job.ts'
import { Database } from '#runtime/database.ts'
import type { RoleNode } from '#runtime/node.ts'
import { ContentStore } from '#runtime/store.ts'

const ZEROS = '00'.repeat(32)

let folder: string
let peer: Peer
let database: Database
let api: Awaited<ReturnType<typeof startApi>>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-api-'))
  peer = await createPeer({ privateKey: new Uint8Array(32).fill(1) })
  database = new Database(':memory:')
  const store = await ContentStore.open(folder, peer, database)
  const node = { peer, store, book: { views: new Map(), block: 7 } } as unknown as RoleNode
  api = await startApi(node, new Progress(), { host: '127.0.0.1', port: 0, idleMs: 500 })
})
afterAll(async () => {
  await api.close()
  await peer.stop()
  database.close()
  await rm(folder, { recursive: true, force: true })
})

async function put(path: string, body: Uint8Array<ArrayBuffer>, type = 'application/octet-stream') {
  const answer = await fetch(`${api.url}${path}`, { method: 'PUT', body, headers: { 'content-type': type } })
  const { error } = (await answer.json()) as { error: { code: string; message: string } }
  return { status: answer.status, ...error }
}

const junk = new Uint8Array(100).fill(7)

test.each([
  ['bytes of another hash', `/specs/${ZEROS}`, junk, 400, 'bad-proof'],
  ['bytes that are no job', `/specs/${toHex(sha256(junk))}`, junk, 400, 'bad-job'],
  ['a hash that is none', '/specs/12', junk, 400, 'bad-encoding'],
  ['a path as a hash', '/specs/..%2f..%2fetc%2fpasswd', junk, 400, 'bad-encoding'],
  ['a spec above the limit', `/specs/${ZEROS}`, new Uint8Array(MAX_JOB_BYTES + 1), 413, 'over-limit'],
  ['data of another root', `/data/${ZEROS}`, junk, 400, 'bad-proof'],
  ['a path that is not there', '/jobs/../secrets', junk, 404, undefined],
] as const)('%s: refused', async (_, path, body, status, code) => {
  expect(await put(path, body)).toMatchObject({ status, ...(code && { code }) })
})

test('a body that is no octet stream is refused unread', async () => {
  expect(await put(`/specs/${ZEROS}`, junk, 'application/json')).toMatchObject({ status: 415, code: 'bad-input' })
})

test('a job that is not there, whatever its name', async () => {
  for (const id of ['0x12', '__proto__', 'constructor', '%00', 'x'.repeat(90)]) {
    const answer = await fetch(`${api.url}/jobs/${id}`)
    expect(answer.status, id).toBe(404)
    expect(await answer.json(), id).toMatchObject({ error: { code: 'not-found' } })
  }
})

test('a connection on which nothing moves is closed', async () => {
  const { hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  socket.write(`PUT /data/${ZEROS} HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n`)
  socket.write('content-length: 1000000\r\n\r\nabc')
  await closed
  expect(await (await fetch(`${api.url}/health`)).json()).toMatchObject({ ok: true, block: 7 })
})
