/**
 * `/assay/border/1`: borders of pipelines between peers. A receiver asks for each bundle in advance, and the answer comes
 * when the bundle is made: a request is the credit for one bundle, whose size both know from the plan, so neither end ever
 * holds more than its windows (docs/spec/protocol.md, "Pipeline").
 */
import type { SigningKey } from 'ethers'
import { aborted } from '#net/abort.ts'
import type { Peer } from '#net/peer.ts'
import {
  type BorderRecord,
  type BorderRequest,
  decodeBorderRequest,
  encodeBorderRequest,
  MAX_BORDER_REQUEST,
  type SealedBorder,
  signBorder,
  verifyBorder,
} from '#proto/border.ts'
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { SIGNATURE_BYTES } from '#proto/entry.ts'
import { check, fail, isAssayError } from '#proto/errors.ts'
import type { Address, Hash } from '#proto/ids.ts'
import type { Lease } from '#runtime/shared-pool.ts'
import type { CellPorts, StageRunner } from './runner.ts'

export const BORDER_PROTOCOL = '/assay/border/1'

/** How long a request waits for what it asks for before it is asked again. */
const ANSWER_MS = 60_000
/** What the answer itself may take beyond that. */
const TRANSFER_MS = 240_000
/** Pause before a request that failed is repeated. */
const RETRY_MS = 100
/** Requests of all partners under way. */
const MAX_CONCURRENT = 1024

/** Errors that asking again does not mend. */
const FINAL = new Set(['bad-proof', 'bad-signature', 'bad-input', 'bad-encoding', 'over-limit', 'stale', 'internal'])

/** Who runs a cell. */
export interface Partner {
  /** Peer id; undefined while it is not known. */
  readonly peer: string | undefined
  readonly account: Address
}

/** A cell that this process runs. */
export interface CellTerms {
  readonly jobId: Hash
  readonly epoch: number
  readonly replica: number
  readonly stage: number
  /** Who runs another cell of the plan; it may change. */
  partnerOf(replica: number, stage: number): Partner
  /** Both ends have signed what crossed in a step. */
  onSealed?(border: SealedBorder): void
  /** A sender has signed something else than what arrived here: with its signature, evidence against it. */
  onRefused?(record: BorderRecord, signature: Uint8Array): void
  /** What is asked for has not come yet. */
  onWaiting?(what: BorderRequest, error: unknown): void
}

/** Everything between processes that a runner needs. */
export type DeskPorts = Required<Pick<CellPorts, 'fetchBundle' | 'fetchSum' | 'onBorder'>>

interface Open {
  readonly terms: CellTerms
  runner: StageRunner | undefined
  /** What this cell signs as a receiver, by border and step. */
  readonly seals: Map<string, Seal>
}

/** The receiver's side of a seal: its own signature, once it has given it. */
interface Seal {
  readonly given: Promise<void>
  readonly give: () => void
  signature?: Uint8Array
}

/** Seals that are remembered, so that a request that comes again is answered again. */
const KEPT_SEALS = 64

/** The borders of all cells of one process. */
export class BorderDesk {
  readonly #peer: Peer
  readonly #key: SigningKey
  readonly #cells = new Map<string, Open>()

