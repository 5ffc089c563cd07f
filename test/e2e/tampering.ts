/** Tampering: a proxy in front of a node that changes single digits of its answers, and single bytes of files. */
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ASSAY, type ChainEvent } from '#contracts/codec.ts'
import { Database } from '#runtime/database.ts'

/** Changes an answer, or leaves it: returns what the client gets. */
export type Tamper = (method: string, params: readonly unknown[], result: unknown) => unknown

export interface NodeProxy {
  readonly url: string
  /** Changes every answer from now on; undefined: none. */
  tamper: Tamper | undefined
  close(): Promise<void>
}

interface Request {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}

/** Answers as the node at `url` does, except for what `tamper` changes. The node must not make blocks: answers are kept. */
export async function startProxy(url: string): Promise<NodeProxy> {
  const known = new Map<string, string>()
  const ask = async ({ method, params }: Request): Promise<string> => {
    const key = JSON.stringify([method, params])
    const answer = known.get(key) ?? (await post(url, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })))
    known.set(key, answer)
    return answer
  }
  const proxy = { url: '', tamper: undefined as Tamper | undefined, close: async (): Promise<void> => {} }
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const asked = JSON.parse(Buffer.concat(parts).toString()) as Request
    const answer = JSON.parse(await ask(asked)) as { result?: unknown }
    if (proxy.tamper && answer.result !== undefined)
      answer.result = proxy.tamper(asked.method, asked.params, answer.result)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ...answer, id: asked.id }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  proxy.close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return proxy
}

async function post(url: string, body: string): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return response.text()
}

/** Another digit in the place of the last one of `needle`, where that first occurs in `hex`. */
export function flipIn(hex: string, needle: string): string {
  const at = hex.indexOf(needle.replace(/^0x/, ''))
  if (at < 0) throw new Error(`${needle} does not occur`)
  return flipAt(hex, at + needle.replace(/^0x/, '').length - 1)
}

/** Another digit in the place of the one at `at`. */
export function flipAt(hex: string, at: number): string {
  return hex.slice(0, at) + (Number.parseInt(hex[at] as string, 16) ^ 1).toString(16) + hex.slice(at + 1)
}

interface RpcLog {
  readonly topics: string[]
  readonly data: string
}

/** Changes one digit of `needle` in the data of the first log of an event for which `needle` names one. */
export function flipLog<N extends ChainEvent['name']>(
  name: N,
  needle: (event: Extract<ChainEvent, { name: N }>) => string | undefined,
): Tamper {
  const topic = ASSAY.interface.getEvent(name)?.topicHash
  return (method, _params, result) => {
    if (method !== 'eth_getLogs') return result
    let done = false
    return (result as RpcLog[]).map((log) => {
      if (done || log.topics[0] !== topic) return log
      const digits = needle(ASSAY.event(log) as Extract<ChainEvent, { name: N }>)
      if (digits === undefined) return log
      done = true
      return { ...log, data: flipIn(log.data, digits) }
    })
  }
}

/** A wei amount as it stands in the data of a log. */
export const word = (amount: bigint): string => BigInt.asUintN(256, amount).toString(16).padStart(64, '0')

/** Changes one bit of a file. */
export async function flipByte(file: string, at: number): Promise<void> {
  const bytes = await readFile(file)
  bytes[at] = (bytes[at] as number) ^ 1
  await writeFile(file, bytes)
}

/** Changes the last bit of an object in a process's database. */
export function changeObject(file: string, kind: string, key: Uint8Array): void {
  const database = new Database(file)
  const body = database.object(kind, key)
  if (body === undefined) throw new Error(`${file} holds no such ${kind}`)
  const changed = Uint8Array.from(body)
  changed[body.length - 1] = (body.at(-1) as number) ^ 1
  database.putObject(kind, key, changed)
  database.close()
}
