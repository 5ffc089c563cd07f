/** What every role process is made of: identity, chain, peer, content, the book of jobs; and how it acts on decisions. */
import { join } from 'node:path'
import type { JsonRpcProvider } from 'ethers'
import { openChain } from '#contracts/chain.ts'
import { AssayReader } from '#contracts/reader.ts'
import { AssaySender } from '#contracts/sender.ts'
import type { Peer } from '#net/peer.ts'
import { to0x } from '#proto/bytes.ts'
import { AssayError } from '#proto/errors.ts'
import type { SeatRole } from '#proto/machines/events.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Role } from '#proto/messages.ts'
import { type Hex, quote } from '#proto/terms.ts'
import type { Announcer } from '#runtime/announcer.ts'
import { hasEnded, JobBook, type Pace } from '#runtime/book.ts'
import { claimAccount } from '#runtime/claim.ts'
import { Database } from '#runtime/database.ts'
import { defaultQuota, Janitor, type Jobs } from '#runtime/janitor.ts'
import { type Identity, loadIdentity, type Passphrase } from '#runtime/keys.ts'
import type { Network } from '#runtime/network.ts'
import { openAnnouncer, openPeer, type PeeringOptions } from '#runtime/peering.ts'
import { Performer } from '#runtime/performer.ts'
import type { Logger, Shell } from '#runtime/shell.ts'
import { ContentStore } from '#runtime/store.ts'
import { type UpkeepAction, upkeep } from '#runtime/upkeep.ts'

/** How long the chain may be away when a role starts, in milliseconds: it may just come back, too. */
const CHAIN_MS = 30_000
/** Blocks between two looks whether the chain still holds what this process sent. */
const RESTORE_BLOCKS = 10

export interface NodeOptions extends PeeringOptions {
  readonly role: Role
  /** Folder of this process: key, database, blobs, checkpoints. */
  readonly home: string
  readonly network: Network
  /** Blocks to wait before doing the upkeep that anyone may do. */
  readonly grace: number
  /** Bytes that data sets and checkpoints may take; default: what is there, and half of what is free on the disk. */
  readonly maxStorage?: number
  /** Opens an encrypted key. */
  readonly passphrase?: Passphrase
  /** Encrypts the key that is made where there is none. */
  readonly freshPassphrase?: string
}

/** A running process of one role. */
export interface RoleNode {
  readonly log: Logger
  readonly signal: AbortSignal
  readonly identity: Identity
  readonly me: Hex
  readonly peer: Peer
  readonly reader: AssayReader
  readonly sender: AssaySender
  readonly announcer: Announcer
  readonly database: Database
  readonly store: ContentStore
  readonly book: JobBook
  /** Decides and performs: `decide` is asked for every job after every block. */
  act<A extends { readonly key: string }>(
    decide: (job: JobView, block: number) => A[],
    perform: (action: A) => Promise<void>,
  ): void
  /** Bids for every job's seat of this role, as long as `open` says so. */
  bidFor(role: SeatRole, open?: () => boolean): void
  /** Brings the free balance in the contract to at least `amount` wei. */
  fund(amount: bigint): Promise<void>
  /** Follows the chain until the process stops. */
  run(): Promise<void>
}

/** Opens everything a role needs; it all closes with the shell. */
export async function openNode(shell: Shell, options: NodeOptions): Promise<RoleNode> {
  const { log, signal } = shell
  const { network, home } = options
  const identity = await loadIdentity(join(home, 'key'), options.passphrase, options.freshPassphrase)
  shell.onStop(await claimAccount(identity.account, network.chainId))
  const database = new Database(join(home, 'state.sqlite'))
  shell.onStop(() => database.close())
  const provider = await openChain(network.rpc, CHAIN_MS)
  shell.onStop(() => provider.destroy())
  const deployment = network.contracts
  const reader = new AssayReader(provider, deployment)
  const sender = new AssaySender(provider, deployment, identity.key.privateKey)
  const peer = await openPeer(network, identity, database, log, options)
  shell.onStop(() => {
    const { bytesSent, bytesReceived } = peer.stats()
    log.info({ bytesSent, bytesReceived }, 'traffic')
    return peer.stop()
  })
  const announcer = openAnnouncer(network, identity, peer, database, log, options)
  shell.onStop(() => announcer.stop())
  const onLost = (reason: string): void => log.warn({ reason }, 'content was lost: others are asked for it')
  const store = await ContentStore.open(home, peer, database, { onLost })
  const parts = { log, signal, identity, peer, reader, sender, announcer, database, store }
  const { confirmations, blockSeconds } = network
  // As often as there are blocks.
  const pace = { confirmations, ...(blockSeconds && { pollMs: Math.min(1_000, blockSeconds * 1_000) }) }
  const node = createNode(parts, provider, options.grace, pace)
  announcer.seats((account) =>
    [...node.book.views.values()].some((job) => !hasEnded(job) && job.bids.some((bid) => bid.account === account)),
  )
  const jobs = (): ReturnType<Jobs> =>
    node.book.isCurrent ? { views: node.book.views.values(), block: node.book.block } : undefined
  const quota = options.maxStorage ?? (await defaultQuota(home, store))
  const janitor = new Janitor(store, jobs, quota, log, blockSeconds)
  shell.onStop(() => janitor.stop())
  announcer.introduce(options.role)
  return node
}

/** What a node is made of. */
export type NodeParts = Pick<
  RoleNode,
  'log' | 'signal' | 'identity' | 'peer' | 'reader' | 'sender' | 'announcer' | 'database' | 'store'