  /** @param key of the account that signs */
  constructor(peer: Peer, key: SigningKey) {
    this.#peer = peer
    this.#key = key
    peer.handle(BORDER_PROTOCOL, (request, from, signal) => this.#answer(decodeBorderRequest(request), from, signal), {
      maxRequest: MAX_BORDER_REQUEST,
      maxConcurrent: MAX_CONCURRENT,
      timeoutMs: 2 * ANSWER_MS,
    })
  }

  /** Ports for the runner of a cell. Until `serve` names it, whoever asks waits. */
  open(terms: CellTerms): DeskPorts & { serve(runner: StageRunner): void; close(): void } {
    const key = cellKey(terms, terms.stage)
    check(!this.#cells.has(key), 'bad-input', 'this cell is open already')
    const open: Open = { terms, runner: undefined, seals: new Map() }
    this.#cells.set(key, open)
    return {
      serve: (runner) => {
        open.runner = runner
      },
      close: () => void this.#cells.delete(key),
      fetchBundle: async (name, into, signal) => {
        const request = { type: 'bundle', ...pipelineOf(terms), ...name } as const
        await this.#ask(terms, { replica: terms.replica, stage: name.from }, request, into, signal)
      },
      fetchSum: async (name, partner, into, signal) => {
        const { stage, replica: asker } = terms
        const request = { type: 'sum', ...pipelineOf(terms), ...name, replica: partner, stage, asker } as const
        await this.#ask(terms, { replica: partner, stage }, request, into, signal)
      },
      onBorder: (step, from, to, root) => this.#seal(open, { ...pipelineOf(terms), from, to, step, root }),
    }
  }

  /** Asks another cell until an answer fills `into`, an error is final, or the signal aborts. */
  async #ask(
    terms: CellTerms,
    { replica, stage }: { readonly replica: number; readonly stage: number },
    request: BorderRequest,
    into: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const encoded = encodeBorderRequest(request)
    const size = into.length
    for (;;) {
      signal.throwIfAborted()
      try {
        const { peer } = terms.partnerOf(replica, stage)
        if (!peer) fail('unavailable', `the cell of stage ${stage} is not known yet`)
        const options = { maxResponse: size, timeoutMs: ANSWER_MS + TRANSFER_MS, signal, into }
        const body = await this.#peer.request(peer, BORDER_PROTOCOL, encoded, options)
        check(body.length === size, 'bad-encoding', `stage ${stage} has sent ${body.length} bytes, not ${size}`)
        return
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (isAssayError(error) && FINAL.has(error.code)) throw error
        terms.onWaiting?.(request, error)
        await aborted(signal, new Promise((resolve) => setTimeout(resolve, RETRY_MS)))
      }
    }
  }

  /** The sender shows its signature and gets the receiver's; the receiver waits until it was asked for its own. */
  async #seal(open: Open, record: BorderRecord): Promise<void> {
    const { terms, runner } = open
    const { from, to } = record
    if (from !== terms.stage) return await sealOf(open, record).given
    const sender = signBorder(this.#key, record)
    const request = { type: 'seal', ...record, signature: sender } as const
    const signal = runner?.signal ?? fail('internal', 'a border without a runner')
    const receiver = new Uint8Array(SIGNATURE_BYTES)
    await this.#ask(terms, { replica: terms.replica, stage: to }, request, receiver, signal)
    verifyBorder(record, receiver, terms.partnerOf(terms.replica, to).account)
    terms.onSealed?.({ record, sender, receiver })
  }

  /** Answers a partner, and nobody else. */
  async #answer(request: BorderRequest, from: string, signal: AbortSignal): Promise<Uint8Array> {
    const own = { bundle: 'from', sum: 'stage', seal: 'to' } as const
    const stage = (request as unknown as Record<string, number>)[own[request.type]] as number
    const open = this.#cells.get(cellKey(request, stage))
    const runner = open?.runner
    if (!runner) fail('unavailable', 'no such cell runs here yet')
    const { terms } = open
    const asker =
      request.type === 'sum'
        ? [request.asker, stage]
        : [request.replica, request.type === 'bundle' ? request.to : request.from]
    const partner = terms.partnerOf(asker[0] as number, asker[1] as number)
    if (!partner.peer) fail('unavailable', 'the cell beside this one is not known yet')
    check(partner.peer === from, 'bad-input', 'borders are for the cells beside them', { consequence: 'ignore' })
    if (request.type === 'seal') return await this.#countersign(open, runner, request, partner.account)
    const patience = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)])
    try {
      return sent(
        await (request.type === 'bundle' ? runner.offered(request, patience) : runner.offeredSum(request, patience)),
      )
    } catch (error) {
      // Not made in time: it is asked for again.
      if (patience.aborted && !runner.signal.aborted) fail('unavailable', 'not made yet')
      throw error
    }
  }

  /** Signs what the sender has signed if it is what arrived here. @throws bad-proof if it is not, bad-signature */
  async #countersign(
    open: Open,
    runner: StageRunner,
    { type: _, signature, ...record }: BorderRequest & { readonly type: 'seal' },
    account: Address,
  ): Promise<Uint8Array> {
    verifyBorder(record, signature, account)
    const known = runner.borderRoot(record.step, record.from, record.to)
    if (!known) fail('unavailable', 'nothing is known of that border yet')
    const root = await aborted(AbortSignal.any([AbortSignal.timeout(ANSWER_MS), runner.signal]), known)
    const same = bytesEqual(root, record.root)
    if (!same) open.terms.onRefused?.(record, signature)
    check(same, 'bad-proof', 'what arrived has another root', { consequence: 'penalise' })
    const seal = sealOf(open, record)
    if (seal.signature) return seal.signature
    seal.signature = signBorder(this.#key, record)
    seal.give()
    open.terms.onSealed?.({ record, sender: signature, receiver: seal.signature })
    return seal.signature
  }
}

function sealOf({ seals }: Open, { step, from, to }: BorderRecord): Seal {
  const key = `${step} ${from} ${to}`
  const known = seals.get(key)
  if (known) return known
  const { promise, resolve } = Promise.withResolvers<void>()
  const seal = { given: promise, give: resolve }
  seals.set(key, seal)
  if (seals.size > KEPT_SEALS) seals.delete(seals.keys().next().value as string)
  return seal
}

/** A copy: what is offered may be used anew before it is sent. */
function sent(lease: Lease): Uint8Array {
  const bytes = lease.bytes.slice()
  lease.release()
  return bytes
}

const pipelineOf = ({ jobId, epoch, replica }: CellTerms) => ({ jobId, epoch, replica })
const cellKey = ({ jobId, epoch, replica }: Pick<BorderRecord, 'jobId' | 'epoch' | 'replica'>, stage: number): string =>
  `${toHex(jobId)} ${epoch} ${replica} ${stage}`
