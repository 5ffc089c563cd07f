/** The state of an unfinished bare run in one safetensors file, so that it can go on later. */
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeSafetensors, encodeSafetensors } from '#app/weights/safetensors.ts'
import type { Port } from '#graph/types.ts'
import { concatBytes, toHex } from '#proto/bytes.ts'
import { AssayError, check, fail } from '#proto/errors.ts'
import { listBytes, listRoot, sliceList } from '#runtime/tensors.ts'

export const CHECKPOINT_FILE = 'checkpoint.safetensors'
/** What the header may add to the tensors: losses of every step, as text. */
const MAX_HEADER_BYTES = 16 << 20

export interface Checkpoint {
  /** Steps done. */
  readonly step: number
  /** State after them, tensors end to end. */
  readonly state: Uint8Array
  /** Mean loss of each step done. */
  readonly losses: readonly number[]
}

/** Writes a checkpoint; it appears whole or not at all. Throws `storage`. */
export async function saveCheckpoint(
  folder: string,
  specHash: Uint8Array,
  ports: readonly Port[],
  { step, state, losses }: Checkpoint,
): Promise<void> {
  const tensors = sliceList(ports, state).map(({ port, bytes }) => {
    return { name: port.name, dtype: 'U32' as const, shape: port.type.shape, bytes }
  })
  const stateRoot = toHex(listRoot(ports, state))
  const metadata = { specHash: toHex(specHash), step: String(step), stateRoot, losses: JSON.stringify(losses) }
  const file = join(folder, CHECKPOINT_FILE)
  try {
    await mkdir(folder, { recursive: true })
    await writeFile(`${file}.part`, encodeSafetensors({ tensors, metadata }))
    await rename(`${file}.part`, file)
  } catch (cause) {
    fail('storage', `the checkpoint cannot be written to ${folder}: ${(cause as Error).message}`, {
      next: 'Name another folder with --checkpoint.',
      cause,
    })
  }
}

/**
 * The checkpoint in a folder, or null where there is none.
 * @throws AssayError `bad-data` for a damaged checkpoint or one of another job, `storage`
 */
export async function loadCheckpoint(
  folder: string,
  specHash: Uint8Array,
  ports: readonly Port[],
): Promise<Checkpoint | null> {
  const file = join(folder, CHECKPOINT_FILE)
  const next = `Move ${file} away to start from the beginning, or name another folder with --checkpoint.`
  try {
    const { size } = await stat(file)
    check(size <= listBytes(ports) + MAX_HEADER_BYTES + 8, 'bad-data', `${file} is too large to be of this job`, {
      next,
    })
    return decodeCheckpoint(await readFile(file), file, specHash, ports)
  } catch (cause) {
    if (cause instanceof AssayError) throw new AssayError(cause.code, cause.message, { next, cause })
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    return fail('storage', `${file} cannot be read: ${(cause as Error).message}`, { next, cause })
  }
}

/**
 * The checkpoint in a file's bytes.
 * @param file names them in messages
 * @throws AssayError `bad-data` for a damaged checkpoint or one of another job, `over-limit`
 */
export function decodeCheckpoint(
  data: Uint8Array,
  file: string,
  specHash: Uint8Array,
  ports: readonly Port[],
): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(data)
  check(metadata.specHash === toHex(specHash), 'bad-data', `${file} belongs to another job`)
  const names = tensors.map(({ name }) => name).join()
  check(names === ports.map(({ name }) => name).join(), 'bad-data', `${file} holds other tensors`)
  const state = concatBytes(...tensors.map(({ bytes }) => bytes))
  const sound = state.length === listBytes(ports) && toHex(listRoot(ports, state)) === metadata.stateRoot
  check(sound, 'bad-data', `${file} is damaged: its state does not have the root that it names`)
  const losses = parseLosses(metadata.losses ?? '', file)
  check(metadata.step === String(losses.length), 'bad-data', `${file} is damaged: its losses do not fit its step`)
  return { step: losses.length, state, losses }
}

function parseLosses(text: string, file: string): number[] {
  let losses: unknown
  try {
    losses = JSON.parse(text)
  } catch (cause) {
    fail('bad-data', `${file} is damaged: its losses are not JSON`, { cause })
  }
  const numbers = Array.isArray(losses) && losses.every((loss) => typeof loss === 'number')
  return numbers ? (losses as number[]) : fail('bad-data', `${file} is damaged: its losses are no numbers`)
}
