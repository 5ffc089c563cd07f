/** What the fuzzer knows of a decoder: how its valid inputs look, what it may throw, and what its results must satisfy. */
import { AssayError, type Consequence, type ErrorCode } from '#proto/errors.ts'
import { type SeededRandom, seededRandom } from '#proto/testing.ts'

export type { SeededRandom } from '#proto/testing.ts'

/** One decoder of outside bytes. A target is an entry of a table: adding a decoder is adding one. */
export interface Target<T = unknown> {
  /** Also the folder of its kept inputs. */
  readonly name: string
  /** Exported functions that it exercises, as `file#function`; registry.test.ts demands every decoder once. */
  readonly covers: readonly string[]
  /** A valid input: `decode` must take it. Different inputs from different random values. */
  valid(random: SeededRandom): Uint8Array
  decode(bytes: Uint8Array): T | Promise<T>
  /** The inverse. Absent: `decode` only judges, or its format has no encoder here. */
  encode?(value: T): Uint8Array
  /**
   * What holds of an accepted input. `canonical`: its value encodes to the very same bytes. `stable`: it encodes to bytes
   * that decode to an equal value.
   */
  readonly form?: 'canonical' | 'stable'
  /** Whether two values are equal. Default: deeply. */
  same?(a: T, b: T): boolean
  /** Every code that `decode` may throw. */
  readonly codes: readonly ErrorCode[]
  /** Consequences that its errors may carry. Default `none`. */
  readonly consequences?: readonly Consequence[]
  /** Most bytes of memory that buffers and lists of a case may ask for, by the size of the input. */
  allocates?(size: number): number
  /** Byte strings of the format that mutations insert: keywords, markers, extreme counts. */
  readonly tokens?: readonly Uint8Array[]
  /** Fixed size of the format's words, if it has one: mutations then move and change whole words too. */
  readonly unit?: number
  /** A mutation that knows the format and keeps its outer structure (lengths, checksums, signatures) intact. */
  mutate?(input: Uint8Array, random: SeededRandom): Uint8Array
  /** Hostile inputs of full size, by what is hostile about them; `decode` must refuse each. */
  bombs?(): Iterable<readonly [what: string, input: Uint8Array]>
  /** How many times fewer cases `npm test` runs than of a quick decoder. Default 1. */
  readonly slowness?: number
}

/** Memory that a case may ask for unless its target says otherwise: some copies of the input. */
export const ALLOCATES = (size: number): number => 65_536 + 64 * size

/** How a case ended: the value, or the code of the refusal. */
export type Ending<T = unknown> = { readonly value: T } | { readonly refused: AssayError }

/** A declared property that does not hold. */
export class Broken extends Error {}

/** Text of errors ends up in logs and on terminals: it must not carry the input along. */
const MAX_MESSAGE = 4096

/** Judges what `decode` threw. Throws `Broken` for anything but a declared `AssayError` of readable size. */
export function refusal(target: Target, error: unknown): AssayError {
  if (!(error instanceof AssayError)) {
    throw new Broken(`threw ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`, {
      cause: error,
    })
  }
  const { code, consequence, message } = error
  if (!target.codes.includes(code)) throw new Broken(`threw the undeclared code ${code}: ${message}`, { cause: error })
  const allowed = target.consequences ?? ['none']
  if (!allowed.includes(consequence)) throw new Broken(`threw ${code} with the consequence ${consequence}`)
  if (message.length > MAX_MESSAGE) throw new Broken(`threw ${code} with a message of ${message.length} characters`)
  return error
}

/** Independent random values of case `index`: each case can be run again alone. */
export function caseRandom(name: string, seed: number, index: number): SeededRandom {
  let hash = 0x811c9dc5 ^ seed
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ index, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  return seededRandom(hash ^ (hash >>> 13) ^ index)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** UTF-8 of text, and of tokens of text formats. */
export const utf8 = (text: string): Uint8Array => encoder.encode(text)
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes)
export const words = (...texts: readonly string[]): Uint8Array[] => texts.map(utf8)
