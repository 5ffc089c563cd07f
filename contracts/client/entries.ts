/** Signed entries between the protocol's bytes and the contract's structs. */
import type { Entry as ChainEntry, Hex } from '#contracts/abi/types.generated.ts'
import { fromHex, to0x } from '#proto/bytes.ts'
import type { Entry, SignedEntry } from '#proto/entry.ts'

const HASHES = ['jobId', 'rootBefore', 'rootAfter', 'lanesRoot', 'metricsRoot'] as const

export const hex = (bytes: Uint8Array): Hex => to0x(bytes) as Hex

export function entryToChain(entry: Entry): ChainEntry {
  const hashes = Object.fromEntries(HASHES.map((name) => [name, hex(entry[name])])) as Record<
    (typeof HASHES)[number],
    Hex
  >
  return { ...entry, ...hashes, solver: hex(entry.solver) }
}

/** Throws `bad-encoding` on malformed hex. */
export function entryFromChain(entry: ChainEntry): Entry {
  const hashes = Object.fromEntries(HASHES.map((name) => [name, fromHex(entry[name], 32)])) as Record<
    (typeof HASHES)[number],
    Uint8Array
  >
  return { ...entry, ...hashes, solver: fromHex(entry.solver, 20) }
}

/** The signed entries of a WindowCommitted event, in order. */
export function committedEntries(event: {
  readonly entries: readonly ChainEntry[]
  readonly signatures: readonly Hex[]
}): SignedEntry[] {
  return event.entries.map((entry, i) => ({
    entry: entryFromChain(entry),
    signature: fromHex(event.signatures[i] ?? '0x', 65),
  }))
}
