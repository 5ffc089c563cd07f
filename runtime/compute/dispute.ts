/**
 * Disputed entries in the compute worker, which has the program, the data and the engine: what is true about them, and the moves
 * that follow from it. A liar's statement is the same with one false bit (docs/spec/pinpoint.md).
 */
import { readFileSync } from 'node:fs'
import type { Engine } from '#engine/types.ts'
import { decodeNode } from '#graph/encode.ts'
import type { Program } from '#graph/types.ts'
import { rootHeight } from '#pinpoint/choice.ts'
import { type Case, ShownTrees, treesOf } from '#pinpoint/play/context.ts'
import type { View } from '#pinpoint/play/evidence.ts'
import { assert, challenge, type Decision, holds } from '#pinpoint/play/player.ts'
import { graphOf, itemAt } from '#pinpoint/schedule.ts'
import { tensorHeader } from '#pinpoint/tree.ts'
import type { Facts, List, Player, Position, Statement } from '#pinpoint/types.ts'
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { check, fail } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import type { JobSpec } from '#proto/job.ts'
import { sumsPerStep } from '#proto/lanes.ts'
import type { Dataset } from '#runtime/dataset.ts'
import { caseOf } from '#runtime/pinpoint/case.ts'
import { type Lie, LyingRunner } from '#runtime/pinpoint/lie.ts'
import type { EntrySource } from '#runtime/pinpoint/results.ts'
import { type PhaseRunner, Runner } from '#runtime/pinpoint/runner.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { ulpLie } from '#runtime/pinpoint/ulp.ts'
import { listBytes, listRoot } from '#runtime/tensors.ts'

/** Claims that are kept at a time: one that is opened again is replayed again, and many may be accused at once. */
const MAX_CLAIMS = 8
/** Bytes that each keeps of states, of tensors and of trees; of each at least what was used last. */
const KEPT_BYTES = 1 << 26

/** What a liar holds to be true: a bit of its own choice is false, or that of `ulpLie`. */
export type ClaimLie = Lie | 'ulp'

export interface ClaimRequest {
  readonly entry: Entry
  /** Replicas of its plan epoch. */
  readonly replicas: number
  /** The state before the entry, in shared memory, unless it begins with step 0. */
  readonly before?: Uint8Array
  /** Sums that other replicas have sent, as far as they are at hand. */
  readonly received?: readonly ReceivedSum[]
  /** Roots of all sums under the entry's `lanesRoot`, if anybody shows them. */
  readonly sumRoots?: readonly Hash[]
  /** Liars alone. */
  readonly lie?: ClaimLie
}

export interface ReceivedSum {
  readonly step: number
  /** Number among the sums of the step. */
  readonly sum: number
  /** Its bytes, or the path of the file that holds them: it is read when a game needs it. */
  readonly bytes: Uint8Array | string
}

/** A node of a list of a statement. */
export interface NodeName {
  readonly list: List
  readonly height: number
  readonly index: number
}

/** What an asserter answered when it was asked for a node; no data: nothing, or not in time. */
export interface ServedNode extends NodeName {
  readonly data?: Uint8Array
}

export interface DecideRequest {
  /** Digest of the entry. */
  readonly entry: Hash
  readonly side: Player
  /** Where the game is, as far as the chain says. */
  readonly position: Position
  /** What the seat has posted, in all of its games. */
  readonly posted: readonly Uint8Array[]
  readonly served: readonly ServedNode[]
}

/** A player's move, as far as what it was given goes; with the nodes that `missing` names it may go further. */
export interface Decided {
  readonly decision: Decision | undefined
  readonly missing: readonly NodeName[]
}

/** How far a game has come: what its asserter shows beside the chain lies on the way there. */
export type Path = Pick<Position, 'item' | 'value' | 'element'>

export interface PreimageRequest extends NodeName {
  readonly entry: Hash
  readonly path: Path
}

/** The job that is open in this worker. */
export interface OpenJob {
  readonly spec: JobSpec
  readonly program: Program
  readonly data: Dataset
  /** The data set as it lies in memory. */
  readonly bytes: Uint8Array
  readonly engine: Engine
}

interface Open {
  readonly about: Case
  readonly own: Statement
  /** What a challenger computes by itself, whatever the sums of others are said to be. */
  readonly computed: Statement
}

/** The disputed entries of one job. */
export class Claims {
  readonly #job: OpenJob
  readonly #runner: Runner
  /** By digest; what was used last stands last. */
  readonly #open = new Map<string, Open>()

  constructor(job: OpenJob) {
    this.#job = job
    this.#runner = new Runner(job.engine)
  }

  /** Takes in a claim, in the place of the one that was not used for longest. @throws bad-input, bad-data as `EntryStatement` */
  open({ entry, replicas, before, received = [], sumRoots, lie }: ClaimRequest): { readonly facts: Facts } {
    const { spec, program, data, bytes } = this.#job
    const about = caseOf({ spec, program, bytes, entry, replicas })
    const alone = { spec, program, data, entry, replicas, ...(before && { before }) }
    const ports = [...program.gradients, ...program.metrics]
    const size = listBytes(ports)
    const sums = sumsPerStep(replicas)
    // A sum that was sent need not be one that was used: after a restart another one may have come, or none.
    const find = (step: number, sum: number): Uint8Array | undefined => {
      const sent = received.find((one) => one.step === step && one.sum === sum)?.bytes
      const bytes = typeof sent === 'string' ? readSum(sent, size) : sent
      const claimed = sumRoots?.[(step - entry.stepFrom) * sums + sum]
      const used = claimed === undefined || (bytes && bytesEqual(listRoot(ports, bytes), claimed))
      return used ? bytes : undefined
    }
    const runner = this.#runnerOf(alone, lie)
    const of = (source: EntrySource): Statement => new EntryStatement(source, runner, KEPT_BYTES)
    const computed = of(alone)
    const told = received.length > 0 || sumRoots !== undefined
    const own = told ? of({ ...alone, received: find, ...(sumRoots && { sumRoots }) }) : computed
    this.#keep(toHex(entryDigest(entry)), { about, own, computed })
    return { facts: about.facts }
  }

