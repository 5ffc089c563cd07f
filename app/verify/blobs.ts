/** Blobs in folders against the hashes that the chain holds: the spec, the data set, checkpoints, evidence. */
import { readFile } from 'node:fs/promises'
import type { Program } from '#graph/types.ts'
import { factsHash, factsOf } from '#pinpoint/facts.ts'
import { bytesEqual, fromHex, to0x, toHex } from '#proto/bytes.ts'
import { sha256 } from '#proto/hash.ts'
import { jobId } from '#proto/ids.ts'
import { decodeJob, type JobSpec, MAX_JOB_BYTES } from '#proto/job.ts'
import type { EntryView, JobView, WindowView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { type Evidence, isEvidence } from '#runtime/judge.ts'
import { sharedBytes } from '#runtime/rpc.ts'
import { OBJECTS } from '#runtime/store.ts'
import { listBytes, listRoot, sliceList } from '#runtime/tensors.ts'
import { entryPlace } from './entries.ts'
import { Findings, type Outcome } from './finding.ts'
import type { BlobFolders } from './folders.ts'
import type { History } from './history.ts'

/** Canonical job bytes whose hash is the chain's. */
export interface OpenedSpec {
  readonly spec: JobSpec
  readonly bytes: Uint8Array
}

/**
 * The job's canonical bytes, wherever they are kept, hash to the spec hash on the chain.
 * Why: they fix every bit of the training.
 */
export function checkSpecs(folders: BlobFolders, specHash: Hex): { outcome: Outcome; opened: OpenedSpec | undefined } {
  const findings = new Findings()
  let opened: OpenedSpec | undefined
  const copies = folders.objects(OBJECTS.spec, fromHex(specHash, 32))
  for (const { place, value, error } of copies) {
    const bytes = (value as { bytes?: unknown } | undefined)?.bytes
    if (!(bytes instanceof Uint8Array) || bytes.length > MAX_JOB_BYTES) {
      findings.add(place, `it holds no job: ${error instanceof Error ? error.message : 'malformed'}`)
      continue
    }
    const hash = to0x(sha256(bytes))
    findings.same(place, "the hash of the job's bytes", hash, specHash)
    if (hash === specHash) opened ??= { spec: decodeJob(bytes), bytes }
  }
  return { outcome: findings.outcome(`${copies.length} copies of the job's bytes`), opened }
}

/**
 * The job id is the hash of spec, chain, contract, submitter and nonce; the terms on the chain say what the spec says.
 * Why: prices were agreed on for this very training, and for no other.
 */
export function checkTerms(
  history: History,
  job: JobView,
  chain: { readonly chainId: bigint; readonly assay: Hex },
  stated: { readonly spec: JobSpec; readonly program: Program } | undefined,
): Outcome {
  const findings = new Findings()
  const registered = history.events.find((event) => event.name === 'JobRegistered')
  if (registered?.name !== 'JobRegistered') return findings.outcome('nothing')
  const id = jobId(fromHex(job.terms.specHash, 32), {
    chainId: chain.chainId,
    contract: fromHex(chain.assay, 20),
    submitter: fromHex(registered.submitter, 20),
    nonce: registered.nonce,
  })
  const place = `the registration in block ${registered.blockNumber}`
  findings.same(place, 'the job id', history.jobId, to0x(id))
  if (stated === undefined) return findings.outcome('job id')
  const { spec, program } = stated
  const { terms } = job
  const says = {
    programRoot: to0x(spec.programRoot),
    dataRoot: to0x(spec.data.root),
    factsHash: to0x(factsHash(factsOf(spec, program))),
    steps: spec.steps,
    entrySteps: spec.entrySteps,
    entriesPerWindow: spec.entriesPerWindow,
    replicas: spec.replicas,
    depth: spec.depth,
    sampleRate: spec.policy.sampleRate,
  }
  for (const [name, value] of Object.entries(says))
    findings.same(`${place}, term ${name}`, 'it', terms[name as keyof typeof says], value)
  return findings.outcome(`job id, spec hash and ${Object.keys(says).length} terms`)
}

/**
 * The data set, wherever it is kept, has the root that the spec names.
 * Why: every record of every step is read from it.
 */
export async function checkData(
  folders: BlobFolders,
  { data }: JobSpec,
): Promise<{ outcome: Outcome; bytes: Uint8Array | undefined }> {
  const findings = new Findings()
  const copies = await folders.blobs(data.root)
  let bytes: Uint8Array | undefined
  const sound = copies.find(({ fault }) => fault === undefined)
  for (const { place, fault, bytes: found } of copies) {
    if (fault === undefined) continue
    const byte = sound && differsAt(found, sound.bytes)
    findings.add(place, byte === undefined ? fault : `${fault}; it differs from ${sound?.place} at byte ${byte}`)
  }
  if (sound) {
    bytes = sharedBytes(sound.bytes.length)
    bytes.set(sound.bytes)
  }
  return {
    outcome: findings.outcome(`${copies.length} copies of the data set, root ${toHex(data.root).slice(0, 8)}`),
    bytes,
  }
}

/** The checkpoints that hash to a state root on the chain. */
export type SoundStates = ReadonlyMap<string, string>

/**
 * Every checkpoint of a step that an entry ends or starts with has the state root of that entry.
 * Why: weights are handed out from checkpoints, and replays start from them.
 */
export async function checkCheckpoints(
  folders: BlobFolders,
  history: History,
  program: Program,
  signal: AbortSignal,
): Promise<{ outcome: Outcome; states: SoundStates }> {
  const findings = new Findings()
  const states = new Map<string, string>()
  const roots = rootsByStep(history.windows)
  const damaged: { file: string; root: string }[] = []
  let checked = 0
  let others = 0
  for (const { file, epoch, step, size } of await folders.checkpoints(fromHex(history.jobId, 32))) {
    signal.throwIfAborted()
    const root = roots.get(`${epoch}:${step}`)
    if (root === undefined) {
      others++
      continue
    }
    checked++
    const right = size === listBytes(program.state) && toHex(listRoot(program.state, await readFile(file))) === root
    if (right) states.set(root, states.get(root) ?? file)
    else damaged.push({ file, root })
  }
  for (const { file, root } of damaged) {
    const sound = states.get(root)
    findings.add(
      file,
      await describeDamage(file, program, sound === undefined ? undefined : await readFile(sound), root),
    )
  }
  const notes = others > 0 ? [`${others} checkpoints are of steps that no window on the chain holds`] : []
  return { outcome: findings.outcome(`${checked} checkpoints have the state roots of their entries`, notes), states }
}

/** What is wrong with a checkpoint; with a sound copy of the same state, the very tensor and byte. */
async function describeDamage(
  file: string,
  program: Program,
  sound: Uint8Array | undefined,
  root: string,
): Promise<string> {
  const bytes = await readFile(file)
  if (bytes.length !== listBytes(program.state))
    return `it has ${bytes.length} bytes, a state has ${listBytes(program.state)}`
  const found = toHex(listRoot(program.state, bytes))
  const byte = sound && differsAt(bytes, sound)
  const hash = `its state root is ${found}, not ${root}`
  return byte === undefined ? hash : `${hash}: byte ${byte}, in tensor ${tensorAt(program, byte)}, is damaged`
}

function tensorAt(program: Program, byte: number): string {
  let offset = 0
  for (const { port, bytes } of sliceList(program.state, new Uint8Array(listBytes(program.state)))) {
    offset += bytes.length
    if (byte < offset) return port.name
  }
  return '?'
}

/** The state root after each step that ends an entry, and before each epoch's first, by `epoch:step`. */
function rootsByStep(windows: readonly WindowView[]): Map<string, string> {
  const roots = new Map<string, string>()
  for (const { epoch, entries } of windows) {
    for (const { entry } of entries) {
      roots.set(`${epoch}:${entry.stepFrom}`, toHex(entry.rootBefore))
      roots.set(`${epoch}:${entry.stepTo}`, toHex(entry.rootAfter))
    }
  }
  return roots
}

/** Evidence by entry hash. */
export type KeptEvidence = ReadonlyMap<Hex, Evidence>

/**
 * Evidence that solvers kept - roots of their sums, metrics of each step - has the roots in their entries.
 * Why: it says whose sum was wrong first where a replay differs, and it is where reported losses come from.
 */
export function checkEvidence(folders: BlobFolders, history: History): { outcome: Outcome; kept: KeptEvidence } {
  const findings = new Findings()
  const kept = new Map<Hex, Evidence>()
  let checked = 0
  for (const window of history.windows) {
    for (const [index, entry] of window.entries.entries()) {
      for (const { place, value, error } of folders.objects(OBJECTS.evidence, fromHex(entry.entryHash, 32))) {
        checked++
        if (isEvidence(entry.entry, replicasOf(window, entry), value)) kept.set(entry.entryHash, value)
        else {
          const why = error instanceof Error ? error.message : 'it does not have the roots in the entry'
          findings.add(`${place} (${entryPlace(window, index)})`, why)
        }
      }
    }
  }
  return { outcome: findings.outcome(`${checked} pieces of evidence have the roots in their entries`), kept }
}

/** Entries of the slot of an entry. */
const replicasOf = ({ entries }: WindowView, { entry }: EntryView): number =>
  entries.filter((one) => one.entry.stepFrom === entry.stepFrom).length

/** The first byte at which two strings of equal length differ. */
function differsAt(a: Uint8Array, b: Uint8Array): number | undefined {
  if (a.length !== b.length || bytesEqual(a, b)) return undefined
  return a.findIndex((byte, i) => byte !== b[i])
}
