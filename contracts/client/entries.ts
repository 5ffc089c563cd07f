/** Entries as the contract's structs. */
import type { Entry as ChainEntry, Hex } from '#contracts/abi/types.generated.ts'
import { to0x } from '#proto/bytes.ts'
import type { Entry } from '#proto/entry.ts'

const HASHES = ['jobId', 'rootBefore', 'rootAfter', 'lanesRoot', 'metricsRoot'] as const

export const hex = (bytes: Uint8Array): Hex => to0x(bytes) as Hex

export function entryToChain(entry: Entry): ChainEntry {
  const hashes = Object.fromEntries(HASHES.map((name) => [name, hex(entry[name])])) as Record<
    (typeof HASHES)[number],
    Hex
  >
  return { ...entry, ...hashes, solver: hex(entry.solver) }
}
