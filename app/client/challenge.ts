/** Challenges one entry from an account of one's own, and plays the games about it to their end. What is due follows from the chain. */
import { readDisputes } from '#app/dispute/record.ts'
import { moveLines, type NameOf, outcomeText, playersOf } from '#app/dispute/text.ts'
import { type Transcript, transcriptOf } from '#app/dispute/transcript.ts'
import { check, fail, isAssayError } from '#proto/errors.ts'
import type { DisputeView, EntryView, JobView, WindowView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import type { RoleNode } from '#runtime/node.ts'
import { Desk } from '#runtime/pinpoint/desk.ts'
import { Games } from '#runtime/pinpoint/games.ts'
import { Sessions, type Workers } from '#runtime/session.ts'

/** An entry of a committed window. */
export interface Target {
  readonly jobId: Hex
  readonly window: number
  readonly index: number
}

/** Where a challenge of an account stands. */
export type Standing =
  /** It may be made. */
  | { readonly kind: 'open'; readonly entryHash: Hex; readonly window: WindowView; readonly entry: EntryView }
  | { readonly kind: 'under way' | 'over'; readonly dispute: DisputeView }

/**
 * Where the challenge of `me` against an entry stands at `block`. A window may be void by now, and committed anew: what the account has
 * accused once is meant.
 * @throws AssayError `not-found` for no such entry, `wrong-state` for one that takes no challenge of this account (any more)
 */
export function standingOf(job: JobView, { window, index }: Target, me: Hex, block: number): Standing {
  const own = [...job.disputes.values()].findLast(
    (one) => one.window === window && one.index === index && [...one.accusers, ...one.beaten].includes(me),
  )
  if (own !== undefined)
    return { kind: own.ruling === 'Pending' && own.accusers.includes(me) ? 'under way' : 'over', dispute: own }
  const view = job.windows.get(window) ?? fail('not-found', `window ${window} is not committed`, { next: STATUS })
  const entry =
    view.entries[index] ??
    fail('not-found', `window ${window} has entries 0 to ${view.entries.length - 1}`, { next: STATUS })
  const late = view.status === 'verified' && block > view.challengesUntil
  const closed = view.status === 'final' || view.status === 'void' || late
  check(!closed, 'wrong-state', `window ${window} is ${late ? 'verified, and its challenges are over' : view.status}`, {
    next: STATUS,
  })
  const { entryHash } = entry
  check(job.disputes.get(entryHash)?.ruling !== 'Refuted', 'wrong-state', 'the entry is refuted already', {
    next: 'See `assay dispute show`.',
  })
  return { kind: 'open', entryHash, window: view, entry }
}

const STATUS = 'See `assay status` for the windows of the job.'

/** How long content is looked for that nobody serves yet, ms. */
const PATIENCE_MS = 60_000

export interface ChallengeOptions {
  readonly name: NameOf
  /** Told each thing that happens. */
  readonly tell: (line: string) => void
}

/**
 * Challenges an entry, unless this account has, and plays until the ruling is carried out. Called again it goes on.
 * @throws AssayError as `standingOf`; `wrong-state` for an entry that is true, `unavailable`, `no-funds`, `chain`, `cancelled`
 */
export async function challengeEntry(
  node: RoleNode,
  workers: Workers,
  target: Target,
  options: ChallengeOptions,
): Promise<Transcript> {
  const games = new Games(node, workers)
  const challenger = new Challenger(node, workers, target, options)
  try {
    const stopped = node.run().then(() => fail('cancelled', 'stopped; call it again before the clock runs out'))
    return await Promise.race([challenger.run(), stopped])
  } finally {
    await Promise.all([games.close(), challenger.close()])
  }
}

class Challenger {
  readonly #node: RoleNode
  readonly #sessions: Sessions
  readonly #target: Target
  readonly #options: ChallengeOptions
  readonly #began = performance.now()
  /** Lines told of each game. */
  readonly #told = new Map<Hex, number>()
  #accused = false
  #busy = false

  constructor(node: RoleNode, workers: Workers, target: Target, options: ChallengeOptions) {
    this.#node = node
    this.#sessions = new Sessions((job) => workers.open(job))
    this.#target = target
    this.#options = options
  }

  run(): Promise<Transcript> {
    const done = Promise.withResolvers<Transcript>()
    this.#node.book.onBlock((job, block) => {
      if (job.jobId !== this.#target.jobId || this.#busy) return
      this.#busy = true
      this.#look(job, block)
        .then((transcript) => transcript && done.resolve(transcript), done.reject)
        .finally(() => {
          this.#busy = false
        })
    })
    return done.promise
  }

  async close(): Promise<void> {
    await this.#sessions.closeAll()
  }

  /** What is due after a block; the transcript once all is over. */
  async #look(job: JobView, block: number): Promise<Transcript | undefined> {
    const standing = standingOf(job, this.#target, this.#node.me, block)
    if (standing.kind === 'open') {
      if (!this.#accused) await this.#accuse(job, standing)
      return undefined
    }
    const { entryHash, openedAt } = standing.dispute
    const transcript = await this.#transcript(entryHash, openedAt)
    if (transcript !== undefined) this.#tellOf(transcript)
    return standing.kind === 'over' ? transcript : undefined
  }

  async #accuse(job: JobView, { window, entry, entryHash }: Extract<Standing, { kind: 'open' }>): Promise<void> {
    const node = this.#node
    const holds = await this.#holds(job, window, entry)
    if (holds === undefined) return
    // The games open the job in a worker of their own.
    await this.#sessions.closeAll()
    check(!holds, 'wrong-state', 'the entry is what this machine computes, too: a challenge would be lost', {
      next: 'Challenge an entry that is false.',
    })
    this.#options.tell(`the entry ${entryHash} is false: challenging it`)
    await node.fund(job.terms.challengeBond)
    await node.sender.challenge(job.jobId, window.epoch, window.window, this.#target.index)
    this.#accused = true
  }

  /** Whether the entry is true; undefined while its job is still looked for. */
  async #holds(job: JobView, window: WindowView, { entry }: EntryView): Promise<boolean | undefined> {
    const slot = window.entries.filter((one) => one.entry.stepFrom === entry.stepFrom)
    const desk = new Desk({ entry, slot }, this.#node, () => this.#sessions.of(job))
    try {
      return await desk.holds()
    } catch (error) {
      const late = performance.now() - this.#began > PATIENCE_MS
      if (late || !(isAssayError(error, 'unavailable') || isAssayError(error, 'network'))) throw error
      return undefined
    } finally {
      await desk.close()
    }
  }

  /** Progress is for people: what the chain does not answer now, it answers after another block. */
  async #transcript(entryHash: Hex, fromBlock: number): Promise<Transcript | undefined> {
    const { reader, signal } = this.#node
    const deployment = { ...reader.deployment, fromBlock }
    try {
      const [record] = await readDisputes(reader.provider, deployment, (one) => one.entryHash === entryHash, signal)
      return record && transcriptOf(record)
    } catch {
      return undefined
    }
  }

  #tellOf(transcript: Transcript): void {
    const { name, tell } = this.#options
    for (const game of transcript.games) {
      const players = playersOf(transcript, game)
      if (players.challenger !== this.#node.me) continue
      const lines = moveLines(transcript, game, name)
      if (game.state === 'decided') lines.push(outcomeText(game, (player) => name(players[player])))
      for (const line of lines.slice(this.#told.get(game.gameId) ?? 0)) tell(line)
      this.#told.set(game.gameId, lines.length)
    }
  }
}
