/** Markets with liars and losses, on the real contracts: the job ends with the bare run's root, and the guilty pay. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import type { Engine } from '#engine/types.ts'
import { sampleRate } from '#proto/draw.ts'
import type { DisputeView, JobView } from '#proto/machines/job-view.ts'
import { hasEnded } from '#runtime/book.ts'
import { Dataset } from '#runtime/dataset.ts'
import { programOf } from '#runtime/program.ts'
import { tinyJob } from '#runtime/testing.ts'
import { Trainer } from '#runtime/trainer.ts'
import { type Lie, oneUlp } from '#solver/lies.ts'
import type { Bend } from '#test/sim/actors.ts'
import { BareRun } from '#test/sim/bare.ts'
import { BREACHES } from '#test/sim/breaches.ts'
import { type Chance, eachSeed } from '#test/sim/chance.ts'
import { INVARIANTS, type Snapshot } from '#test/sim/invariants.ts'
import type { SimNode } from '#test/sim/market.ts'
import { Scenario, type Stage } from '#test/sim/scenario.ts'

const { spec, bytes } = tinyJob({
  steps: 12,
  entrySteps: 2,
  entriesPerWindow: 2,
  depth: 2,
  policy: { sampleRate: sampleRate(0.5) },
})
const engines: Engine[] = []
let stage: Stage

beforeAll(async () => {
  const trainers: Trainer[] = []
  for (let i = 0; i < 4; i++) {
    const engine = await createEngine('wasm')
    engines.push(engine)
    trainers.push(new Trainer(engine, programOf(spec), spec, new Dataset(spec.data, bytes)))
  }
  const [audits, ...solvers] = trainers as [Trainer, ...Trainer[]]
  stage = { spec, bare: new BareRun(audits, spec.steps), solvers, audits }
})

afterAll(() => Promise.all(engines.map((engine) => engine.close())))

const simulate = (name: string, runs: number, play: (scenario: Scenario, random: Chance) => Promise<void>) =>
  eachSeed(name, runs, (random, seed) => Scenario.run(stage, random, seed, (scenario) => play(scenario, random)))

/** Two solvers, two verifiers, a coordinator and a whistleblower, with what is changed about them. */
interface Cast {
  readonly solvers?: number
  /** Of the first solver. */
  readonly lie?: Lie | 'idle'
  /** Of every verifier, by its place. */
  readonly bend?: (place: number) => Bend | undefined
  readonly coordinators?: number
  readonly verifiers?: number
  /** Share of entries that the whistleblower audits. */
  readonly rate?: number
  readonly slander?: boolean
}

interface Company {
  readonly coordinators: readonly SimNode[]
  readonly solvers: readonly SimNode[]
  readonly verifiers: readonly SimNode[]
  readonly whistleblower: SimNode
}

async function engage(s: Scenario, cast: Cast = {}): Promise<Company> {
  const { troupe } = s
  const coordinators: SimNode[] = []
  const solvers: SimNode[] = []
  const verifiers: SimNode[] = []
  for (let i = 0; i < (cast.coordinators ?? 1); i++)
    coordinators.push(await troupe.coordinator(`coordinator ${i}`, 4 * i))
  for (let i = 0; i < (cast.solvers ?? 2); i++) {
    const { node } = await troupe.solver(`solver ${i}`, stage.solvers[i] as Trainer, i === 0 ? cast.lie : undefined)
    solvers.push(node)
  }
  for (let i = 0; i < (cast.verifiers ?? 2); i++) verifiers.push(await troupe.verifier(`verifier ${i}`, cast.bend?.(i)))
  const whistleblower = await troupe.whistleblower('whistleblower', cast.rate ?? 0.3, cast.slander)
  return { coordinators, solvers, verifiers, whistleblower }
}

const windowsCommitted = (count: number) => (view: JobView) => view.nextWindow >= count

