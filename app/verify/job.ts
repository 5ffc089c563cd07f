/** `assay verify JOB`: all checks of a job, in order, from a chain and folders of blobs. */
import type { ExactEngineName } from '#engine/conformance/exact.ts'
import { fail } from '#proto/errors.ts'
import type { Hex } from '#proto/terms.ts'
import { programOf } from '#runtime/program.ts'
import { checkAssignment } from './assignment.ts'
import { checkCheckpoints, checkData, checkEvidence, checkSpecs, checkTerms } from './blobs.ts'
import { proveBlocks, readHeader } from './blocks.ts'
import { Checks } from './checks.ts'
import { checkCode } from './code.ts'
import { checkRandomness, checkSeeds, checkVerifiers } from './draws.ts'
import { checkContinuity, checkPlaces, checkSignatures } from './entries.ts'
import { type CheckResult, Findings, type Outcome } from './finding.ts'
import type { BlobFolders } from './folders.ts'
import { type History, historyOf } from './history.ts'
import { checkBalances, checkRows, checkSums } from './ledger.ts'
import { type ChainRecord, readRecord } from './record.ts'
import { checkReplays } from './replays.ts'
import { type ChainSource, partsOf } from './source.ts'
import { checkReveals, checkTiming } from './verdicts.ts'
import { checkView } from './view.ts'

export interface JobAuditOptions {
  readonly all: boolean
  readonly engine: ExactEngineName
  readonly threads: number
  readonly signal: AbortSignal
  /** Told of each check as it is made. */
  readonly onCheck: (result: CheckResult) => void
  readonly onStep: (done: number, total: number) => void
}

export interface JobAudit {
  readonly job: Hex
  readonly phase: string
  /** Root of the final state, null before the first final window. */
  readonly stateRoot: string | null
  /** Everything was read as of this block: all that is left to trust is its hash. */
  readonly block: number
  readonly blockHash: string
  readonly checks: readonly CheckResult[]
  /** What could not be looked at for want of blobs. */
  readonly missing: readonly string[]
}

/**
 * Audits a job. Wrong things are findings of its checks.
 * @param id job id, or its first digits
 * @throws AssayError `not-found`, `bad-input` for an id, `chain` when the node is gone, `cancelled`
 */
export async function auditJob(
  source: ChainSource,
  folders: BlobFolders,
  id: string,
  options: JobAuditOptions,
): Promise<JobAudit> {
  const { provider, deployment } = source
  const { signal, onCheck } = options
  const checks = new Checks(signal, onCheck)
  checks.provider = provider
  const head = await provider.getBlockNumber()
  const record = await readRecord(provider, deployment, head, signal)
  const jobId = findJobId(record, id)
  const history = historyOf(jobId, record.events)
  const missing = await checkAll(checks, { source, record, history, folders }, options)
  const { hash } = await readHeader(provider, head)
  return {
    job: jobId,
    phase: history.view?.phase ?? 'unknown',
    stateRoot: history.view?.finalRoot?.slice(2) ?? null,
    block: head,
    blockHash: hash ?? '',
    checks: checks.results,
    missing,
  }
}

interface Subject {
  readonly source: ChainSource
  readonly record: ChainRecord
  readonly history: History
  readonly folders: BlobFolders
}

