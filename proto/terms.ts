/**
 * What a submitter fixes on the chain: prices, stakes and periods beside the hashes of the job; mirrors `JobTerms` and
 * Terms.sol of the contract field by field, and derives what follows from them (docs/spec/protocol.md, "Terms").
 */
import { to0x } from '#proto/bytes.ts'
import { check } from '#proto/errors.ts'
import { type JobSpec, specHash } from '#proto/job.ts'
import { slotCount, windowCount } from '#proto/windows.ts'

/** 0x hex in lower case: how the chain's client speaks of bytes and addresses. */
export type Hex = `0x${string}`

/** Amounts in wei, a slot being the step range of one entry. */
export interface Prices {
  /** Paid for a slot and planned replica: a slot pays entryPrice * replicas, shared by its cells. */
  readonly entryPrice: bigint
  /** Paid for an accepted verdict. */
  readonly verdictFee: bigint
  /** Paid for a final window to the coordinator who committed it. */
  readonly windowFee: bigint
  /** Reserved by a verdict until its window is final. */
  readonly verdictStake: bigint
  /** Locked by a challenge until its dispute is resolved. */
  readonly challengeBond: bigint
  /** Seat of a coordinator. */
  readonly coordinatorBond: bigint
  /** Of a unit of gas: prices stakes and bonds for the longest game, and is what metered gas is repaid at. */
  readonly gasPrice: bigint
}

/** Periods in blocks. */
export interface Periods {
  readonly bidPeriod: number
  /** From the last progress until the next window is overdue. */
  readonly commitPeriod: number
  /** From the audit seed until verdicts must be committed. */
  readonly verdictPeriod: number
  /** From that deadline until they must be revealed. */
  readonly revealPeriod: number
  /** From the last verdict until the window may settle. */
  readonly challengePeriod: number
  /** For the answer to a summons or an accusation. */
  readonly responsePeriod: number
  /** From registration until anyone may expire the job. */
  readonly jobPeriod: number
}

/** The contract's struct. */
export interface JobTerms extends Prices, Periods {
  readonly specHash: Hex
  readonly programRoot: Hex
  readonly dataRoot: Hex
  /** State root before step 0; zero: claimed by the first entry. */
  readonly initRoot: Hex
  /** Digest of what a dispute needs of the job: docs/spec/pinpoint.md, Facts. */
  readonly factsHash: Hex
  readonly steps: number
  readonly entrySteps: number
  readonly entriesPerWindow: number
  readonly replicas: number
  readonly depth: number
  readonly sampleRate: bigint
  /** Reserved by each entry until its window is final. */
  readonly claimStake: bigint
}

/** The wei that a job moves or locks at most. */
export interface Quote {
  /** Of every window. */
  readonly escrow: bigint
  /** Of the windows that may be open at once: with less no job is registered. */
  readonly leastEscrow: bigint
  readonly solverStake: bigint
  readonly verifierStake: bigint
  readonly coordinatorStake: bigint
}

const MAX_STAKE = 2n ** 96n - 1n
const UINT64 = 2n ** 64n

type Priced = Omit<JobTerms, 'claimStake'>

/** Cost of a slot in the worst case: every entry is drawn. */
function slotCost(terms: Priced): bigint {
  return (terms.entryPrice + terms.verdictFee) * BigInt(terms.replicas)
}

/** Gas that the longest game costs one of its players, at most: docs/spec/contract.md, Disputes. */
export const GAME_GAS = 2_000_000n

/** The least bond of a challenge, and the least stake of a verdict: half of it repays the longest game. */
function minimumBond({ gasPrice }: Pick<Prices, 'gasPrice'>): bigint {
  return 2n * GAME_GAS * gasPrice
}

/**
 * The least stake of a claim: a forged entry must not pay at the stated rate of sampling, and half of one slashed claim
 * must repay the longest game and the honest work that `depth` windows can hold.
 */