test('an honest job settles: nobody is accused, nothing is redone; a forged end breaks every rule', () =>
  simulate('honest', 1, async (s) => {
    await engage(s)
    await s.submit()
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot, epoch: 1 })
    expect(view.disputes.size).toBe(0)
    expect(view.counts).toMatchObject({ entriesCommitted: 12, windowsVoided: 0, entriesRejected: 0 })
    expect(Object.keys(BREACHES)).toEqual(INVARIANTS.map(({ name }) => name))
    for (const rule of INVARIANTS) {
      const forged = BREACHES[rule.name]?.(s.snapshot as Snapshot) as Snapshot
      await expect(async () => rule(forged), rule.name).rejects.toThrow()
    }
  }))

test('a solver whose sums are wrong by one ulp is slashed, and the others finish with the honest root', () =>
  simulate('liar', 1, async (s) => {
    const { solvers } = await engage(s, { lie: oneUlp(spec.entrySteps) })
    const [liar] = solvers as [SimNode]
    s.faulty.add(liar)
    await s.submit()
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot })
    expect(s.slashed(liar)).toBeGreaterThanOrEqual(view.terms.claimStake)
    expect(view.left).toEqual(new Set([liar.me]))
    expect(view.counts.windowsVoided).toBeGreaterThan(0)
  }))

test('verifiers who accept anything are slashed with the liar, once a whistleblower looks', () =>
  simulate('lazy', 1, async (s) => {
    const lazy: Bend = (_, index) => ({ accept: true, against: index })
    const { solvers, verifiers, whistleblower } = await engage(s, {
      lie: oneUlp(spec.entrySteps),
      bend: () => lazy,
      rate: 1,
    })
    for (const node of [solvers[0] as SimNode, ...verifiers]) s.faulty.add(node)
    await s.submit()
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot })
    expect(s.slashed(solvers[0] as SimNode)).toBeGreaterThan(0n)
    expect(verifiers.some((verifier) => s.slashed(verifier) > 0n)).toBe(true)
    const bounties = view.ledger.filter(({ reason, account }) => reason === 'Bounty' && account === whistleblower.me)
    expect(bounties.length).toBeGreaterThan(0)
  }))

test('a solver that dies is summoned in vain and replaced; the other goes on alone', () =>
  simulate('lost solver', 1, async (s, random) => {
    const { solvers } = await engage(s)
    const lost = solvers[random.below(2)] as SimNode
    s.faulty.add(lost)
    await s.submit()
    // with both windows open, or with the last one under way
    await s.until(windowsCommitted(1 + random.below(2)))
    s.troupe.kill(lost)
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot })
    const replaced = s.chain.events.filter(({ name }) => name === 'SolverLeft')
    if (view.epoch > 1) expect(replaced).toMatchObject([{ solver: lost.me }])
  }))

test('a verifier that dies is drawn past, and pays for its silence', () =>
  simulate('lost verifier', 1, async (s) => {
    const { verifiers } = await engage(s, { verifiers: 3 })
    const [lost] = verifiers as [SimNode]
    s.faulty.add(lost)
    await s.submit()
    await s.until(({ phase }) => phase === 'training')
    s.troupe.kill(lost)
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot, epoch: 1 })
    const drawn = s.chain.events.some(({ name }) => name === 'Redrawn')
    expect(s.slashed(lost) > 0n).toBe(drawn)
  }))

test('a verifier that rejects honest work loses its stake; the claim stands, and nothing is redone', () =>
  simulate('slander', 1, async (s) => {
    let lies = 1
    const once: Bend = (honest, index) => (honest.accept && lies-- > 0 ? { accept: false, against: index } : honest)
    const { verifiers } = await engage(s, { bend: (place) => (place === 0 ? once : undefined), solvers: 3 })
    s.faulty.add(verifiers[0] as SimNode)
    await s.submit()
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot, epoch: 1 })
    const rulings = [...view.disputes.values()].map(({ ruling }) => ruling)
    expect(rulings).toEqual(lies <= 0 ? ['Upheld'] : [])
    expect(s.slashed(verifiers[0] as SimNode)).toBe(lies <= 0 ? view.terms.verdictStake : 0n)
  }))

test('a coordinator that dies: the next candidate takes its lease', () =>
  simulate('lost coordinator', 1, async (s, random) => {
    const { coordinators } = await engage(s, { coordinators: 2 })
    await s.submit()
    await s.until(windowsCommitted(random.below(2)))
    await s.until(({ lease }) => lease !== null)
    const lost = coordinators.find(({ me }) => me === s.view.lease) as SimNode
    s.faulty.add(lost)
    s.troupe.kill(lost)
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot })
    expect(view.lease).not.toBe(lost.me)
  }))

