/** A submitter's account at work: its key opened, the chain connected, one job looked up. */
import type { JsonRpcProvider } from 'ethers'
import { openChain } from '#contracts/chain.ts'
import { AssayReader } from '#contracts/reader.ts'
import { AssaySender } from '#contracts/sender.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { JobBook } from '#runtime/book.ts'
import { type Passphrase, readIdentity } from '#runtime/keys.ts'
import type { Network } from '#runtime/network.ts'
import { findJob } from './watch.ts'

export interface Account {
  readonly sender: AssaySender
  readonly reader: AssayReader
  readonly provider: JsonRpcProvider
  /** The job of an id, or of the first digits of one, as the chain has it now. @throws AssayError `not-found`, `bad-input` */
  job(id: string): Promise<JobView>
}

/**
 * Runs `work` with the account of a key file.
 * @throws AssayError `not-found`, `bad-config` for the key, `chain`
 */
export async function withAccount<T>(
  network: Network,
  keyFile: string,
  passphrase: Passphrase,
  work: (account: Account) => Promise<T>,
): Promise<T> {
  const { key } = await readIdentity(keyFile, passphrase)
  const provider = await openChain(network.rpc)
  try {
    const reader = new AssayReader(provider, network.contracts)
    const sender = new AssaySender(provider, network.contracts, key.privateKey)
    const job = async (id: string): Promise<JobView> => {
      const book = new JobBook()
      const block = await reader.blockNumber()
      book.apply(await reader.events(network.contracts.fromBlock, block), block)
      return findJob(book.views, id)
    }
    return await work({ sender, reader, provider, job })
  } finally {
    provider.destroy()
  }
}
