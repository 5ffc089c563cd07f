/** A chain with the contracts, and actors that make a job's moves with made-up roots. For tests. */
import { SigningKey, Wallet } from 'ethers'
import type { Hex, JobTerms } from '#contracts/abi/types.generated.ts'
import { type Anvil, startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { deploy } from '#contracts/deploy.ts'
import { hex } from '#contracts/entries.ts'
import { claimIdOf, gameIdOf, PinpointReader, PinpointSender } from '#contracts/pinpoint.ts'
import { AssayReader } from '#contracts/reader.ts'
import { AssaySender, commitmentOf, type Verdict } from '#contracts/sender.ts'
import { fromHex } from '#proto/bytes.ts'
import { type SignedEntry, signEntry } from '#proto/entry.ts'
import { sha256, taggedHash } from '#proto/hash.ts'

const ETHER = 10n ** 18n

/** A two-window job of two replicas in which every entry is drawn. Periods are long: `reach` mines through them. */
export const TERMS: JobTerms = {
  specHash: hex(sha256(Uint8Array.of(1))),
  programRoot: hex(sha256(Uint8Array.of(2))),
  dataRoot: hex(sha256(Uint8Array.of(3))),
  initRoot: hex(sha256(Uint8Array.of(4))),
  factsHash: hex(sha256(Uint8Array.of(5))),
  steps: 7,
  entrySteps: 2,
  entriesPerWindow: 2,
  replicas: 2,
  depth: 2,
  sampleRate: 2n ** 64n - 1n,
  entryPrice: 1000n,
  verdictFee: 100n,
  windowFee: 50n,
  claimStake: 5_000_000n,
  verdictStake: 5_000_000n,
  challengeBond: 7_000_000n,
  coordinatorBond: 900n,
  gasPrice: 1n,
  bidPeriod: 120,
  commitPeriod: 500,
  verdictPeriod: 120,
  revealPeriod: 120,
  challengePeriod: 60,
  responsePeriod: 60,
  jobPeriod: 100_000,
}

export const ROLES_IN_ORDER = [
  'deployer',
  'submitter',
  'coordinator',
  'solverA',
  'solverB',
  'solverC',
  'verifierA',
  'verifierB',
  'whistleblower',
] as const
export type Actor = (typeof ROLES_IN_ORDER)[number]

export interface Devnet {
  readonly chain: Anvil
  readonly reader: AssayReader
  readonly as: Readonly<Record<Actor, AssaySender>>
  readonly games: PinpointReader
  key(address: Hex): SigningKey
  stop(): Promise<void>
}

export async function startDevnet(): Promise<Devnet> {
  const chain = await startAnvil()
  const provider = await openChain(chain.url)
  const accounts = chain.accounts
  const deployment = await deploy(new Wallet(accounts[0]?.privateKey ?? '', provider))
  const senders = ROLES_IN_ORDER.map((name, i): [Actor, AssaySender] => [
    name,
    new AssaySender(provider, deployment, accounts[i]?.privateKey ?? '', { pollMs: 20 }),
  ])
  const keys = new Map(accounts.map(({ address, privateKey }) => [address as string, new SigningKey(privateKey)]))
  return {
    chain,
    reader: new AssayReader(provider, deployment),
    games: new PinpointReader(provider, deployment.arbiter),
    as: Object.fromEntries(senders) as Record<Actor, AssaySender>,
    key: (address) => keys.get(address) ?? new SigningKey(accounts[0]?.privateKey ?? ''),
    async stop() {
      provider.destroy()
      await chain.stop()
    },
  }
}

/** Makes the chain reach block `number`. */
export async function reach(reader: AssayReader, number: number): Promise<void> {
  const missing = number - (await reader.blockNumber())
  if (missing > 0) await reader.provider.send('anvil_mine', [`0x${missing.toString(16)}`])
}

/** Registers a job, bids with everybody and assigns. */
export async function startJob(net: Devnet, terms: JobTerms, nonce: bigint, solvers: readonly Actor[]): Promise<Hex> {
  const { as, reader } = net
  const quote = await reader.quote(terms)
  const { jobId } = await as.submitter.registerJob(terms, nonce, quote.escrow + 5n)
  const bids: [Actor, 'Solver' | 'Verifier' | 'Coordinator', bigint][] = [
    ...solvers.map((name): [Actor, 'Solver', bigint] => [name, 'Solver', quote.solverStake]),
    ['verifierA', 'Verifier', quote.verifierStake],
    ['verifierB', 'Verifier', quote.verifierStake],
    ['coordinator', 'Coordinator', quote.coordinatorStake],
  ]
  await Promise.all([
    as.whistleblower.deposit(ETHER),
    ...bids.map(async ([name, role, stake]) => {
      await as[name].deposit(ETHER)
      await as[name].bid(jobId, role, stake)
    }),
  ])
  await reach(reader, (await reader.jobOf(jobId)).bidsClose + 3)
  await as.deployer.assign(jobId)
  return jobId
}

/** A state root that stands for honest training up to a step; `lie` makes another. */
export const rootAt = (step: number, lie = 0): Uint8Array =>
  step === 0 ? fromHex(TERMS.initRoot) : taggedHash('test/root', (p) => p.u32(step).u32(lie))

/** Signed entries of the next window by its cells. */
export async function windowEntries(net: Devnet, jobId: Hex, lie = 0): Promise<SignedEntry[]> {
  const { reader } = net
  const [job, terms] = await Promise.all([reader.jobOf(jobId), reader.termsOf(jobId)])
  const cells = await reader.cellsOf(jobId, job.epoch)
  const before = fromHex(job.root, 32)
  const entries: SignedEntry[] = []
  let root = before
  for (let slot = 0; slot < terms.entriesPerWindow; slot++) {
    const stepFrom = (job.nextWindow * terms.entriesPerWindow + slot) * terms.entrySteps
    if (stepFrom >= terms.steps) break
    const stepTo = Math.min(stepFrom + terms.entrySteps, terms.steps)
    const rootAfter = rootAt(stepTo, lie)
    const metricsRoot = taggedHash('test/metrics', (p) => p.u32(stepTo).u32(lie))
    // One replica exchanges no sums.
    const lanesRoot = cells.length === 1 ? new Uint8Array(32) : metricsRoot
    for (const [replica, cell] of cells.entries()) {
      const rest = { stepFrom, stepTo, rootBefore: root, rootAfter, lanesRoot, metricsRoot }
      const place = { jobId: fromHex(jobId, 32), epoch: job.epoch, replica, window: job.nextWindow }
      entries.push(signEntry(net.key(cell), { ...place, ...rest, solver: fromHex(cell, 20) }))
    }
    root = rootAfter
  }
  return entries
}

/** Commits the next window, fixes its seed and gives every drawn verifier's verdict. */
export async function commitAndSeed(net: Devnet, jobId: Hex, lie = 0): Promise<number> {
  const { reader, as } = net
  const job = await reader.jobOf(jobId)
  await as.coordinator.commitWindow(jobId, job.epoch, job.nextWindow, await windowEntries(net, jobId, lie))
  const { seedRound } = await reader.windowOf(jobId, job.nextWindow)
  await reach(reader, seedRound + 1)
  await as.deployer.fixSeed(jobId, job.nextWindow)
  return job.nextWindow
}

/** All drawn verifiers commit and reveal; `judge` decides about each entry. */
export async function giveVerdicts(
  net: Devnet,
  jobId: Hex,
  window: number,
  judge: (index: number) => Pick<Verdict, 'accept' | 'against'>,
): Promise<void> {
  const { reader, as } = net
  const { epoch, entries } = await reader.windowOf(jobId, window)
  const given: [AssaySender, number, Verdict][] = []
  for (let index = 0; index < entries; index++) {
    const { sampled, verifier } = await reader.drawn(jobId, window, index)
    if (!sampled) continue
    const sender = Object.values(as).find(({ address }) => address === verifier) ?? as.deployer
    const { entryHash } = await reader.entryOf(jobId, window, index)
    const verdict = { ...judge(index), digest: entryHash, salt: hex(sha256(Uint8Array.of(index))) }
    given.push([sender, index, verdict])
  }
  await Promise.all(
    given.map(async ([sender, index, verdict]) => {
      const { entryHash } = await reader.entryOf(jobId, window, index)
      await sender.commitVerdict(jobId, epoch, window, index, commitmentOf(entryHash, sender.address, verdict))
    }),
  )
  await Promise.all(given.map(([sender, index, verdict]) => sender.revealVerdict(jobId, epoch, window, index, verdict)))
}

export async function settle(net: Devnet, jobId: Hex, window: number): Promise<void> {
  await reach(net.reader, (await net.reader.windowOf(jobId, window)).challengesUntil + 1)
  await net.as.coordinator.settleWindow(jobId, window)
}

const claimOf = ({ reader }: Devnet, entryHash: Hex): Hex => claimIdOf(reader.deployment.assay, entryHash)

/** An actor at the game contract. */
export function player({ as, reader }: Devnet, name: Actor): PinpointSender {
  return new PinpointSender(as[name].transactor, reader.deployment.arbiter)
}

/** The first challenger of a claim gives up against a seat. */
export async function concede(net: Devnet, entryHash: Hex, by: Actor, seat = 0): Promise<void> {
  const { challengers } = await net.games.claimOf(claimOf(net, entryHash))
  const number = challengers.findIndex(({ account }) => account === net.as[by].address)
  await player(net, by).concede(gameIdOf(claimOf(net, entryHash), seat, number))
}

/** A seat of a claim never moves, and loses it against the challenger of that number; `by` says so. */
export async function desert(
  net: Devnet,
  entryHash: Hex,
  seat = 0,
  challenger = 0,
  by: Actor = 'deployer',
): Promise<void> {
  await reach(net.reader, (await net.reader.blockNumber()) + TERMS.responsePeriod + 1)
  await player(net, by).timeout(gameIdOf(claimOf(net, entryHash), seat, challenger))
}

/** Nobody defends a claim: it is refuted, and resolved. */
export async function refute(net: Devnet, entryHash: Hex): Promise<void> {
  await desert(net, entryHash)
  await reach(net.reader, (await net.games.claimOf(claimOf(net, entryHash))).defendUntil + 1)
  await net.as.deployer.resolve(entryHash)
}