test('a solver that answers every summons and never trains is replaced', () =>
  simulate('idle solver', 1, async (s) => {
    const { solvers } = await engage(s, { lie: 'idle' })
    const [idle] = solvers as [SimNode]
    s.faulty.add(idle)
    await s.submit()
    const view = await s.until()
    expect(view).toMatchObject({ phase: 'settled', finalRoot: s.honestRoot, left: new Set([idle.me]) })
  }))

test('a dead solver is slandered: whoever accepted its honest work defends it', () =>
  simulate('slandered dead', 1, async (s) => {
    const { solvers, verifiers, whistleblower } = await engage(s, { rate: 1, slander: true })
    s.faulty.add(whistleblower)
    await s.submit()
    const verified = (view: JobView) => [...view.windows.values()].some(({ status }) => status === 'verified')
    await s.until(verified)
    for (const solver of solvers) {
      s.faulty.add(solver)
      s.troupe.kill(solver)
    }
    const accepted = ({ windows }: JobView, { window, index }: DisputeView) =>
      windows.get(window)?.entries[index]?.accepted
    await s.until((view) => [...view.disputes.values()].some((dispute) => accepted(view, dispute)))
    s.troupe.kill(whistleblower)
    const view = await s.until(({ disputes }) => [...disputes.values()].every(({ ruling }) => ruling !== 'Pending'))
    for (const dispute of view.disputes.values()) {
      expect(dispute.ruling).toBe(accepted(view, dispute) ? 'Upheld' : 'Refuted')
    }
    for (const verifier of verifiers) expect(s.slashed(verifier)).toBe(0n)
  }))

test('a job that runs out of time with disputes open expires, and everybody has its own back', () =>
  simulate('expiry', 1, async (s) => {
    const { solvers } = await engage(s, { lie: oneUlp(spec.entrySteps) })
    s.faulty.add(solvers[0] as SimNode)
    await s.submit({ jobPeriod: 150, responsePeriod: 150 })
    const view = await s.until()
    expect(view.phase).toBe('expired')
    expect(s.slashed(solvers[0] as SimNode)).toBeGreaterThan(0n)
    expect([...view.disputes.values()].every(({ ruling }) => ruling === 'Refuted')).toBe(true)
  }))

test('whatever goes wrong together: the job ends, and no rule is broken', () =>
  simulate('chaos', 2, async (s, random) => {
    const often = (probability: number): boolean => random.bool(probability)
    let lies = random.below(3)
    const lazy: Bend = (_, index) => ({ accept: true, against: index })
    const slanderer: Bend = (honest, index) => (lies-- > 0 ? { accept: false, against: index } : honest)
    const bends = Array.from({ length: 3 }, () => (often(0.7) ? undefined : random.pick([lazy, slanderer])))
    const lie = often(0.5) ? undefined : random.pick([oneUlp(spec.entrySteps), 'idle' as const])
    const slander = often(0.1)
    const company = await engage(s, {
      solvers: 2 + random.below(2),
      verifiers: 2 + random.below(2),
      coordinators: 1 + random.below(2),
      rate: random.pick([0, 0.3, 1]),
      slander,
      ...(lie && { lie }),
      bend: (place) => bends[place],
    })
    if (lie) s.faulty.add(company.solvers[0] as SimNode)
    if (slander) s.faulty.add(company.whistleblower)
    for (const [place, verifier] of company.verifiers.entries()) if (bends[place]) s.faulty.add(verifier)
    await s.submit({ jobPeriod: 450 })
    for (let deaths = random.below(3); deaths > 0; deaths--) {
      const at = s.chain.block + random.below(120)
      await s.until((view) => s.chain.block >= at || hasEnded(view))
      const victim = random.pick(s.market.nodes)
      s.faulty.add(victim)
      s.troupe.kill(victim)
    }
    const view = await s.until()
    if (view.phase === 'settled') expect(view.finalRoot).toBe(s.honestRoot)
  }))
