/** `assay verify DIR`: pulled weights against their proof, and their state root against the chain's. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CONFIG_FILE,
  configText,
  encodeTensors,
  metadataOf,
  OPTIMIZER_FILE,
  WEIGHTS_FILE,
} from '#app/weights/export.ts'
import { MAX_PROOF_BYTES, PROOF_FILE, type Proof, parseProof } from '#app/weights/proof.ts'
import { decodeSafetensors, type SafeTensor } from '#app/weights/safetensors.ts'
import type { Program } from '#graph/types.ts'
import { concatBytes, fromHex, toHex } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'
import { decodeJob, type JobSpec, specHash } from '#proto/job.ts'
import { hashTree } from '#proto/merkle.ts'
import { programOf } from '#runtime/program.ts'
import { elements, listBytes, rootsOf, sliceList, type TensorSlice } from '#runtime/tensors.ts'
import { Checks } from './checks.ts'
import { type CheckResult, Findings, type Outcome } from './finding.ts'
import { historyOf } from './history.ts'
import { findJobId } from './job.ts'
import { readRecord } from './record.ts'
import type { ChainSource } from './source.ts'

export interface WeightsAudit {
  readonly job: string | null
  readonly stateRoot: string
  readonly checks: readonly CheckResult[]
  readonly missing: readonly string[]
}

/** Largest file of weights that is read: they are held in memory. */
const MAX_FILE_BYTES = 2 ** 31

interface Opened {
  readonly folder: string
  readonly proof: Proof
  readonly spec: JobSpec
  readonly program: Program
  readonly files: ReadonlyMap<string, Uint8Array>
}

/**
 * Checks the folder by itself, and against the chain where one is given.
 * @throws AssayError `not-found` without a proof, `bad-encoding` for one that cannot be read, `chain`, `cancelled`
 */
export async function auditWeights(
  folder: string,
  source: ChainSource | undefined,
  signal: AbortSignal,
  onCheck: (result: CheckResult) => void,
): Promise<WeightsAudit> {
  const checks = new Checks(signal, onCheck)
  checks.provider = source?.provider
  await readBytes(join(folder, PROOF_FILE), MAX_PROOF_BYTES)
  let opened: Opened | undefined
  await checks.make('weights', 'proof', async () => {
    const [outcome, found] = await openFolder(folder)
    opened = found
    return outcome
  })
  if (opened === undefined) return { job: null, stateRoot: '', checks: checks.results, missing: [] }
  const weights = opened as Opened
  let state: Uint8Array | undefined
  await checks.make('weights', 'tensors', () => {
    const { outcome, bytes } = checkTensors(weights)
    state = bytes
    return outcome
  })
  await checks.make('weights', 'files', () => checkFiles(weights, state))
  await checks.make('weights', 'config', () => checkConfig(weights))
  const { provenance, stateRoot } = weights.proof
  const job = provenance.kind === 'network' ? String(provenance['job']) : null
  const missing: string[] = []
  if (job === null) missing.push('a chain: these weights were trained on one machine (assay run)')
  else if (source === undefined)
    missing.push('the chain: name its network with --network, or a node with --rpc and --contract')
  else await checks.make('chain', 'final root', () => checkChain(weights, job, source, signal))
  return { job, stateRoot, checks: checks.results, missing }
}

/**
 * The proof is whole, of a valid job, and its tensor roots lead to its state root.
 * Why: everything else in the folder is held to it.
 */
async function openFolder(folder: string): Promise<[Outcome, Opened | undefined]> {
  const findings = new Findings()
  const file = join(folder, PROOF_FILE)
  const text = new TextDecoder().decode(await readBytes(file, MAX_PROOF_BYTES))
  let proof: Proof
  let spec: JobSpec
  let program: Program
  try {
    proof = parseProof(text)
    spec = decodeJob(fromHex(proof.spec))
    program = programOf(spec)
  } catch (error) {
    findings.add(file, (error as Error).message)
    return [findings.outcome('not readable'), undefined]
  }
  const root = toHex(hashTree(proof.tensors.map((tensor) => fromHex(tensor.root, 32))))
  findings.same(file, 'the root over its tensor roots', root, proof.stateRoot)
  findings.same(file, 'the list of its tensors', names(proof.tensors), names(program.state))
  const files = new Map<string, Uint8Array>()
  for (const name of Object.keys(proof.files)) {
    if (![WEIGHTS_FILE, OPTIMIZER_FILE, CONFIG_FILE].includes(name)) findings.add(file, `it names a file ${name}`)
    else files.set(name, await readBytes(join(folder, name), MAX_FILE_BYTES))
  }
  const tensors = proof.tensors.length
  return [
    findings.outcome(`${tensors} tensors, state root ${proof.stateRoot}`),
    { folder, proof, spec, program, files },
  ]
}

const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name)

/**
 * Each tensor of the files has the name, type and root that the proof says.
 * Why: the tensors are the weights; their roots lead to the state root on the chain.
 */
