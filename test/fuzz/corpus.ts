/** Kept inputs: one file each, hex with remarks after `#`, replayed before anything else is tried. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromHex, toHex } from '#proto/bytes.ts'
import { sha256 } from '#proto/hash.ts'

const FOLDER = fileURLToPath(new URL('./corpus/', import.meta.url))
const LINE = 96
/** Larger inputs are generated (see `bombs`), not kept. */
const MAX_KEPT = 65_536

export interface Kept {
  readonly file: string
  readonly input: Uint8Array
}

/** The kept inputs of a target, in the order of their names. */
export function keptInputs(target: string): Kept[] {
  let names: string[]
  try {
    names = readdirSync(join(FOLDER, target))
  } catch {
    return []
  }
  return names.sort().map((file) => {
    const text = readFileSync(join(FOLDER, target, file), 'utf8')
    return { file, input: fromHex(text.replace(/#.*$/gm, '').replace(/\s/g, '')) }
  })
}

/** Names of the folders of kept inputs. */
export function keptTargets(): string[] {
  return readdirSync(FOLDER, { withFileTypes: true })
    .filter((one) => one.isDirectory())
    .map(({ name }) => name)
}

/** Keeps an input; returns its file, or undefined where it is too large or cannot be written. */
export function keep(target: string, input: Uint8Array, remark: string): string | undefined {
  if (input.length > MAX_KEPT) return undefined
  const file = join(FOLDER, target, `${toHex(sha256(input)).slice(0, 12)}.hex`)
  const lines = toHex(input).match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []
  try {
    mkdirSync(join(FOLDER, target), { recursive: true })
    writeFileSync(file, `# ${remark.split('\n')[0]}\n${lines.join('\n')}\n`)
    return file
  } catch {
    return undefined
  }
}
