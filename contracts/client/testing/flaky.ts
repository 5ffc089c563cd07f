/** A node that stumbles: a proxy before a chain that loses requests and answers in a fixed pattern. For tests. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What happens to a request: passed on, cut before the chain sees it, cut after, or answered with a server error. */
export type Fate = 'pass' | 'lose-request' | 'lose-answer' | 'server-error'

export interface FlakyNode {
  readonly url: string
  /** Requests that did not simply pass. */
  troubles(): number
  stop(): Promise<void>
}

/** `fate` decides about each request by its number, from 0, and JSON-RPC method. */
export function startFlakyNode(target: string, fate: (request: number, method: string) => Fate): Promise<FlakyNode> {
  let requests = 0
  let troubles = 0
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const chosen = fate(requests++, (JSON.parse(body) as { method: string }).method)
    if (chosen !== 'pass') troubles++
    if (chosen === 'lose-request') return incoming.socket.destroy()
    const answer = chosen === 'server-error' ? undefined : await forward(target, body)
    if (chosen === 'lose-answer') return incoming.socket.destroy()
    outgoing.writeHead(answer === undefined ? 502 : 200, { 'content-type': 'application/json' })
    outgoing.end(answer ?? 'bad gateway')
    return undefined
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      resolve({
        url: `http://127.0.0.1:${port}`,
        troubles: () => troubles,
        stop: () =>
          new Promise((done) => {
            server.closeAllConnections()
            server.close(() => done())
          }),
      })
    })
  })
}

async function forward(target: string, body: string): Promise<string> {
  const response = await fetch(target, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return response.text()
}
