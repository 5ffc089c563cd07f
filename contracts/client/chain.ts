/** The connection to a chain's JSON-RPC node. */
import { setTimeout as sleep } from 'node:timers/promises'
import { FetchRequest, type JsonRpcPayload, JsonRpcProvider, type JsonRpcResult, Network } from 'ethers'
import { isTransport } from '#contracts/errors.ts'
import { fail } from '#proto/errors.ts'

/** Longest wait for an answer to one request, ms. */
const REQUEST_MS = 10_000
const ATTEMPTS = 5

/** Repeats a request that was lost on the way, or its answer: every method may be asked twice, sending too. */
class PatientProvider extends JsonRpcProvider {
  override async _send(payload: JsonRpcPayload | JsonRpcPayload[]): Promise<JsonRpcResult[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await super._send(payload)
      } catch (error) {
        if (attempt === ATTEMPTS || this.destroyed || !isTransport(error)) throw error
        await sleep(25 * 2 ** attempt)
      }
    }
  }
}

/**
 * Connects to a node. The provider caches nothing, polls ten times a second, for chains with short blocks, and repeats
 * requests that got lost.
 * Throws `chain` when no node answers at `url` within `timeoutMs`. The caller ends it with `destroy()`.
 */
export async function openChain(url: string, timeoutMs = 10_000): Promise<JsonRpcProvider> {
  const deadline = Date.now() + timeoutMs
  let chainId = await askChainId(url, timeoutMs)
  while (chainId === undefined && Date.now() < deadline) {
    await sleep(50)
    chainId = await askChainId(url, Math.max(100, deadline - Date.now()))
  }
  if (chainId === undefined)
    fail('chain', `no chain answers at ${url}`, { next: 'Start the chain or correct its URL.' })
  const request = new FetchRequest(url)
  request.timeout = REQUEST_MS
  return new PatientProvider(request, Network.from(chainId), {
    pollingInterval: 100,
    batchMaxCount: 1,
    staticNetwork: true,
    cacheTimeout: -1,
  })
}

/** The chain's id, or undefined while no node answers. */
export async function askChainId(url: string, timeoutMs: number): Promise<bigint | undefined> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const answer = (await response.json()) as { result?: unknown }
    return typeof answer.result === 'string' && /^0x[0-9a-f]+$/i.test(answer.result) ? BigInt(answer.result) : undefined
  } catch {
    return undefined
  }
}
