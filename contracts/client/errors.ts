/** What went wrong on the chain, as typed errors: reverts by the contract's own error name, trouble with the node. */
import { type ErrorDescription, Interface, isError } from 'ethers'
import artifacts from '#contracts/abi/artifacts.generated.json' with { type: 'json' }
import type { ErrorName } from '#contracts/abi/types.generated.ts'
import { AssayError, type ErrorCode } from '#proto/errors.ts'

/** A call that the contract refused. `contractError` is the name of its custom error; IAssay.sol, or IPinpoint.sol, says when it is thrown. */
export class ContractError extends AssayError {
  readonly contractError: ErrorName | 'Unknown'
  readonly args: Readonly<Record<string, unknown>>

  constructor(call: string, error: ErrorDescription | undefined, cause: unknown) {
    const args = error === undefined ? {} : error.args.toObject()
    const shown = Object.entries(args).map(([name, value]) => `${name} ${String(value)}`)
    super(codeOf(error), `${call} reverted: ${error?.name ?? 'without a reason'} ${shown.join(', ')}`.trim(), {
      next: 'Compare the state of the job with what the call demands (docs/spec/contract.md).',
      cause,
    })
    this.contractError = (error?.name ?? 'Unknown') as ErrorName | 'Unknown'
    this.args = args
  }
}

function codeOf(error: ErrorDescription | undefined): ErrorCode {
  switch (error?.name) {
    case 'InsufficientBalance':
    case 'InsufficientEscrow':
    case 'InsufficientSeat':
      return 'no-funds'
    case 'NotDrawn':
      return 'not-drawn'
    default:
      return 'chain'
  }
}

export function isContractError(error: unknown, name?: ErrorName): error is ContractError {
  return error instanceof ContractError && (name === undefined || error.contractError === name)
}

const { Assay, PinpointArbiter, BlockRandomness } = artifacts
const interfaces = [Assay, PinpointArbiter, BlockRandomness].map(({ abi }) => new Interface(abi))

/** The custom error in revert data, if it is one of ours and whole. */
export function parseRevert(data: string | null | undefined): ErrorDescription | undefined {
  if (data === null || data === undefined || data.length < 10) return undefined
  for (const one of interfaces) {
    try {
      const parsed = one.parseError(data)
      if (parsed !== null) return parsed
    } catch {
      // The selector is ours, what follows is not what the error holds: no reason that could be told.
    }
  }
  return undefined
}

const MAX_REASON = 300

/** What an error says, without the bytes that ethers quotes in full. */
function reasonOf(error: unknown): string {
  const { shortMessage } = (error ?? {}) as { shortMessage?: unknown }
  const text = typeof shortMessage === 'string' ? shortMessage : error instanceof Error ? error.message : String(error)
  return text.slice(0, MAX_REASON)
}

/** The typed error of a failed call or send; `call` names it for the message. */
export function chainError(call: string, error: unknown): AssayError {
  if (error instanceof AssayError) return error
  if (isError(error, 'CALL_EXCEPTION')) return new ContractError(call, parseRevert(error.data), error)
  if (isError(error, 'INSUFFICIENT_FUNDS'))
    return new AssayError('no-funds', `the account cannot pay for ${call}`, { next: 'Fund the account.', cause: error })
  return new AssayError('chain', `${call} failed: ${reasonOf(error)}`, {
    next: 'Check that the chain answers.',
    cause: error,
  })
}

/** Whether a later attempt may succeed: the node did not answer, or not with a verdict on the call. */
export function isTransport(error: unknown): boolean {
  if (isError(error, 'NETWORK_ERROR') || isError(error, 'TIMEOUT') || isError(error, 'SERVER_ERROR')) return true
  if (!(error instanceof Error)) return false
  const code = String((error as { code?: unknown }).code ?? '')
  return /^(ECONN|EPIPE|ETIMEDOUT|EAI_AGAIN|UND_ERR)/.test(code) || /fetch failed|socket hang up/i.test(error.message)
}
