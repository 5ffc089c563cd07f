/** Watches a job: the chain says what happened, the coordinator adds the losses. */
import { openChain } from '#contracts/chain.ts'
import { AssayReader } from '#contracts/reader.ts'
import { fail } from '#proto/errors.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { hasEnded, JobBook } from '#runtime/book.ts'
import type { Network } from '#runtime/network.ts'

export interface Sight {
  readonly job: JobView
  readonly block: number
  /** Mean loss by step, as solvers reported them; null where none was heard of. */
  readonly losses: readonly (number | null)[]
}

/** How long the chain may take to answer at first, in milliseconds. */
const OPEN_MS = 3_000
/** Milliseconds between two looks. */
const LOOK_MS = 300
/** Chain trouble that is taken for the end of the network, and a job's absence for the end of that, in milliseconds. */
const DEAD_MS = 15_000

/** Reads all jobs of a network once, from the chain alone. */
export async function readJobs(network: Network): Promise<{ views: ReadonlyMap<Hex, JobView>; block: number }> {
  const provider = await openChain(network.rpc, OPEN_MS)
  try {
    const reader = new AssayReader(provider, network.contracts)
    const book = new JobBook()
    const block = await reader.blockNumber()
    book.apply(await reader.events(network.contracts.fromBlock, block), block)
    return { views: book.views, block }
  } finally {
    provider.destroy()
  }
}

/** One job, by its id or the first digits of it. @throws AssayError `not-found`, `bad-input` if several begin so */
export function findJob(views: ReadonlyMap<Hex, JobView>, id: string): JobView {
  const wanted = (id.startsWith('0x') ? id : `0x${id}`).toLowerCase()
  if (!/^0x[0-9a-f]{4,64}$/.test(wanted)) {
    fail('bad-input', `'${id}' is no job id`, { next: 'Give at least its first four digits.' })
  }
  const found = [...views.values()].filter(({ jobId }) => jobId.startsWith(wanted))
  if (found.length === 1) return found[0] as JobView
  const next = 'List them with `assay jobs`.'
  if (found.length > 1) fail('bad-input', `${found.length} jobs begin with ${id}`, { next })
  return fail('not-found', `there is no job ${id}`, { next })
}

/**
 * Calls `see` after every block until the job has ended; returns the last sight.
 * @throws AssayError `not-found`, `chain` if the chain is silent for long, `cancelled`
 */
export async function watchJob(
  network: Network,
  id: string,
  see: (sight: Sight) => void,
  signal: AbortSignal,
): Promise<Sight> {
  const provider = await openChain(network.rpc, OPEN_MS)
  try {
    const reader = new AssayReader(provider, network.contracts)
    const book = new JobBook()
    const done = new AbortController()
    let sight: Sight | undefined
    let silentSince: number | undefined
    let missingSince: number | undefined
    await reader.follow(
      network.contracts.fromBlock,
      async (events, block, more) => {
        silentSince = undefined
        book.apply(events, block, more)
        if (more) return
        if (sight && !book.views.has(sight.job.jobId)) {
          // The chain took back its registration. It may be on its way again, if its submitter is still there.
          missingSince ??= performance.now()
          if (performance.now() - missingSince < DEAD_MS) return
        }
        missingSince = undefined
        const job = findJob(book.views, id)
        const losses = (await lossesOf(network, job.jobId, signal)) ?? sight?.losses ?? []
        sight = { job, block, losses }
        see(sight)
        if (hasEnded(job)) done.abort()
      },
      {
        signal: AbortSignal.any([signal, done.signal]),
        pollMs: LOOK_MS,
        onRollback: () => book.reset(),
        onTrouble: () => {
          silentSince ??= performance.now()
          if (performance.now() - silentSince > DEAD_MS) done.abort()
        },
      },
    )
    if (sight && hasEnded(sight.job)) return sight
    if (signal.aborted) fail('cancelled', 'stopped watching; the job goes on')
    return fail('chain', `the chain at ${network.rpc} went silent`, { next: 'Check that the network still runs.' })
  } finally {
    provider.destroy()
  }
}

/** The losses that the coordinator knows, or undefined if it does not answer: they are for people alone. */
async function lossesOf(network: Network, jobId: Hex, signal: AbortSignal): Promise<(number | null)[] | undefined> {
  try {
    const response = await fetch(new URL(`/jobs/${jobId}`, network.api), { signal })
    const { losses } = (await response.json()) as { losses?: (number | null)[] }
    return Array.isArray(losses) ? losses : undefined
  } catch {
    return undefined
  }
}
