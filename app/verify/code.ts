/** Whether the code on the chain is this build's: byte by byte, except for the addresses that deployment fills in. */
import { getBytes, type JsonRpcProvider, toQuantity } from 'ethers'
import artifacts from '#contracts/abi/artifacts.generated.json' with { type: 'json' }
import { chainError } from '#contracts/errors.ts'
import { toHex } from '#proto/bytes.ts'
import { Findings, type Outcome } from './finding.ts'
import type { ChainRecord } from './record.ts'

interface Artifact {
  readonly bytecode: string
  readonly links: Readonly<Record<string, readonly number[]>>
}

const ARTIFACTS = artifacts as unknown as Readonly<Record<string, Artifact>>
const ADDRESS_BYTES = 20
/** Before a word that deployment fills in: an immutable of the contract, or the library's own address. */
const PUSH32 = 0x7f

/**
 * The rules that the events are checked against are those of this build's contract.
 * Why: with other code behind the address, events and balances would mean something else.
 */
export async function checkCode(provider: JsonRpcProvider, record: ChainRecord): Promise<Outcome> {
  const { assay, arbiter, randomness } = record.deployment
  const findings = new Findings()
  const pending = new Map([
    [assay, 'Assay'],
    [arbiter, 'PinpointArbiter'],
    [randomness, 'BlockRandomness'],
  ])
  let bytes = 0
  for (const [address, name] of pending) {
    const code = await codeAt(provider, address, record.head)
    bytes += code.length
    const words = [randomness, arbiter, address].map((a) => a.slice(2).padStart(64, '0'))
    for (const [library, at] of compare(findings, name, address, code, words)) pending.set(at, library)
  }
  return findings.outcome(`${bytes} bytes of ${pending.size} contracts`)
}

async function codeAt(provider: JsonRpcProvider, address: string, head: number): Promise<Uint8Array> {
  try {
    return getBytes(await provider.getCode(address, toQuantity(head)))
  } catch (error) {
    throw chainError('eth_getCode', error)
  }
}

/** Compares one contract's code; returns the libraries that it is linked to and where they are. */
function compare(
  findings: Findings,
  name: string,
  address: string,
  code: Uint8Array,
  immutables: readonly string[],
): [string, `0x${string}`][] {
  const place = `${name} at ${address}`
  const artifact = ARTIFACTS[name] as Artifact
  const creation = getBytes(artifact.bytecode)
  if (code.length === 0 || code.length > creation.length) {
    findings.add(place, code.length === 0 ? 'there is no code' : 'its code is longer than this build of it')
    return []
  }
  // The creation code ends with the code that it returns.
  const start = creation.length - code.length
  const expected = creation.slice(start)
  const linked: [string, `0x${string}`][] = []
  const fill = (at: number, size: number): void => expected.set(code.subarray(at, at + size), at)
  for (const [library, places] of Object.entries(artifact.links)) {
    for (const at of places) {
      linked.push([library, `0x${toHex(code.subarray(at - start, at - start + ADDRESS_BYTES))}`])
      fill(at - start, ADDRESS_BYTES)
    }
  }
  for (let at = 0; at + 32 < code.length; at++) {
    if (expected[at] !== PUSH32 || expected.subarray(at + 1, at + 33).some((byte) => byte !== 0)) continue
    if (immutables.includes(toHex(code.subarray(at + 1, at + 33)))) fill(at + 1, 32)
  }
  const byte = code.findIndex((value, i) => value !== expected[i])
  findings.expect(byte < 0, place, () => `its code differs from this build's at byte ${byte}`)
  const first = new Map(linked.map(([library, at]) => [library, at]))
  for (const [library, at] of linked)
    findings.expect(
      first.get(library) === at,
      place,
      () => `it uses two addresses of ${library}, ${first.get(library)} and ${at}`,
    )
  return byte < 0 ? [...first] : []
}