function checkTensors({ folder, proof, program, files }: Opened): { outcome: Outcome; bytes: Uint8Array | undefined } {
  const findings = new Findings()
  const found: { file: string; tensor: SafeTensor; offset: number }[] = []
  for (const name of [WEIGHTS_FILE, OPTIMIZER_FILE]) {
    const bytes = files.get(name)
    if (bytes === undefined) continue
    const file = join(folder, name)
    try {
      for (const tensor of decodeSafetensors(bytes).tensors)
        found.push({ file, tensor, offset: tensor.bytes.byteOffset - bytes.byteOffset })
    } catch (error) {
      findings.add(file, (error as Error).message)
    }
  }
  for (const [i, { file, tensor, offset }] of found.entries()) {
    const port = program.state[i]
    const place = `${file}, tensor ${tensor.name}, bytes ${offset} to ${offset + tensor.bytes.length - 1}`
    if (port === undefined || port.name !== tensor.name || tensor.bytes.length !== 4 * elements(port.type)) {
      findings.add(
        place,
        `the job has ${port ? `${port.name} of ${4 * elements(port.type)} bytes` : 'no tensor'} in this place`,
      )
      continue
    }
    findings.same(place, 'its root', toHex(rootsOf({ port, bytes: tensor.bytes }).root), proof.tensors[i]?.root)
  }
  findings.same(folder, 'the number of its tensors', found.length, program.state.length)
  const bytes = concatBytes(...found.map(({ tensor }) => tensor.bytes))
  const whole = bytes.length === listBytes(program.state)
  return {
    outcome: findings.outcome(`${found.length} tensors, ${bytes.length} bytes`),
    bytes: whole ? bytes : undefined,
  }
}

/**
 * Each file has the hash in the proof; files of weights are the one encoding of their tensors.
 * Why: a header may not say anything else about them either.
 */
function checkFiles({ folder, proof, spec, program, files }: Opened, state: Uint8Array | undefined): Outcome {
  const findings = new Findings()
  const slices = state === undefined ? [] : sliceList(program.state, state)
  const metadata = metadataOf(spec, proof.stateRoot)
  const parts: Readonly<Record<string, TensorSlice[]>> = {
    [WEIGHTS_FILE]: slices.slice(0, program.gradients.length),
    [OPTIMIZER_FILE]: slices.slice(program.gradients.length),
  }
  for (const [name, bytes] of files) {
    const place = join(folder, name)
    const part = parts[name]
    const byte = state && part ? firstDifference(bytes, encodeTensors(part, metadata)) : undefined
    if (byte !== undefined) findings.add(place, `it differs at byte ${byte} from how these tensors are written`)
    findings.same(place, 'its SHA-256', toHex(sha256(bytes)), proof.files[name])
  }
  for (const name of [WEIGHTS_FILE, CONFIG_FILE])
    findings.expect(files.has(name), folder, () => `the proof says nothing of ${name}`)
  return findings.outcome(`${files.size} files`)
}

/**
 * config.json says what follows from the job and the proof, and nothing else.
 * Why: it is what people and programs read.
 */
function checkConfig({ folder, proof, spec, files }: Opened): Outcome {
  const findings = new Findings()
  const bytes = files.get(CONFIG_FILE) ?? new Uint8Array()
  const tensors = [...files].filter(([name]) => name !== CONFIG_FILE)
  const order = [WEIGHTS_FILE, OPTIMIZER_FILE].flatMap((name) => tensors.filter(([own]) => own === name))
  const { provenance, stateRoot } = proof
  const metrics = proof.metrics as Parameters<typeof configText>[0]['metrics']
  const expected = new TextEncoder().encode(
    configText({ spec, provenance, metrics: metrics ?? null }, stateRoot, order),
  )
  const byte = firstDifference(bytes, expected)
  findings.expect(
    byte === undefined,
    join(folder, CONFIG_FILE),
    () => `it differs at byte ${byte} from what job and files say`,
  )
  return findings.outcome(`${bytes.length} bytes follow from the job`)
}

/**
 * The chain settled this very job with this very state root.
 * Why: a proof beside the weights shows that they are whole; the chain shows whose they are.
 */
async function checkChain(
  { proof, spec }: Opened,
  id: string,
  source: ChainSource,
  signal: AbortSignal,
): Promise<Outcome> {
  const findings = new Findings()
  const { provider, deployment, chainId } = source
  const { provenance } = proof
  findings.same(PROOF_FILE, 'its chain', String(provenance['chainId']), String(chainId))
  findings.same(PROOF_FILE, 'its contract', String(provenance['contract']), deployment.assay)
  const record = await readRecord(provider, deployment, await provider.getBlockNumber(), signal)
  const jobId = findJobId(record, id)
  const { view } = historyOf(jobId, record.events)
  const place = `job ${jobId}`
  findings.same(place, 'its phase', view?.phase, 'settled')
  findings.same(place, 'its spec hash', view?.terms.specHash, `0x${toHex(specHash(spec))}`)
  findings.same(place, 'its final root', view?.finalRoot, `0x${proof.stateRoot}`)
  return findings.outcome(`job ${jobId} settled with state root ${view?.finalRoot ?? '-'}`)
}

/** The first byte at which two strings differ; the shorter one's length if one goes on. */
function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  const common = Math.min(a.length, b.length)
  for (let i = 0; i < common; i++) if (a[i] !== b[i]) return i
  return a.length === b.length ? undefined : common
}

/** @throws AssayError `not-found`, `over-limit` */
async function readBytes(file: string, max: number): Promise<Uint8Array> {
  const handle = await open(file, 'r').catch((cause: unknown) =>
    fail('not-found', `there is no file ${file}`, { next: 'Pull the weights again with `assay pull`.', cause }),
  )
  try {
    const { size } = await handle.stat()
    if (size > max) fail('over-limit', `${file} has ${size} bytes, at most ${max} are read`)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
