/** Makes checks one after the other: a check that throws has found something, unless the chain has gone or somebody stops it. */
import type { JsonRpcProvider } from 'ethers'
import { AssayError } from '#proto/errors.ts'
import type { CheckResult, Outcome, Section } from './finding.ts'

export class Checks {
  readonly results: CheckResult[] = []
  readonly #signal: AbortSignal
  readonly #onCheck: (result: CheckResult) => void
  /** Asked after a check has thrown: the chain that everything is read from. */
  provider: JsonRpcProvider | undefined

  constructor(signal: AbortSignal, onCheck: (result: CheckResult) => void) {
    this.#signal = signal
    this.#onCheck = onCheck
  }

  /** Makes one check. @throws AssayError `cancelled`, `chain` when the node is gone */
  async make(section: Section, name: string, run: () => Outcome | Promise<Outcome>): Promise<void> {
    let outcome: Outcome
    try {
      this.#signal.throwIfAborted()
      outcome = await run()
    } catch (error) {
      if (this.#signal.aborted) throw new AssayError('cancelled', 'stopped before everything was checked')
      await this.provider?.getBlockNumber().catch(() => {
        throw error
      })
      const place = error instanceof AssayError ? name : `${name} (${(error as Error).name})`
      outcome = { seen: 'not finished', findings: [{ place, message: (error as Error).message }] }
    }
    const result = { section, name, ...outcome }
    this.results.push(result)
    this.#onCheck(result)
  }
}
