/**
 * What must hold in every process of a world, beside the rules of the market (invariants.ts): each a function with its reason,
 * which throws when it is broken. The first ones look at every entry that anybody signs, the next at every block, also those that
 * the chain takes back later, the last at the world after every event.
 */
import type { ChainEvent } from '#contracts/codec.ts'
import { toHex } from '#proto/bytes.ts'
import { entryDigest, equivocates, type SignedEntry } from '#proto/entry.ts'
import { MAX_UNROOTED_SLOTS } from '#proto/machines/cell.ts'
import { toJson } from '#runtime/json.ts'
import type { Member, World } from '#test/sim/world/world.ts'

export type EntryRule = (world: World, member: Member, signed: SignedEntry) => void
export type BlockRule = (world: World, events: readonly ChainEvent[]) => void
export type ProcessRule = (world: World) => void

/** Time that a process has for taking a reorganisation in, ms. */
const REFOLD_MS = 60_000

function demand(holds: boolean, message: string): void {
  if (!holds) throw new Error(message)
}

/** A range of steps has one entry of a solver, whatever dies between its signature and its announcement: two are proof of fraud. */
function nobodyEquivocates(world: World, _member: Member, { entry }: SignedEntry): void {
  const other = world.signed.find((one) => equivocates(one.entry, entry))
  demand(!other, `steps ${entry.stepFrom}..${entry.stepTo} of epoch ${entry.epoch} contradict an earlier entry`)
}

/** What an honest solver signs is what one machine alone would have computed: the network changes no bit. */
function entriesHonest(world: World, member: Member, { entry }: SignedEntry): void {
  const liars = world.members.some(({ lies }) => lies)
  // what partners of a liar compute honestly on what it sent is not the bare run's: judges tell them apart
  if (member.lies || liars) return
  const replicas = world.view?.epoch === entry.epoch ? world.view.cells.length : undefined
  const fault = replicas && world.bare.fault(entry, replicas)
  demand(!fault, `${toHex(entryDigest(entry))}: ${fault} is not the bare run's`)
}

/** A process reads the chain as everybody does, also after blocks were replaced: otherwise it acts on what never happened. */
function viewsAgree(world: World): void {
  const { view, schedule, reorganisedAt } = world
  if (!view || schedule.now < reorganisedAt + REFOLD_MS || schedule.fired % 256 !== 0) return
  const member = world.members[(schedule.fired / 256) % world.members.length]
  const book = member?.node?.book
  const seen = book?.views.get(view.jobId)
  const told = book && world.viewAt(book.block)
  if (!seen || !told) return
  demand(
    toJson(seen) === toJson(told),
    `${member?.place.name} sees another job at block ${book?.block} than the chain tells`,
  )
}

/** A crash costs at most the entry under way, and the one whose hash was not on the disk yet: that is what checkpoints are for. */
function littleWorkLost(world: World): void {
  for (const { computed, place } of world.members) {
    const last = computed.at(-1)
    if (!last || last.life !== place.life) continue
    const again = computed.filter(
      ({ life, epoch, step }) => life !== last.life && epoch === last.epoch && step >= last.step,
    )
    const lives = new Set(again.map(({ life }) => life)).size
    // Within a life, blocks that the chain takes back may make a cell start over: no crash is to blame for that.
    const lost = new Set(again.map(({ life, step }) => `${life} ${step}`)).size
    const most = lives * MAX_UNROOTED_SLOTS * world.cast.spec.entrySteps
    demand(lost <= most, `${place.name} computes ${lost} steps again after ${lives} deaths`)
  }
}

/** A verifier commits to one verdict for an entry and seed, whatever dies or is taken back: else it could wait and choose. */
function oneVerdict(world: World, events: readonly ChainEvent[]): void {
  for (const event of events) {
    if (event.name !== 'VerdictCommitted') continue
    const window = world.view?.windows.get(event.window)
    const what = `${window?.entries[event.index]?.entryHash} ${window?.seed} ${window?.round} ${event.verifier}`
    const before = world.verdicts.get(what)
    demand(before === undefined || before === event.commitment, `${event.verifier} commits to two verdicts: ${what}`)
    world.verdicts.set(what, event.commitment)
  }
}

export const BLOCK_RULES: readonly BlockRule[] = [oneVerdict]
export const ENTRY_RULES: readonly EntryRule[] = [nobodyEquivocates, entriesHonest]
export const PROCESS_RULES: readonly ProcessRule[] = [viewsAgree, littleWorkLost]
