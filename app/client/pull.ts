/** Pulls a job's final state from whoever serves it, proven against the root that the chain settled. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Program } from '#graph/types.ts'
import { networkScope } from '#net/addresses.ts'
import { createPeer } from '#net/peer.ts'
import { fromHex } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { decodeJob, type JobSpec } from '#proto/job.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { Announcer } from '#runtime/announcer.ts'
import { Database } from '#runtime/database.ts'
import { identityOf } from '#runtime/keys.ts'
import type { Network } from '#runtime/network.ts'
import { networkIdOf } from '#runtime/peering.ts'
import { programOf } from '#runtime/program.ts'
import { ContentStore } from '#runtime/store.ts'

export interface Pulled {
  readonly spec: JobSpec
  readonly program: Program
  /** The final state, its tensors end to end; its root is the job's final root. */
  readonly state: Uint8Array
  readonly data: Uint8Array
}

/** How long peers are looked for, in milliseconds. */
const PEERS_MS = 20_000
const ATTEMPT_MS = 300

/** Pulls spec, data and final state of a settled job. @throws AssayError `wrong-state` before it is settled, `unavailable` */
export async function pullJob(network: Network, job: JobView, signal: AbortSignal): Promise<Pulled> {
  const { finalRoot } = job
  if (job.phase !== 'settled' || finalRoot === null) {
    return fail('wrong-state', `the job is ${job.phase}, not settled`, { next: 'Wait with `assay watch`.' })
  }
  const folder = await mkdtemp(join(tmpdir(), 'assay-pull-'))
  const identity = identityOf(randomBytes(32))
  const id = networkIdOf(network)
  const peer = await createPeer({ privateKey: identity.peerKey, network: id, bootstrap: network.bootstrap })
  const log = pino({ level: 'silent' })
  const announcer = new Announcer(peer, identity, id, log, { scope: networkScope(network.bootstrap) })
  const database = new Database(':memory:')
  try {
    const store = await ContentStore.open(folder, peer, database)
    announcer.introduce('submitter')
    return await patiently(signal, async () => {
      const spec = decodeJob(await store.spec(fromHex(job.terms.specHash, 32), signal))
      const program = programOf(spec)
      const state = await store.state(program.state, fromHex(finalRoot, 32), [], signal)
      return { spec, program, state, data: await store.data(spec, signal) }
    })
  } finally {
    announcer.stop()
    await peer.stop()
    database.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Repeats `attempt` while peers are still being met. */
async function patiently<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PEERS_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (signal.aborted || performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_MS))
    }
  }
}
