/** Merkle Patricia trie of an ordered list, as Ethereum blocks commit to their transactions and receipts. */
import { encodeRlp, getBytes, keccak256, type RlpStructuredDataish, toBeArray } from 'ethers'

interface Leaf {
  /** The key's half-bytes that are left below the node. */
  readonly path: readonly number[]
  readonly value: string
}

/** Root of the trie that maps rlp(i) to `values[i]`, 0x hex. */
export function trieRoot(values: readonly string[]): string {
  const leaves = values.map((value, i) => ({ path: nibbles(getBytes(encodeRlp(quantity(i)))), value }))
  return keccak256(encodeRlp(node(leaves)))
}

/** An integer as RLP takes it: big-endian without leading zeros; zero is the empty string. */
export function quantity(value: bigint | number | string): Uint8Array {
  return toBeArray(BigInt(value))
}

function nibbles(bytes: Uint8Array): number[] {
  return [...bytes].flatMap((byte) => [byte >> 4, byte & 15])
}

/** Yellow Paper, appendix D. */
function node(leaves: readonly Leaf[]): RlpStructuredDataish {
  const [first] = leaves
  if (first === undefined) return '0x'
  if (leaves.length === 1) return [compact(first.path, true), first.value]
  let shared = 0
  while (leaves.every(({ path }) => shared < path.length && path[shared] === first.path[shared])) shared++
  if (shared > 0) return [compact(first.path.slice(0, shared), false), reference(cut(leaves, shared))]
  const branches = Array.from({ length: 16 }, (_, nibble) => {
    const below = leaves.filter(({ path }) => path[0] === nibble)
    return below.length === 0 ? '0x' : reference(cut(below, 1))
  })
  return [...branches, leaves.find(({ path }) => path.length === 0)?.value ?? '0x']
}

function cut(leaves: readonly Leaf[], length: number): Leaf[] {
  return leaves.map(({ path, value }) => ({ path: path.slice(length), value }))
}

/** A node of less than 32 bytes stands inside its parent, a larger one by its hash. */
function reference(leaves: readonly Leaf[]): RlpStructuredDataish {
  const below = node(leaves)
  const encoded = encodeRlp(below)
  return encoded.length - 2 < 64 ? below : keccak256(encoded)
}

/** Hex-prefix encoding: a flag for leaves and for odd lengths, then the half-bytes. */
function compact(path: readonly number[], leaf: boolean): Uint8Array {
  const flag = (leaf ? 2 : 0) + (path.length % 2)
  const padded = path.length % 2 === 1 ? [flag, ...path] : [flag, 0, ...path]
  return Uint8Array.from(
    { length: padded.length / 2 },
    (_, i) => (padded[2 * i] as number) * 16 + (padded[2 * i + 1] as number),
  )
}
