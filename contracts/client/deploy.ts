/** Deployment of the contracts and of the libraries linked into them. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ContractFactory,
  getBytes,
  getCreateAddress,
  hexlify,
  type Provider,
  type TransactionReceipt,
  type Wallet,
} from 'ethers'
import artifacts from '#contracts/abi/artifacts.generated.json' with { type: 'json' }
import type { Hex } from '#contracts/abi/types.generated.ts'
import { chainError } from '#contracts/errors.ts'
import { fail } from '#proto/errors.ts'

/** What a client must know about a deployment. */
export interface Deployment {
  readonly assay: Hex
  readonly arbiter: Hex
  readonly randomness: Hex
  /** Block from which the contracts have events. */
  readonly fromBlock: number
}

interface Artifact {
  readonly abi: readonly object[]
  readonly bytecode: string
  readonly links: Readonly<Record<string, readonly number[]>>
}

const ARTIFACTS = artifacts as unknown as Readonly<Record<string, Artifact>>

/** More than the largest of the contracts costs, and below what a transaction may use (EIP-7825). */
const DEPLOY_GAS = 8_000_000n
const RECEIPT_MS = 60_000

/** Deploys a contract, and first the libraries that it links to; a name that was deployed already gives the same address. */
type Create = (name: string, args?: readonly string[]) => Promise<Hex>

/**
 * Deploys randomness, arbiter and the coordination contract in one burst: addresses follow from the signer's nonce, so
 * nothing waits for a library. BlockRandomness is for devnets alone; a public chain needs a beacon in its place.
 * The wallet must send nothing else meanwhile. Throws `chain` when a deployment fails, `no-funds` without the means.
 *
 * @param judge an arbiter that is there already; default: the game contract of the pinpoint challenge
 */
export async function deploy(wallet: Wallet, judge?: Hex): Promise<Deployment> {
  return inOneBurst(wallet, async (create, fromBlock) => {
    const randomness = await create('BlockRandomness')
    const arbiter = judge ?? (await create('PinpointArbiter'))
    const assay = await create('Assay', [randomness, arbiter])
    return { assay, arbiter, randomness, fromBlock }
  })
}

/** Deploys the game contract of the pinpoint challenge, which any court may use; otherwise like `deploy`. */
export async function deployPinpoint(wallet: Wallet): Promise<Hex> {
  return inOneBurst(wallet, (create) => create('PinpointArbiter'))
}

async function inOneBurst<T>(wallet: Wallet, place: (create: Create, fromBlock: number) => Promise<T>): Promise<T> {
  const provider = wallet.provider ?? fail('bad-input', 'the wallet is not connected to a chain')
  try {
    const fromBlock = await provider.getBlockNumber()
    const first = await provider.getTransactionCount(wallet.address, 'pending')
    const placed = new Map<string, Hex>()
    const sent: string[] = []
    const create: Create = async (name, args = []) => {
      const known = placed.get(name)
      if (known !== undefined) return known
      const artifact = ARTIFACTS[name] ?? fail('internal', `no artifact ${name}`)
      for (const library of Object.keys(artifact.links)) await create(library)
      const factory = new ContractFactory([...artifact.abi], link(artifact, placed), wallet)
      const nonce = first + placed.size
      const address = getCreateAddress({ from: wallet.address, nonce }).toLowerCase() as Hex
      placed.set(name, address)
      const request = await factory.getDeployTransaction(...args, { nonce, gasLimit: DEPLOY_GAS })
      const { hash } = await wallet.sendTransaction(request)
      sent.push(hash)
      return address
    }
    const result = await place(create, fromBlock)
    for (const receipt of await Promise.all(sent.map((hash) => receiptOf(provider, hash))))
      if (receipt.status !== 1) fail('chain', 'a deployment failed', { next: 'Is the code size limit raised?' })
    return result
  } catch (error) {
    throw chainError('deployment', error)
  }
}

/** Asks itself: a provider that waits in ethers' way neither notices that its node has died nor lets its caller catch it. */
async function receiptOf(provider: Provider, hash: string): Promise<TransactionReceipt> {
  const deadline = Date.now() + RECEIPT_MS
  for (;;) {
    const receipt = await provider.getTransactionReceipt(hash)
    if (receipt !== null) return receipt
    if (Date.now() > deadline)
      fail('timeout', `a deployment has no receipt after ${RECEIPT_MS} ms`, {
        next: 'Check that the chain makes blocks.',
      })
    await sleep(50)
  }
}

/** Bytecode with the libraries' addresses in the places left for them. */
function link(artifact: Artifact, placed: ReadonlyMap<string, string>): string {
  const code = getBytes(artifact.bytecode)
  for (const [library, places] of Object.entries(artifact.links))
    for (const place of places) code.set(getBytes(placed.get(library) ?? fail('internal', `${library} missing`)), place)
  return hexlify(code)
}