>

/** A node of parts that are open; `provider` is destroyed when it stops. */
export function createNode(
  parts: NodeParts,
  provider: Pick<JsonRpcProvider, 'destroy'>,
  grace: number,
  pace: Pace = {},
): RoleNode {
  return new Node(parts, provider, grace, pace)
}

class Node implements RoleNode {
  readonly log: Logger
  readonly signal: AbortSignal
  readonly identity: Identity
  readonly me: Hex
  readonly peer: Peer
  readonly reader: AssayReader
  readonly sender: AssaySender
  readonly announcer: Announcer
  readonly database: Database
  readonly store: ContentStore
  readonly book = new JobBook()
  readonly #provider: Pick<JsonRpcProvider, 'destroy'>
  readonly #pace: Pace
  readonly #performers: { forget(): void }[] = []
  #restoredAt = 0
  /** Rejected when the account turns out to have another role. */
  readonly #conflict = Promise.withResolvers<never>()

  constructor(parts: NodeParts, provider: Pick<JsonRpcProvider, 'destroy'>, grace: number, pace: Pace) {
    this.log = parts.log
    this.signal = parts.signal
    this.identity = parts.identity
    this.me = to0x(parts.identity.address) as Hex
    this.peer = parts.peer
    this.reader = parts.reader
    this.sender = parts.sender
    this.announcer = parts.announcer
    this.database = parts.database
    this.store = parts.store
    this.#provider = provider
    this.#pace = pace
    this.book.onRollback(() => {
      this.#forget()
      this.#restore()
    })
    this.book.onBlock((_job, block) => {
      if (block < this.#restoredAt + RESTORE_BLOCKS) return
      this.#restoredAt = block
      this.#restore()
    })
    this.#conflict.promise.catch(() => {})
    this.act(
      (job, block) => upkeep(job, block, grace, this.me),
      (action) => this.#upkeep(action),
    )
  }

  act<A extends { readonly key: string }>(
    decide: (job: JobView, block: number) => A[],
    perform: (action: A) => Promise<void>,
  ): void {
    const performer = new Performer<A>(
      async (action) => {
        this.log.debug({ action: action.key }, 'acting')
        await perform(action)
      },
      (action, error, failures) => {
        // Others may have been quicker, or the block not ripe: loud only when it keeps failing.
        const level = failures > 4 ? 'warn' : 'debug'
        this.log[level]({ action: action.key, failures, error: String(error) }, 'did not work')
      },
    )
    this.#performers.push(performer)
    this.book.onBlock((job, block) => {
      if (!this.signal.aborted) performer.offer(decide(job, block), block)
    })
  }

  #forget(): void {
    for (const performer of this.#performers) performer.forget()
  }

  /** The chain may lose a transaction of ours whose events this process has not seen yet. */
  #restore(): void {
    this.sender.restore().then(
      (lost) => {
        if (!lost) return
        this.log.warn('the chain has lost transactions: sent again')
        this.#forget()
      },
      () => {},
    )
  }

  bidFor(role: SeatRole, open: () => boolean = () => true): void {
    this.book.onBlock((job) => {
      const other = hasEnded(job) ? undefined : job.bids.find(({ account }) => account === this.me)?.role
      if (other !== undefined && other !== role) this.#conflict.reject(sharedAccount(this.me, job.jobId, other, role))
    })
    this.act(
      (job, block) =>
        open() && mayBid(job, role, this.me, block) ? [{ key: `${job.jobId}:bid:${job.bidsClose}`, job }] : [],
      ({ job }) => this.#bid(job, role),
    )
  }

  async #bid(job: JobView, role: SeatRole): Promise<void> {
    const { solverStake, verifierStake, coordinatorStake } = quote(job.terms)
    const stake = role === 'Solver' ? solverStake : role === 'Verifier' ? verifierStake : coordinatorStake
    await this.fund(stake)
    await this.sender.bid(job.jobId, role, stake)
    this.log.info({ job: job.jobId, role, stake: stake.toString() }, 'bid')
  }

  async fund(amount: bigint): Promise<void> {
    const free = await this.reader.balanceOf(this.me)
    if (free < amount) await this.sender.deposit(amount - free)
  }

  async #upkeep(action: UpkeepAction): Promise<void> {
    switch (action.type) {
      case 'assign':
      case 'expire':
        await this.sender[action.type](action.jobId)
        return
      case 'fixSeed':
      case 'redraw':
      case 'settleWindow':
        await this.sender[action.type](action.jobId, action.window)
        return
      case 'resolve':
        await this.sender.resolve(action.entryHash)
        return
      case 'replace':
        await this.sender.replace(action.jobId, action.replica)
        return
      case 'unbond':
        await this.sender.unbond(action.jobId, action.account)
        return
    }
  }

  async run(): Promise<void> {
    await Promise.race([this.book.follow(this.reader, this.log, this.signal, this.#pace), this.#conflict.promise])
    this.#provider.destroy()
  }
}

function sharedAccount(account: Hex, jobId: Hex, other: SeatRole, role: SeatRole): AssayError {
  const message = `account ${account} has a seat as ${other} in job ${jobId}: it cannot serve as ${role}`
  return new AssayError('bad-config', message, { next: 'Give each role an account of its own: assay key new.' })
}

function mayBid(job: JobView, role: SeatRole, me: Hex, block: number): boolean {
  if (hasEnded(job) || job.phase === 'training' || block >= job.bidsClose) return false
  return !job.bids.some(({ account }) => account === me) && (role === 'Solver' || job.phase === 'bidding')
}