  /** Lets go of a claim. */
  close(entry: Hash): void {
    this.#open.delete(toHex(entry))
  }

  /** Whether the entry is what the statement says. @throws not-found unless it is open */
  async holds(entry: Hash): Promise<boolean> {
    const { about, own } = this.#of(entry)
    return holds({ about, own, trees: treesOf(own) })
  }

  /** A player's move at a position. @throws not-found unless the claim is open */
  async decide({ entry, side, position, posted, served }: DecideRequest): Promise<Decided> {
    if (side === 'asserter') {
      const { about, own } = this.#of(entry)
      return { decision: await assert({ about, own, trees: treesOf(own) }, complete(about, position)), missing: [] }
    }
    const { about, computed: own } = this.#of(entry)
    const answers = new Answers(served)
    const trees = new ShownTrees(answers)
    for (const data of posted) trees.post(data)
    const view: View = { about, own, trees }
    const decision = await challenge(view, position)
    return { decision, missing: answers.missing }
  }

  /**
   * What an asserter shows of its statement.
   * @throws not-found unless the claim is open; bad-input for what no game that has come so far needs, or is not there
   */
  async preimage({ entry, path, list, height, index }: PreimageRequest): Promise<Uint8Array> {
    const { about, own } = this.#of(entry)
    check(isOnPath(about, path, list), 'bad-input', `no game has come to these ${list.level}`)
    return await own.preimage(list, height, index)
  }

  #runnerOf(source: EntrySource, lie: ClaimLie | undefined): PhaseRunner {
    const found = lie === 'ulp' ? ulpLie(source, this.#runner) : lie
    return found === undefined ? this.#runner : new LyingRunner(this.#runner, found)
  }

  #keep(key: string, claim: Open): void {
    this.#open.delete(key)
    this.#open.set(key, claim)
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MAX_CLAIMS) break
      this.#open.delete(oldest)
    }
  }

  #of(entry: Hash): Open {
    const key = toHex(entry)
    const claim = this.#open.get(key) ?? fail('not-found', 'the claim is not open in this worker')
    this.#keep(key, claim)
    return claim
  }
}

/** Calls of the worker; `claims` fails while no job is open. */
export function claimMethods(claims: () => Claims) {
  return {
    openClaim: (request: ClaimRequest) => claims().open(request),
    closeClaim: (entry: Hash): void => claims().close(entry),
    holds: (entry: Hash): Promise<boolean> => claims().holds(entry),
    decide: (request: DecideRequest): Promise<Decided> => claims().decide(request),
    preimage: (request: PreimageRequest): Promise<Uint8Array> => claims().preimage(request),
  }
}

export type ClaimMethods = ReturnType<typeof claimMethods>

/** Answers that have come; what has not been asked for is taken down. */
class Answers implements Statement {
  readonly missing: NodeName[] = []
  readonly #served: ReadonlyMap<string, ServedNode>

  constructor(served: readonly ServedNode[]) {
    this.#served = new Map(served.map((node) => [nodeKey(node), node]))
  }

  async preimage(list: List, height: number, index: number): Promise<Uint8Array> {
    const node = { list, height, index }
    const known = this.#served.get(nodeKey(node))
    if (known === undefined) this.missing.push(node)
    return known?.data ?? fail('unavailable', 'the asserter has not shown it')
  }
}

/** A sum that is not there any more, or not whole, counts as one that never came. */
function readSum(file: string, size: number): Uint8Array | undefined {
  try {
    const bytes = new Uint8Array(readFileSync(file))
    return bytes.length === size ? bytes : undefined
  } catch {
    return undefined
  }
}

const nodeKey = ({ list, height, index }: NodeName): string => JSON.stringify([list, height, index])

/** A position as the rules have it: before the first post the chain knows neither the number of items nor the type of a value. */
function complete({ definitions, schedule }: Case, position: Position): Position {
  const { level, node, item, value } = position
  if (node !== undefined) return position
  if (level === 'items') return { ...position, count: schedule.count, height: rootHeight(level, schedule.count) }
  if (level !== 'words' || item === undefined || value === undefined) return position
  const graph = graphOf(itemAt(schedule, item)) ?? fail('wrong-state', 'an inbound sum has no values')
  return { ...position, header: tensorHeader(definitions.type(graph, value)) }
}

/** Whether a game that has come so far may need a list to be shown. */
function isOnPath(about: Case, path: Path, list: List): boolean {
  if (list.level === 'items' || (list.level === 'results' && list.of !== 'export')) return true
  if (list.item !== path.item) return false
  if (list.level === 'values' || list.level === 'results') return true
  if (list.value === path.value) return list.level === 'words' || list.element === path.element
  return list.level === 'words' && operandsOf(about, path).includes(list.value)
}

/** Values that the blocks of an element work on, once one was chosen. */
function operandsOf({ definitions, schedule, facts }: Case, { item, value, element }: Path): readonly number[] {
  if (item === undefined || value === undefined || element === undefined) return []
  const graph = graphOf(itemAt(schedule, item))
  if (graph === undefined || value < facts[graph].inputs) return []
  return decodeNode(definitions.node(graph, value).node).node.inputs
}
