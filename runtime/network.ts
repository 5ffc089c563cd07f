/** How a process finds its network: the file that `assay devnet` writes and every role and command reads. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { parseAddress, peerOf } from '#net/addresses.ts'
import { fail } from '#proto/errors.ts'
import type { Hex } from '#proto/terms.ts'

const address = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/, 'an address is 0x and 40 lower-case hexadecimal digits')
  .transform((text) => text as Hex)

/** With the peer it leads to: whoever listens there instead is not taken for it. */
const bootstrapAddress = z.string().refine(leadsToPeer, 'it must be a multiaddr that ends in /p2p/ and a peer id')

function leadsToPeer(text: string): boolean {
  try {
    return peerOf(parseAddress(text)) !== undefined
  } catch {
    return false
  }
}

const schema = z.strictObject({
  /** JSON-RPC URL of the chain. */
  rpc: z.url(),
  chainId: z.number().int().positive(),
  /** Addresses of the contracts, and the block from which they have events. */
  contracts: z.strictObject({
    assay: address,
    arbiter: address,
    randomness: address,
    fromBlock: z.number().int().nonnegative(),
  }),
  /** Seconds between two blocks: how often roles look. */
  blockSeconds: z.number().positive().optional(),
  /** Blocks that must stand on top of an event before roles act on it; 0 unless stated. */
  confirmations: z.number().int().nonnegative().optional(),
  /** Multiaddrs of peers to join the network through. */
  bootstrap: z.array(bootstrapAddress).max(64),
  /** URL of the coordinator's API. */
  api: z.url(),
  /** What people call some accounts, for ledgers; a devnet names its own. */
  names: z.record(z.string(), z.string().max(64)).optional(),
})

export type Network = z.infer<typeof schema>

/** Checks a network description. @throws AssayError `bad-config` */
export function parseNetwork(value: unknown, where: string): Network {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  fail('bad-config', `${where}: ${issue?.path.join('.')}: ${issue?.message}`, {
    next: 'Write it anew with `assay devnet`.',
  })
}

/** Reads a network file. @throws AssayError `not-found`, `bad-config` */
export async function readNetwork(file: string): Promise<Network> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    fail('not-found', `no network file at ${file}`, {
      next: 'Start a devnet with `assay devnet`, or name the file with --network.',
      cause: error,
    })
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    fail('bad-config', `${file} is not JSON`, { next: 'Write it anew with `assay devnet`.', cause: error })
  }
  return parseNetwork(value, file)
}
