/** JSON-RPC to an anvil over one kept connection, many questions in one request: a simulated block costs milliseconds. */
import { Agent, request } from 'node:http'
import { fail } from '#proto/errors.ts'

export type RpcCall = readonly [method: string, params: readonly unknown[]]
export interface RpcAnswer {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown }
}

export class AnvilRpc {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(port: number) {
    this.#port = port
  }

  /** The answers in the order of the calls, which anvil performs in any order; one that fails has an `error` there. */
  async batch(calls: readonly RpcCall[]): Promise<RpcAnswer[]> {
    const payload = calls.map(([method, params], id) => ({ jsonrpc: '2.0', id, method, params }))
    const answers = JSON.parse(await this.#post(JSON.stringify(payload))) as RpcAnswer[]
    return answers.sort((a, b) => a.id - b.id)
  }

  async one(call: RpcCall): Promise<RpcAnswer> {
    return (await this.batch([call]))[0] ?? fail('chain', `anvil does not answer ${call[0]}`)
  }

  /** The results of calls that must succeed. */
  async results(calls: readonly RpcCall[]): Promise<unknown[]> {
    const answers = await this.batch(calls)
    return answers.map(({ result, error }, i) =>
      error ? fail('chain', `anvil refuses ${calls[i]?.[0]}: ${error.message}`) : result,
    )
  }

  async result(method: string, ...params: readonly unknown[]): Promise<unknown> {
    return (await this.results([[method, params]]))[0]
  }

  close(): void {
    this.#agent.destroy()
  }

  #post(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const options = { host: '127.0.0.1', port: this.#port, method: 'POST', agent: this.#agent, headers }
      const asked = request(options, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('end', () => resolve(Buffer.concat(parts).toString()))
        response.on('error', reject)
      })
      asked.on('error', reject)
      asked.end(body)
    })
  }
}
