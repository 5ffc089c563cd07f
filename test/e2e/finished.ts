/** A finished job whose roles are all dead: its chain, its folders of blobs, its pulled weights, and audits of them. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finishJob } from '#app/client/finish.ts'
import { submitJob } from '#app/client/submit.ts'
import { findJob, readJobs } from '#app/client/watch.ts'
import { loadJob } from '#app/job/load.ts'
import type { CheckResult } from '#app/verify/finding.ts'
import { BlobFolders } from '#app/verify/folders.ts'
import { auditJob, type JobAudit } from '#app/verify/job.ts'
import { type ChainSource, openSource } from '#app/verify/source.ts'
import { startAnvil } from '#contracts/anvil.ts'
import type { JobSpec } from '#proto/job.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { PRESETS } from '#proto/presets.ts'
import { readNetwork } from '#runtime/network.ts'
import { writeJob } from './jobs.ts'
import { until } from './processes.ts'
import { launchAssay } from './programs.ts'
import { startProxy, type Tamper } from './tampering.ts'

/** Steps of the job; two replicas make an entry of each. */
export const STEPS = 6

export interface Finished {
  /** Everything lies here. */
  readonly folder: string
  /** The devnet's folder. */
  readonly net: string
  readonly weights: string
  readonly job: JobView
  readonly spec: JobSpec
  /** The kept chain, its answers changed by `tamper`. */
  source(tamper?: Tamper): Promise<ChainSource>
  /** Audits the job with the blobs of `blobs`, default the devnet's. */
  audit(how?: { tamper?: Tamper; blobs?: string; all?: boolean }): Promise<JobAudit>
  close(): Promise<void>
}

const { signal } = new AbortController()

/** Runs a small network until its job is settled, pulls the weights, and ends it. */
export async function finishedJob(): Promise<Finished> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
  const net = join(folder, 'net')
  const weights = join(folder, 'weights')
  const file = await writeJob(folder, { steps: STEPS, entriesPerWindow: 3, sampleRate: 0.5 })
  const cast = ['--solvers', '2', '--verifiers', '1', '--whistleblowers', '0']
  const devnet = launchAssay('devnet', '--folder', net, ...cast, '--json')
  await until('the devnet is up', () => devnet.output().includes('"networkFile"'), 120)
  const network = await readNetwork(join(net, 'network.json'))
  const loaded = await loadJob(file, { signal })
  const hasty = { ...PRESETS.devnet, periods: { ...PRESETS.devnet.periods, bidPeriod: 20, challengePeriod: 3 } }
  const { jobId } = await submitJob(network, loaded, join(net, 'submitter', 'key'), hasty, signal)
  const settled = async (): Promise<JobView | undefined> => {
    const view = findJob((await readJobs(network)).views, jobId)
    return view.phase === 'settled' ? view : undefined
  }
  const job = await until('the job is settled', settled, 120)
  // On a busy machine it may take a while until a peer that has the state is met.
  await until('the weights are pulled', () => finishJob(network, job, weights, signal).catch(() => undefined), 120)
  process.kill(devnet.pid, 'SIGTERM')
  await devnet.ended
  return open({ folder, net, weights, job, spec: loaded.spec })
}

async function open(parts: Pick<Finished, 'folder' | 'net' | 'weights' | 'job' | 'spec'>): Promise<Finished> {
  const { folder, net, job } = parts
  await cp(join(net, 'chain', 'state'), join(folder, 'state'))
  const chain = await startAnvil({ state: join(folder, 'state'), blockTime: 0 })
  const proxy = await startProxy(chain.url)
  const source = (tamper?: Tamper): Promise<ChainSource> => {
    proxy.tamper = tamper
    return openSource({ network: join(net, 'network.json'), rpc: proxy.url })
  }
  return {
    ...parts,
    source,
    audit: async ({ tamper, blobs = net, all = false } = {}) => {
      const at = await source(tamper)
      const folders = await BlobFolders.open([blobs])
      try {
        const quiet = { onCheck: () => {}, onStep: () => {} }
        return await auditJob(at, folders, job.jobId, { all, engine: 'wasm', threads: 1, signal, ...quiet })
      } finally {
        await folders.close()
        await at.close()
      }
    },
    close: async () => {
      await proxy.close()
      await chain.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What the check `section name` found, as `place: message`. */
export function found(checks: readonly CheckResult[], section: string, name: string): string[] {
  const check = checks.find((one) => one.section === section && one.name === name)
  return (check?.findings ?? []).map(({ place, message }) => `${place}: ${message}`)
}

/** Everything that was found. */
export function broken(checks: readonly CheckResult[]): string[] {
  return checks.flatMap((check) => check.findings.map(({ place, message }) => `${check.name}, ${place}: ${message}`))
}