export function minimumClaimStake(terms: Priced): bigint {
  const slotPrice = terms.entryPrice * BigInt(terms.replicas)
  const deterrent = (slotPrice * UINT64 + terms.sampleRate - 1n) / terms.sampleRate
  const windowCost = BigInt(terms.entriesPerWindow) * slotCost(terms) + terms.windowFee
  const repayment = 2n * (BigInt(terms.depth) * windowCost + GAME_GAS * terms.gasPrice)
  return deterrent > repayment ? deterrent : repayment
}

/** Wei that the windows `from .. to - 1` cost in the worst case. */
export function escrowFor(terms: JobTerms, from: number, to: number): bigint {
  const end = Math.min(to * terms.entriesPerWindow, slotCount(terms))
  const slots = Math.max(0, end - from * terms.entriesPerWindow)
  return BigInt(slots) * slotCost(terms) + BigInt(to - from) * terms.windowFee
}

/** Escrow and least stakes of a job with these terms, as the contract demands them. */
export function quote(terms: JobTerms): Quote {
  const windows = windowCount(terms)
  const perWindow = BigInt(terms.entriesPerWindow * terms.depth)
  return {
    escrow: escrowFor(terms, 0, windows),
    leastEscrow: escrowFor(terms, 0, Math.min(windows, terms.depth)),
    solverStake: terms.claimStake * (perWindow + 1n),
    verifierStake: terms.verdictStake * perWindow * BigInt(terms.replicas),
    coordinatorStake: terms.coordinatorBond,
  }
}

/**
 * Terms of a job at the given prices and periods, with the least claim stake that the contract takes unless one is given.
 * Throws `bad-input` for what the contract would refuse.
 *
 * @param facts digest of the job's facts (docs/spec/pinpoint.md)
 * @param initRoot state root before step 0 where it is known
 */
export function createTerms(
  spec: JobSpec,
  economy: { readonly prices: Prices; readonly periods: Periods },
  facts: Uint8Array,
  options: { readonly initRoot?: Uint8Array; readonly claimStake?: bigint } = {},
): JobTerms {
  const priced: Priced = {
    specHash: to0x(specHash(spec)) as Hex,
    programRoot: to0x(spec.programRoot) as Hex,
    dataRoot: to0x(spec.data.root) as Hex,
    initRoot: to0x(options.initRoot ?? new Uint8Array(32)) as Hex,
    factsHash: to0x(facts) as Hex,
    steps: spec.steps,
    entrySteps: spec.entrySteps,
    entriesPerWindow: spec.entriesPerWindow,
    replicas: spec.replicas,
    depth: spec.depth,
    sampleRate: spec.policy.sampleRate,
    ...economy.prices,
    ...economy.periods,
  }
  check(priced.sampleRate > 0n, 'bad-input', 'a job on the chain samples some entries: its sample rate is above zero')
  for (const name of ['entryPrice', 'gasPrice', 'coordinatorBond'] as const) {
    check(priced[name] > 0n, 'bad-input', `${name} is not above zero`)
  }
  for (const name of ['verdictStake', 'challengeBond'] as const) {
    const least = minimumBond(priced)
    check(priced[name] >= least, 'bad-input', `${name} is below ${least} wei, which pay for the longest game`)
  }
  for (const [name, blocks] of Object.entries(economy.periods)) {
    const most = name === 'responsePeriod' ? 2 ** 30 : 2 ** 32
    check(Number.isInteger(blocks) && blocks > 0 && blocks < most, 'bad-input', `${name}: ${blocks} is no period`)
  }
  check(priced.jobPeriod > priced.bidPeriod, 'bad-input', 'jobPeriod is not above bidPeriod')
  const least = minimumClaimStake(priced)
  const claimStake = options.claimStake ?? least
  check(claimStake >= least, 'bad-input', `a claim stake of ${claimStake} wei is below the least, ${least}`)
  const terms = { ...priced, claimStake }
  const { solverStake, verifierStake, coordinatorStake } = quote(terms)
  const largest = [solverStake, verifierStake, coordinatorStake].every((stake) => stake <= MAX_STAKE)
  check(largest, 'bad-input', 'a stake is above 2^96-1 wei', { next: 'Lower the prices or raise the sample rate.' })
  return terms
}
