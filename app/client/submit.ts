/** Submits a job: hands spec and data to the coordinator, escrows the price on the chain. */
import { randomBytes } from 'node:crypto'
import { formatEther } from 'ethers'
import type { LoadedJob } from '#app/job/load.ts'
import { openChain } from '#contracts/chain.ts'
import { AssaySender } from '#contracts/sender.ts'
import { stepCost } from '#graph/cost.ts'
import { factsHash, factsOf } from '#pinpoint/facts.ts'
import { toHex } from '#proto/bytes.ts'
import { AssayError, check, fail } from '#proto/errors.ts'
import { encodeJob, type JobSpec } from '#proto/job.ts'
import type { Preset } from '#proto/presets.ts'
import { createTerms, escrowFor, type Hex, type JobTerms, type Periods, quote } from '#proto/terms.ts'
import { windowCount } from '#proto/windows.ts'
import { type Passphrase, readIdentity } from '#runtime/keys.ts'
import type { Network } from '#runtime/network.ts'

export interface Submitted {
  readonly jobId: Hex
  readonly terms: JobTerms
  /** Wei paid into the job; what is unused comes back. */
  readonly escrow: bigint
}

export interface SubmitOptions {
  readonly passphrase?: Passphrase
  /** Windows to pay for now, at least `depth`; default all. The others wait for `assay topup`. */
  readonly windows?: number | undefined
}

/** FLOP/s that periods allow for at least, so that a slow but honest machine is not replaced. */
const SLOW_MACHINE = 1e9

/** Periods of a preset, stretched where a window or a replay of this job takes longer on a slow machine. */
function periodsFor(job: LoadedJob, preset: Preset): Periods {
  const { spec, program } = job
  const stepSeconds = Number(stepCost(program, spec.microBatches).flops) / SLOW_MACHINE
  const blocks = (steps: number): number => Math.ceil((steps * stepSeconds) / preset.blockSeconds)
  const { commitPeriod, verdictPeriod, responsePeriod, challengePeriod, jobPeriod } = preset.periods
  return {
    ...preset.periods,
    commitPeriod: Math.max(commitPeriod, 2 * blocks(windowSize(spec))),
    verdictPeriod: Math.max(verdictPeriod, 4 * blocks(windowSize(spec))),
    // Whoever is accused, or suspects, replays one entry in this time.
    responsePeriod: Math.max(responsePeriod, 4 * blocks(spec.entrySteps)),
    challengePeriod: Math.max(challengePeriod, 4 * blocks(spec.entrySteps)),
    jobPeriod: Math.max(jobPeriod, 8 * blocks(spec.steps)),
  }
}

function windowSize(spec: JobSpec): number {
  return Math.min(spec.steps, spec.entrySteps * spec.entriesPerWindow)
}

/**
 * Submits `job` to a network, paid by the account of `keyFile`.
 * @throws AssayError `network` if the coordinator does not take it, `over-limit` above the budget, `no-funds`, `chain`
 */
export async function submitJob(
  network: Network,
  job: LoadedJob,
  keyFile: string,
  preset: Preset,
  signal: AbortSignal,
  options: SubmitOptions = {},
): Promise<Submitted> {
  const terms = createTerms(
    job.spec,
    { prices: preset.prices, periods: periodsFor(job, preset) },
    factsHash(factsOf(job.spec, job.program)),
  )
  const price = quote(terms).escrow
  check(job.budget === undefined || price <= job.budget, 'over-limit', `the job may cost ${formatEther(price)} ether`, {
    next: `Raise the budget (${formatEther(job.budget ?? 0n)} ether), or train fewer steps.`,
  })
  const escrow = firstEscrow(terms, options.windows)
  const { key } = await readIdentity(keyFile, options.passphrase)
  await handOver(network, job, signal)
  const provider = await openChain(network.rpc)
  try {
    const sender = new AssaySender(provider, network.contracts, key.privateKey)
    const nonce = new DataView(randomBytes(8).buffer).getBigUint64(0) >> 11n
    const { jobId } = await sender.registerJob(terms, nonce, escrow)
    return { jobId, terms, escrow }
  } finally {
    provider.destroy()
  }
}

/** Wei that the first windows cost. Throws `bad-input` for fewer windows than may be open at once. */
function firstEscrow(terms: JobTerms, windows = windowCount(terms)): bigint {
  const escrow = escrowFor(terms, 0, Math.min(windows, windowCount(terms)))
  const least = Math.min(terms.depth, windowCount(terms))
  check(escrow >= quote(terms).leastEscrow, 'bad-input', `${windows} windows are too few to start with`, {
    next: `Pay for at least ${least}: as many may be open at once.`,
  })
  return escrow
}

/** Gives the coordinator what solvers and verifiers will ask it for. */
async function handOver(network: Network, job: LoadedJob, signal: AbortSignal): Promise<void> {
  const data = new URL(`/data/${toHex(job.spec.data.root)}`, network.api)
  const here = await call(network, data, { method: 'HEAD', signal }, true)
  if (!here.ok) await call(network, data, upload(job.data, signal))
  await call(network, new URL(`/specs/${toHex(job.specHash)}`, network.api), upload(encodeJob(job.spec), signal))
}

function upload(body: Uint8Array, signal: AbortSignal): RequestInit {
  return { method: 'PUT', body: Buffer.from(body), headers: { 'content-type': 'application/octet-stream' }, signal }
}

async function call(network: Network, url: URL, init: RequestInit, mayFail = false): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, init)
  } catch (cause) {
    if (init.signal?.aborted) throw new AssayError('cancelled', 'stopped before the job was registered')
    return fail('network', `the coordinator at ${network.api} does not answer`, {
      next: 'Start a network with `assay devnet`, or name another with --network.',
      cause,
    })
  }
  if (response.ok || mayFail) return response
  const answer = (await response.json().catch(() => ({}))) as { error?: { message?: string; next?: string } }
  return fail('network', `the coordinator refused ${url.pathname}: ${answer.error?.message ?? response.status}`, {
    ...(answer.error?.next ? { next: answer.error.next } : {}),
  })
}
