/** Assignment: who got which cell, derived again from the bids, the draw and everybody who left. */
import { fromHex } from '#proto/bytes.ts'
import { assignmentSeed, drawOrder, ORDER_TAG } from '#proto/draw.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { recordedValues } from './draws.ts'
import { Findings, type Outcome } from './finding.ts'
import type { History, PlacedEvent } from './history.ts'
import { type ChainRecord, logPlace } from './record.ts'

/** Of BlockRandomness.sol. */
const DELAY = 2

interface Bidder {
  readonly account: Hex
  readonly stake: bigint
}

/** The contract's lists of bidders, as Registry.sol and Plan.sol keep them. */
class Lists {
  solvers: Bidder[] = []
  coordinators: Bidder[] = []
  readonly pool: Bidder[] = []
  epoch = 0
  /** Cells of the current epoch; 0 before the first and while no solver is left. */
  replicas = 0
  bidsClose = 0

  shuffle(record: ReadonlyMap<number, string>, jobId: Hex): Uint8Array | undefined {
    const value = record.get(this.bidsClose + DELAY)
    if (value === undefined) return undefined
    const seed = assignmentSeed(fromHex(jobId, 32), this.epoch + 1, fromHex(value, 32))
    this.solvers = ordered(ORDER_TAG.solver, seed, this.solvers)
    return seed
  }

  remove(solver: Hex): void {
    const at = this.solvers.findIndex(({ account }) => account === solver)
    const standby = this.solvers[this.replicas]
    if (at >= 0 && at < this.replicas && standby) {
      this.solvers[at] = standby
      this.solvers.splice(this.replicas, 1)
    } else if (at >= 0) this.solvers.splice(at, 1)
  }
}

function ordered(tag: string, seed: Uint8Array, bidders: readonly Bidder[]): Bidder[] {
  const candidates = bidders.map(({ account, stake }) => ({ address: fromHex(account, 20), stake }))
  return drawOrder(tag, seed, candidates, bidders.length).map((i) => bidders[i] as Bidder)
}

/**
 * The pool, the lease and the cells of every plan epoch follow from the bids and the assignment seed.
 * Why: who trains and who verifies is drawn by stake; nobody may choose.
 */
export function checkAssignment(record: ChainRecord, history: History, job: JobView): Outcome {
  const findings = new Findings()
  const values = recordedValues(record)
  const lists = new Lists()
  for (const event of history.events) follow(findings, lists, event, values, history.jobId, job.terms.replicas)
  const { solvers, pool, coordinators, epoch } = lists
  return findings.outcome(
    `${epoch} plan epochs; ${solvers.length} solvers, ${pool.length} verifiers, ${coordinators.length} coordinators`,
  )
}

function follow(
  findings: Findings,
  lists: Lists,
  event: PlacedEvent,
  values: ReadonlyMap<number, string>,
  jobId: Hex,
  replicas: number,
): void {
  const place = `${logPlace(event)} (${event.name})`
  const accounts = (list: readonly Bidder[]): Hex[] => list.map(({ account }) => account)
  switch (event.name) {
    case 'BiddingOpened':
      lists.bidsClose = event.bidsClose
      break
    case 'Bid': {
      const bidder = { account: event.account, stake: event.stake }
      const of = { Solver: lists.solvers, Verifier: lists.pool, Coordinator: lists.coordinators, None: [] as Bidder[] }
      of[event.role].push(bidder)
      break
    }
    case 'PoolFixed': {
      const value = values.get(lists.bidsClose + DELAY)
      const seed = value && assignmentSeed(fromHex(jobId, 32), 1, fromHex(value, 32))
      findings.same(place, 'its seed', event.seed, seed ? `0x${Buffer.from(seed).toString('hex')}` : 'recorded')
      if (seed) lists.coordinators = ordered(ORDER_TAG.coordinator, seed, lists.coordinators)
      findings.same(place, 'its order of coordinators', event.coordinators, accounts(lists.coordinators))
      const members = lists.pool.map(({ account, stake }) => ({ account, weight: stake }))
      findings.same(place, 'its pool of verifiers', event.pool, members)
      break
    }
    case 'SolverLeft':
      lists.remove(event.solver)
      break
    case 'Assigned': {
      findings.same(place, 'its epoch', event.epoch, lists.epoch + 1)
      const drawn = lists.replicas > 0 || lists.shuffle(values, jobId) !== undefined || lists.solvers.length === 0
      findings.expect(drawn, place, () => 'no randomness was recorded for its draw')
      let count = replicas
      while (count > lists.solvers.length) count = Math.floor(count / 2)
      findings.same(place, 'its cells', event.cells, accounts(lists.solvers.slice(0, count)))
      lists.epoch = event.epoch
      lists.replicas = count
      break
    }
    default:
  }
}
