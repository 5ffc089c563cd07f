/** A solver that was asked to leave: what keeps it, and when it has left. */
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { windowCount } from '#proto/windows.ts'
import { hasEnded } from '#runtime/book.ts'
import type { DrainMode } from '#runtime/drain.ts'
import type { RoleNode } from '#runtime/node.ts'
import { answersFor, isSeated } from '#runtime/upkeep.ts'
import type { Trainings } from './trainings.ts'

/** How often it looks what still keeps it, in milliseconds. */
const LOOK_MS = 1_000
/** Blocks for which nothing must have kept it: a bid may be on its way. */
const SURE_BLOCKS = 5
/** As many blocks behind the chain a process may be by its confirmations; farther behind it still reads of the past. */
const CAUGHT_UP_BLOCKS = 100

/** How a solver is asked to leave, and says what keeps it. */
export interface Leave {
  /** Undefined: it is not asked to. */
  readonly mode: DrainMode | undefined
  report(lines: readonly string[]): void
}

/** What a leaving solver waits for in a job, for people; undefined: nothing. Pure. */
export function waitsFor(job: JobView, me: Hex, mode: DrainMode): string | undefined {
  if (!isSeated(job, me)) return undefined
  const what = `job ${job.jobId.slice(0, 10)}: `
  const of = `${job.finalWindows} of ${windowCount(job.terms)} windows are final`
  if (hasEnded(job)) return `${what}has ended, its stake comes back`
  if (job.left.has(me) && answersFor(job, me)) return `${what}was replaced, answers for its last windows (${of})`
  if (job.left.has(me)) return `${what}was replaced, its stake comes back`
  if (!job.cells.includes(me)) return `${what}stands by, keeps its seat to the end of the job (${of})`
  return mode === 'leave' ? `${what}has stopped training, waits to be replaced` : `${what}trains to its end (${of})`
}

/** Follows a request to leave. */
export class Leaver {
  readonly #node: RoleNode
  readonly #trainings: Trainings
  readonly #leave: Leave
  readonly #left: () => void
  readonly #timer: NodeJS.Timeout
  #freeSince: number | undefined

  /** @param left called once nothing keeps the solver */
  constructor(node: RoleNode, trainings: Trainings, leave: Leave, left: () => void = () => {}) {
    this.#node = node
    this.#trainings = trainings
    this.#leave = leave
    this.#left = left
    this.#timer = setInterval(() => void this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const { mode } = this.#leave
    if (mode === 'leave') this.#trainings.leave()
    else await this.#trainings.stay()
    const { book, log, me, reader } = this.#node
    const head = await reader.blockNumber().catch(() => Number.POSITIVE_INFINITY)
    if (mode === undefined || book.block === 0 || head - book.block > CAUGHT_UP_BLOCKS) return
    const waits = [...book.views.values()].flatMap((job) => waitsFor(job, me, mode) ?? [])
    this.#leave.report(waits)
    this.#freeSince = waits.length > 0 ? undefined : (this.#freeSince ?? book.block)
    if (this.#freeSince === undefined || book.block < this.#freeSince + SURE_BLOCKS) return
    this.close()
    const free = await reader.balanceOf(me).catch(() => undefined)
    log.info(
      { account: me, freeBalance: free?.toString() },
      'has left: no seat, no stake, no claim that it answers for',
    )
    this.#left()
  }
}
