/** What a network's folder and its chain tell: ports, processes, the contract's books. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openChain } from '#contracts/chain.ts'
import { AssayReader } from '#contracts/reader.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { type Network, readNetwork } from '#runtime/network.ts'

/** Every TCP port that the network in `folder` listens on: chain, HTTP interface, peers. */
export async function portsOf(folder: string): Promise<number[]> {
  const { rpc, api } = await readNetwork(join(folder, 'network.json'))
  const ports = [rpc, api].map((url) => Number(new URL(url).port))
  for (const name of await readdir(join(folder, 'logs'))) {
    const lines = (await readFile(join(folder, 'logs', name), 'utf8')).split('\n')
    for (const line of lines.filter((text) => text.startsWith('{"event":"ready"'))) {
      const { addresses = [] } = JSON.parse(line) as { addresses?: string[] }
      ports.push(...addresses.map((address) => Number(/\/tcp\/(\d+)/.exec(address)?.[1])))
    }
  }
  return ports
}

/** What the contract holds, and what it owes to the accounts that the network names, in wei. */
export async function booksOf(network: Network, jobs: Iterable<JobView>): Promise<{ holds: bigint; owes: bigint }> {
  const provider = await openChain(network.rpc)
  try {
    const reader = new AssayReader(provider, network.contracts)
    let owes = 0n
    for (const account of Object.keys(network.names ?? {})) owes += await reader.balanceOf(account)
    for (const job of jobs) {
      owes += (await reader.jobOf(job.jobId)).escrow
      for (const account of new Set<Hex>(job.bids.map((bid) => bid.account))) {
        owes += (await reader.seatOf(job.jobId, account)).stake
      }
    }
    return { holds: await provider.getBalance(network.contracts.assay), owes }
  } finally {
    provider.destroy()
  }
}
