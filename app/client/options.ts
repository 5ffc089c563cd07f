/** Options that commands of a network share. */
import { dirname, join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'

/** Where `assay devnet` keeps its network unless told otherwise. */
export const DEVNET_FOLDER = join('.assay', 'devnet')

/** Adds `--network FILE`. */
export function networkOption(command: Command): Command {
  const fallback = process.env.ASSAY_NETWORK ?? join(DEVNET_FOLDER, 'network.json')
  return command.option('--network <file>', 'network file, as `assay devnet` writes it', fallback)
}

/** Adds `--password-file FILE`. */
export function passwordOption(command: Command): Command {
  return command.option('--password-file <file>', 'file with the passphrase of an encrypted key (or ASSAY_PASSWORD)')
}

/** The submitter's key beside a network file. */
export function submitterKey(networkFile: string): string {
  return join(dirname(networkFile), 'submitter', 'key')
}

/** Parses a whole number of a range. */
export function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

/** Parses a share from 0 to 1. */
export function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('It must be from 0 to 1.')
  return value
}
