/** For simulations of jobs without a graph, in which no game can be played: contracts whose arbiter is told what is true. */
import { AbiCoder, ContractFactory, keccak256, type Wallet } from 'ethers'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { type Deployment, deploy } from '#contracts/deploy.ts'
import artifacts from '#contracts/testing/probes.generated.json' with { type: 'json' }

/** Deploys the contracts with an `OracleArbiter` for their judge. */
export async function deployWithOracle(wallet: Wallet): Promise<Deployment> {
  const { abi, bytecode } = artifacts.OracleArbiter
  const oracle = await new ContractFactory(abi, bytecode, wallet).deploy()
  await oracle.waitForDeployment()
  return deploy(wallet, (await oracle.getAddress()).toLowerCase() as Hex)
}

/** Places of the arbiter's mappings. */
const FALSE_CLAIMS = 0
const ABSENT = 1

/** Tells the arbiter what is true: in its storage, so that no transaction tells of it. A chain that takes blocks back forgets it. */
export class Oracle {
  readonly #arbiter: Hex
  readonly #request: (method: string, params: readonly unknown[]) => Promise<unknown>

  constructor(arbiter: Hex, request: (method: string, params: readonly unknown[]) => Promise<unknown>) {
    this.#arbiter = arbiter
    this.#request = request
  }

  /** The claim of an entry is false: whoever defends it loses. */
  falseClaim(entryHash: Hex): Promise<void> {
    return this.#set('bytes32', entryHash, FALSE_CLAIMS)
  }

  /** An account makes no moves any more, and loses by that. */
  absent(account: Hex): Promise<void> {
    return this.#set('address', account, ABSENT)
  }

  async #set(type: string, key: Hex, mapping: number): Promise<void> {
    const slot = keccak256(AbiCoder.defaultAbiCoder().encode([type, 'uint256'], [key, mapping]))
    await this.#request('anvil_setStorageAt', [this.#arbiter, slot, `0x${'1'.padStart(64, '0')}`])
  }
}
