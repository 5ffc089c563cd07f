/** For tests: a chain with the arbiter and a court of its own, where processes play the games of real entries unattended. */

import { Wallet } from 'ethers'
import { pino } from 'pino'
import { expect, vi } from 'vitest'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { type Anvil, startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { deployPinpoint } from '#contracts/deploy.ts'
import { hex } from '#contracts/entries.ts'
import { claimIdOf, gameIdOf, PINPOINT, PinpointReader, PinpointSender } from '#contracts/pinpoint.ts'
import { Transactor } from '#contracts/transactor.ts'
import type { Engine } from '#engine/types.ts'
import { factsHash, factsOf } from '#pinpoint/facts.ts'
import { fromHex } from '#proto/bytes.ts'
import { type Entry, entryDigest } from '#proto/entry.ts'
import { AssayError } from '#proto/errors.ts'
import type { EntryView, JobView } from '#proto/machines/job-view.ts'
import { encodeStatementRequest } from '#proto/messages.ts'
import { type ClaimLie, Claims, claimMethods, type NodeName } from '#runtime/compute/dispute.ts'
import { outlineOf } from '#runtime/program.ts'
import type { Workers } from '#runtime/session.ts'
import { Games } from './games.ts'
import { requestFor } from './statements.ts'
import type { SmallJob } from './testing.ts'

/** An account with code: it opens claims. It is never asked for another entry of a slot. */
const COURT = '0x00000000000000000000000000000000000c0c0a'
const JOB: Hex = `0x${'07'.repeat(32)}`
/** Blocks of each player's first budget: time enough on a busy machine. Who waits for its end has them mined. */
export const PERIOD = 150

type Provider = Awaited<ReturnType<typeof openChain>>
type Handler = (body: Uint8Array, from: string) => Promise<Uint8Array>

export interface ArenaJob {
  readonly job: SmallJob
  /** The state before the entries. */
  readonly before?: Uint8Array | undefined
}

/** What is told of a dispute, as the book of a process has it. */
interface Told {
  readonly entryHash: Hex
  readonly view: EntryView
  readonly solver: Hex
  readonly openedAt: number
  readonly accusers: Hex[]
  readonly acceptors: readonly Hex[]
}

export class GamesArena {
  readonly provider: Provider
  readonly reader: PinpointReader
  readonly arbiter: Hex
  readonly court: Hex = COURT
  readonly #chain: Anvil
  readonly #engine: Engine
  readonly #job: ArenaJob
  readonly #handlers = new Map<string, Handler>()
  readonly #disputes: Told[] = []
  readonly #running: { close(): Promise<void> }[] = []
  readonly #resolved = new Map<Hex, Hex>()
  #next = 1

  private constructor(chain: Anvil, provider: Provider, arbiter: Hex, engine: Engine, job: ArenaJob) {
    this.#chain = chain
    this.provider = provider
    this.arbiter = arbiter
    this.reader = new PinpointReader(provider, arbiter)
    this.#engine = engine
    this.#job = job
  }

  /** @param accounts that `account` can give */
  static async start(engine: Engine, job: ArenaJob, accounts = 32): Promise<GamesArena> {
    const chain = await startAnvil({ blockTime: 0.1, accounts: 1 + accounts })
    const provider = await openChain(chain.url)
    const arbiter = await deployPinpoint(new Wallet(chain.accounts[0]?.privateKey ?? '', provider))
    await provider.send('anvil_impersonateAccount', [COURT])
    await provider.send('anvil_setBalance', [COURT, '0xffffffffffffffffff'])
    return new GamesArena(chain, provider, arbiter, engine, job)
  }

  async stop(): Promise<void> {
    for (const one of this.#running) await one.close()
    this.provider.destroy()
    await this.#chain.stop()
  }

  account(): Account {
    const { address, privateKey } = this.#chain.accounts[this.#next++] as { address: Hex; privateKey: Hex }
    const transactor = new Transactor(this.provider, privateKey, { pollMs: 10 })
    return { address, transactor, sender: new PinpointSender(transactor, this.arbiter) }
  }

  /** The court opens a claim, or lets one more challenger join it. */
  async accuse(entry: Entry, solver: Account, accuser: Account, acceptors: readonly Account[] = []): Promise<Hex> {
    const entryHash = hex(entryDigest(entry))
    const accusation = {
      ...{ entryHash, jobId: JOB, factsHash: hex(factsHash(factsOf(this.#job.job.spec, this.#job.job.program))) },
      ...{ solver: solver.address, replicas: 1, responsePeriod: PERIOD },
      acceptors: acceptors.map(({ address }) => address),
    }
    const data = PINPOINT.interface.encodeFunctionData('open', [accusation, accuser.address])
    const hash = await this.provider.send('eth_sendTransaction', [
      { from: COURT, to: this.arbiter, data, gas: '0xf4240' },
    ])
    const receipt = await vi.waitUntil(() => this.provider.getTransactionReceipt(hash), { interval: 20 })
    expect(receipt.status).toBe(1)
    const known = this.#disputes.find((one) => one.entryHash === entryHash)
    if (known) known.accusers.push(accuser.address)
    else {
      const verdicts = acceptors.map(({ address }) => ({
        status: 'accepted',
        verifier: address,
        round: 0,
        digest: '0x',
      }))
      const view = { entry, entryHash, verdicts, signature: new Uint8Array(65), sampled: true, accepted: true }
      const told = { entryHash, view: view as EntryView, solver: solver.address, openedAt: receipt.blockNumber }
      this.#disputes.push({ ...told, accusers: [accuser.address], acceptors: accusation.acceptors })
    }
    return entryHash
  }

  /** A process of an account; `lie` is what it defends. */
  process(account: Account, lie?: ClaimLie, options: { readonly mute?: boolean } = {}): Process {
    const process = this.#process(account, lie, options.mute ?? false)
    this.#running.push(process)
    return process
  }

  #process(account: Account, lie: ClaimLie | undefined, mute: boolean): Process {
    const listeners: ((job: JobView, block: number) => void)[] = []
    const rollbacks: (() => void)[] = []
    const lost = { next: false }
    const handlers = this.#handlers
    const views = new Map<Hex, JobView>()
    const node = {
      ...{ me: account.address, log: pino({ level: globalThis.process.env['ASSAY_LOG'] ?? 'silent' }) },
      signal: new AbortController().signal,
      reader: {
        provider: this.provider,
        deployment: { assay: COURT, arbiter: this.arbiter },
        blockNumber: () => this.provider.getBlockNumber(),
      },
      sender: {
        transactor: account.transactor,
        resolve: async (entryHash: Hex) => void this.#resolved.set(entryHash, account.address),
      },
      store: { state: async () => this.#job.before, received: { read: async () => undefined } },
      announcer: { peerOf: (address: string) => address },
      peer: {
        handle: (_: string, handler: Handler) => void handlers.set(account.address, handler),
        request: async (to: string, _: string, body: Uint8Array) => {
          const handler = handlers.get(to)
          if (handler === undefined || mute) throw new AssayError('network', 'nobody answers')
          return await handler(body, account.address)
        },
      },
      book: {
        views,
        onBlock: (listener: (job: JobView, block: number) => void) => void listeners.push(listener),
        onRollback: (listener: () => void) => void rollbacks.push(listener),
      },
    }
    const games = new Games(node as never, this.#workers(lost), { lieOf: () => lie })
    let block = 0
    const look = async (): Promise<void> => {
      const [head, job] = await Promise.all([this.provider.getBlockNumber(), this.#jobView()])
      if (head <= block) return
      block = head
      for (const listener of listeners) listener(job, head)
    }
    let looking = Promise.resolve()
    const timer = setInterval(() => {
      looking = looking.then(look)
    }, 50)
    return {
      loseWorker: () => {
        lost.next = true
      },
      rollBack: () => {
        for (const listener of rollbacks) listener()
      },
      close: async () => {
        clearInterval(timer)
        await looking
        await games.close()
      },
    }
  }

  /** Workers that compute in this thread, on copies of what they are given. */
  #workers(lost: { next: boolean }): Workers {
    const { spec, program, data, bytes } = this.#job.job
    const open = async (): Promise<unknown> => {
      const claims = new Claims({ spec, program, data, bytes, engine: this.#engine })
      const methods = claimMethods(() => claims) as Record<string, (argument: unknown) => unknown>
      const gone = new AbortController()
      const call = async (method: string, argument: unknown): Promise<unknown> => {
        if (lost.next) {
          lost.next = false
          gone.abort()
        }
        if (gone.signal.aborted) throw new AssayError('worker-lost', 'the worker thread has ended')
        return structuredClone(await methods[method]?.(structuredClone(argument)))
      }
      const stateBytes = this.#job.before?.length ?? 0
      const compute = { call }
      return { jobId: JOB, program: outlineOf(program), compute, stateBytes, lost: gone.signal, close: async () => {} }
    }
    return { open: open as Workers['open'], hashing: () => ({}) as never }
  }

  /** The job as the court's events would tell it. */
  async #jobView(): Promise<JobView> {
    const disputes = await Promise.all(
      this.#disputes.map(async ({ entryHash, view, solver, openedAt, accusers }) => {
        const ruling = this.#resolved.has(entryHash) ? await this.reader.rulingOf(COURT, entryHash) : 'Pending'
        const { window, epoch, replica: index } = view.entry
        return [
          entryHash,
          { entryHash, window, epoch, index, solver, accusers, openedAt, ruling, slot: [view] },
        ] as const
      }),
    )
    const windows = this.#disputes.map(({ view }) => [view.entry.window, { entries: [view] }] as const)
    const terms = { responsePeriod: PERIOD }
    return { jobId: JOB, terms, disputes: new Map(disputes), windows: new Map(windows) } as unknown as JobView
  }

  /** Who had the court carry out the ruling; waits for it. */
  resolver(entryHash: Hex): Promise<Hex> {
    return vi.waitUntil(() => this.#resolved.get(entryHash), { timeout: 10_000, interval: 50 })
  }

  /** Lets that many blocks pass. */
  async mine(blocks: number): Promise<void> {
    await this.provider.send('anvil_mine', [`0x${blocks.toString(16)}`])
  }

  /** Waits until the arbiter has ruled. */
  ruling(entryHash: Hex): Promise<string> {
    return vi.waitUntil(
      async () => {
        const ruling = await this.reader.rulingOf(COURT, entryHash)
        return ruling === 'Pending' ? undefined : ruling
      },
      { timeout: 60_000, interval: 50 },
    )
  }

  /** Asks a process for a node of its statement, as another account. */
  async ask(by: Account, of: Account, entryHash: Hex, node: NodeName): Promise<Uint8Array> {
    const request = encodeStatementRequest(requestFor(fromHex(entryHash, 32), node))
    const handler = this.#handlers.get(of.address)
    if (handler === undefined) throw new AssayError('network', 'nobody answers')
    return await handler(request, by.address)
  }

  /** Waits until a game is decided. */
  async decided(entryHash: Hex, challenger: number): Promise<void> {
    const over = async (): Promise<boolean> => (await this.moves(entryHash, 0, challenger)).at(-1) === 'Decided'
    await vi.waitUntil(over, { timeout: 60_000, interval: 50 })
  }

  /** Moves of a game, by name. */
  async moves(entryHash: Hex, seat = 0, challenger = 0): Promise<readonly string[]> {
    const game = gameIdOf(claimIdOf(COURT, entryHash), seat, challenger)
    return (await this.reader.historyOf(game, 0)).map(({ name }) => name)
  }

  async seats(entryHash: Hex): Promise<readonly (readonly [Hex, boolean])[]> {
    const { seats } = await this.reader.claimOf(claimIdOf(COURT, entryHash))
    return seats.map(({ account, done }) => [account, done] as const)
  }
}

export interface Account {
  readonly address: Hex
  readonly transactor: Transactor
  readonly sender: PinpointSender
}

export interface Process {
  /** The next call finds the worker gone. */
  loseWorker(): void
  rollBack(): void
  close(): Promise<void>
}
