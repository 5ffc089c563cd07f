/**
 * `proof.json` beside exported weights: what they are checked against by `assay verify DIR` - the job's canonical bytes and
 * the root of every tensor, from which the state root follows, and the hash of every file.
 */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import type { Program } from '#graph/types.ts'
import { toHex } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'
import { encodeJob, type JobSpec, MAX_JOB_BYTES } from '#proto/job.ts'
import { rootsOf, sliceList } from '#runtime/tensors.ts'

export const PROOF_FILE = 'proof.json'
/** Most bytes of a proof: some hundred bytes a tensor. */
export const MAX_PROOF_BYTES = 16 << 20

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const schema = z.strictObject({
  format: z.literal('assay/proof/1'),
  /** Canonical bytes of the job, hexadecimal. */
  spec: z
    .string()
    .regex(/^(?:[0-9a-f]{2})+$/)
    .max(2 * MAX_JOB_BYTES),
  provenance: z.intersection(
    z.object({ kind: z.enum(['network', 'run']) }),
    z.record(z.string().max(64), z.union([z.string().max(256), z.number()])),
  ),
  /** Held-out metrics, as in config.json. */
  metrics: z.strictObject({ records: z.number(), loss: z.number(), accuracy: z.number().optional() }).nullable(),
  stateRoot: hash,
  /** Root of each tensor of the state, in the state's order. */
  tensors: z.array(z.strictObject({ name: z.string().max(1024), root: hash })).max(65_536),
  /** SHA-256 of each other file. */
  files: z.record(z.string().max(64), hash),
})

export type Proof = z.infer<typeof schema>

/** The proof of a state; `files` are the hashes of what was written of it. */
export function proofOf(
  weights: {
    readonly spec: JobSpec
    readonly program: Program
    readonly state: Uint8Array
    readonly provenance: Proof['provenance']
    readonly metrics?: Proof['metrics']
  },
  stateRoot: string,
  files: Proof['files'],
): Proof {
  const { spec, program, state, provenance, metrics } = weights
  const tensors = sliceList(program.state, state).map((slice) => ({
    name: slice.port.name,
    root: toHex(rootsOf(slice).root),
  }))
  const bytes = toHex(encodeJob(spec))
  return { format: 'assay/proof/1', spec: bytes, provenance, metrics: metrics ?? null, stateRoot, tensors, files }
}

/** The one text of a proof. */
export function proofText(proof: Proof): string {
  return `${JSON.stringify(proof, null, 2)}\n`
}

/** Reads a proof, in its one form alone. @throws AssayError `bad-encoding` */
export function parseProof(text: string): Proof {
  const next = 'Pull the weights again.'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return fail('bad-encoding', `it is not JSON: ${(cause as Error).message}`, { next, cause })
  }
  const parsed = schema.safeParse(value)
  const [issue] = parsed.error?.issues ?? []
  if (!parsed.success) return fail('bad-encoding', `${issue?.path.join('.')}: ${issue?.message}`, { next })
  const own = JSON.stringify(value, null, 2)
  // The schema lets a key named __proto__ vanish.
  const whole = isDeepStrictEqual(value, parsed.data)
  if (!whole || `${own}\n` !== text) fail('bad-encoding', 'it is not in the form in which it is written', { next })
  return parsed.data
}
