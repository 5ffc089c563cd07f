/** The contract's books: what it holds, and what it owes. */
import { openChain } from '#contracts/chain.ts'
import { AssayReader } from '#contracts/reader.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import type { Network } from '#runtime/network.ts'

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