async function checkAll(checks: Checks, subject: Subject, options: JobAuditOptions): Promise<string[]> {
  const { source, record, history, folders } = subject
  const { provider, deployment, chainId } = source
  const { signal } = options
  const range = [history.events[0]?.blockNumber ?? 0, history.events.at(-1)?.blockNumber ?? 0] as const
  let transactions: Awaited<ReturnType<typeof proveBlocks>>['transactions'] = new Map()

  await checks.make('chain', 'contracts', async () => checkParts(await partsOf(provider, deployment.assay), deployment))
  await checks.make('chain', 'code', () => checkCode(provider, record))
  await checks.make('chain', 'blocks', async () => {
    const proven = await proveBlocks(provider, record, range, signal)
    transactions = proven.transactions
    return proven.outcome
  })
  await checks.make('chain', 'events', () => checkFold(record, history))
  const job = history.view
  if (job === null) return ['everything about the job: its registration cannot be read']

  await checks.make('chain', 'storage', () => checkView(provider, record, history, job, signal))
  const specs = checkSpecs(folders, job.terms.specHash)
  await checks.make('job', 'spec', () => specs.outcome)
  const opened = specs.opened
  const program = opened && programOf(opened.spec)
  await checks.make('job', 'terms', () =>
    checkTerms(history, job, { chainId, assay: deployment.assay }, opened && program && { spec: opened.spec, program }),
  )
  await checks.make('job', 'assignment', () => checkAssignment(record, history, job))

  await checks.make('training', 'places', () => checkPlaces(history, job))
  await checks.make('training', 'signatures', () => checkSignatures(history))
  await checks.make('training', 'continuity', () => checkContinuity(history, job))

  await checks.make('verification', 'randomness', () => checkRandomness(provider, record, range, signal))
  await checks.make('verification', 'seeds', () => checkSeeds(record, history, job))
  await checks.make('verification', 'verifiers', () => checkVerifiers(history, job))
  await checks.make('verification', 'reveals', () => checkReveals(history, deployment.assay, transactions))
  await checks.make('verification', 'timing', () => checkTiming(history, job))

  const rows = checkRows(history)
  await checks.make('ledger', 'lines', () => rows.outcome)
  await checks.make('ledger', 'sums', () => checkSums(history, rows.books))
  await checks.make('ledger', 'balances', () => checkBalances(provider, record, history, rows.books))

  if (opened === undefined || program === undefined)
    return [`the job's canonical bytes (${job.terms.specHash}): nothing of the training was computed again`]
  const data = await checkData(folders, opened.spec)
  await checks.make('blobs', 'data', () => data.outcome)
  let states: Awaited<ReturnType<typeof checkCheckpoints>>['states'] = new Map()
  await checks.make('blobs', 'checkpoints', async () => {
    const found = await checkCheckpoints(folders, history, program, signal)
    states = found.states
    return found.outcome
  })
  const evidence = checkEvidence(folders, history)
  await checks.make('blobs', 'evidence', () => evidence.outcome)
  const bytes = data.bytes
  if (bytes === undefined) return ['a sound copy of the data set: nothing of the training was computed again']
  const material = { opened, program, data: bytes, states, evidence: evidence.kept }
  await checks.make('replay', options.all ? 'all' : 'sampled', () => checkReplays(history, material, options))
  return []
}

/**
 * The contract names the arbiter and the randomness whose events are read.
 * Why: rulings and seeds of other contracts would have no bearing on this one.
 */
function checkParts(
  named: { readonly randomness: Hex; readonly arbiter: Hex },
  deployment: { readonly assay: Hex; readonly randomness: Hex; readonly arbiter: Hex },
): Outcome {
  const findings = new Findings()
  const place = `the contract ${deployment.assay}`
  findings.same(place, 'its randomness', named.randomness, deployment.randomness)
  findings.same(place, 'its arbiter', named.arbiter, deployment.arbiter)
  return findings.outcome(`${deployment.assay}, its arbiter and randomness`)
}

/**
 * Every log is an event of the contracts, and each event of the job can follow those before it.
 * Why: the job's state machine is the protocol; what breaks it did not come from the contract.
 */
function checkFold(record: ChainRecord, history: History): Outcome {
  const findings = new Findings()
  for (const { place, message } of record.unreadable) findings.add(place, message)
  if (history.broken) findings.add(history.broken.place, history.broken.message)
  return findings.outcome(`${history.events.length} events of the job, ${record.logs.length} logs in all`)
}

/** The job whose id begins with `id`. @throws AssayError `not-found`, `bad-input` */
export function findJobId(record: ChainRecord, id: string): Hex {
  const wanted = (id.startsWith('0x') ? id : `0x${id}`).toLowerCase()
  if (!/^0x[0-9a-f]{4,64}$/.test(wanted))
    fail('bad-input', `'${id}' is no job id and no folder`, { next: 'Give a job id, or the folder of pulled weights.' })
  const known = record.events.flatMap((event) => (event.name === 'JobRegistered' ? [event.jobId] : []))
  const found = [...new Set(known)].filter((jobId) => jobId.startsWith(wanted))
  const next = 'List them with `assay jobs`.'
  if (found.length > 1) fail('bad-input', `${found.length} jobs begin with ${id}`, { next })
  return found[0] ?? fail('not-found', `there is no job ${id}`, { next })
}
