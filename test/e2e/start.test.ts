/** `npm start`, honest and with a liar, each a network of eight processes, both at the same time. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEther } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NamedRow } from '#app/client/ledger.ts'
import type { NetworkResult } from '#app/client/summary.ts'
import type { RunResult } from '#app/commands/run.ts'
import { loadJob } from '#app/job/load.ts'
import { startAnvil } from '#contracts/anvil.ts'
import { slotCount } from '#proto/windows.ts'
import { readNetwork } from '#runtime/network.ts'
import { ENTRIES, rootOfWeights, STEPS, writeJob } from './jobs.ts'
import { assay, type Ended, endAll, lastLine, npmStart, ROOT } from './programs.ts'

let folder: string
let job: string
let honest: Ended
let cheated: Ended

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
  job = await writeJob(folder)
  const start = (name: string, ...more: string[]): Promise<Ended> =>
    npmStart(['--json', '--job', job, '--keep', join(folder, name), ...more]).ended
  ;[honest, cheated] = await Promise.all([start('honest'), start('cheated', '--liar', 'solver')])
})

afterAll(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true })
})

/** The wei that a ledger moves for the given reasons. */
function sum(ledger: readonly NamedRow[], ...reasons: NamedRow['reason'][]): bigint {
  return ledger
    .filter(({ reason }) => reasons.includes(reason))
    .reduce((all, { amount }) => all + parseEther(amount), 0n)
}

/** What came from the submitter or from slashed stakes went to somebody, to the last wei. */
function expectBalanced(ledger: readonly NamedRow[]): void {
  expect(sum(ledger, 'Escrow', 'Refund', 'Payout', 'VerdictFee', 'CoordinatorFee')).toBe(0n)
  expect(sum(ledger, 'Slash', 'Forfeit', 'GasRefund', 'Compensation', 'Bounty', 'Burn')).toBe(0n)
  expect(sum(ledger, 'Bond', 'BondReturn') - sum(ledger, 'Forfeit')).toBe(0n)
}

describe('an honest network', () => {
  test('settles, and says so in one JSON line', () => {
    const result = lastLine<NetworkResult>(honest)
    expect(honest.code, honest.stderr).toBe(0)
    expect(result).toMatchObject({
      job: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      steps: STEPS,
      stateRoot: expect.stringMatching(/^[0-9a-f]{64}$/),
      settled: true,
      phase: 'settled',
      rejected: 0,
      disputes: [],
      epochs: 1,
      windowsVoided: 0,
      weights: join(folder, 'honest', 'weights'),
    })
    expect(result.losses).toHaveLength(STEPS)
    expect(result.firstLoss).toBe(result.losses[0])
    expect(result.finalLoss).toBeLessThan(result.firstLoss ?? 0)
    expect(result.bytesSent).toBeGreaterThan(0)
  })

  test('commits every entry and replays what was drawn, less than half', () => {
    const { segmentsCommitted, segmentsSampled, segmentsVerified } = lastLine<NetworkResult>(honest)
    expect(segmentsCommitted).toBe(ENTRIES)
    expect(segmentsVerified).toBe(segmentsSampled)
    // The first entry of each solver is always drawn.
    expect(segmentsSampled).toBeGreaterThanOrEqual(2)
    expect(segmentsSampled).toBeLessThan(ENTRIES / 2)
  })

  test('pays everybody for the work, and nobody else', () => {
    const { ledger, segmentsVerified } = lastLine<NetworkResult>(honest)
    expectBalanced(ledger)
    expect(ledger.some(({ reason }) => ['Slash', 'Bond', 'Burn'].includes(reason))).toBe(false)
    const paid = (who: string): bigint =>
      sum(
        ledger.filter((row) => row.who === who),
        'Payout',
      )
    expect(paid('solver-1')).toBe(paid('solver-2'))
    expect(paid('solver-1')).toBe(parseEther('0.024'))
    expect(sum(ledger, 'VerdictFee')).toBe(parseEther('0.0005') * BigInt(segmentsVerified))
    expect(
      sum(
        ledger.filter(({ who }) => who === 'submitter'),
        'Escrow',
        'Refund',
      ),
    ).toBeLessThan(0n)
  })

  test('leaves weights that hash to the settled root, and the chain that says so', async () => {
    const { job: id, stateRoot, weights } = lastLine<NetworkResult>(honest)
    expect(await rootOfWeights(weights ?? '')).toBe(stateRoot)
    const kept = join(folder, 'honest')
    const networkFile = join(kept, 'network.json')
    const { rpc } = await readNetwork(networkFile)
    const anvil = await startAnvil({ state: join(kept, 'chain', 'state'), port: Number(new URL(rpc).port) })
    try {
      const status = await assay('status', id, '--network', networkFile, '--json')
      expect(lastLine(status)).toMatchObject({ phase: 'settled', finalRoot: `0x${stateRoot}` })
    } finally {
      await anvil.stop()
    }
  })
})

test('the job of npm start has as many entries, and seldom draws more', async () => {
  const { spec } = await loadJob(join(ROOT, 'examples', 'start.yaml'))
  expect(slotCount(spec) * spec.replicas).toBe(ENTRIES)
  expect(Number(spec.policy.sampleRate) / 2 ** 64).toBeLessThan(0.25)
})

describe('a network with a liar', () => {
  test('catches it and settles with the honest root', () => {
    const result = lastLine<NetworkResult>(cheated)
    expect(cheated.code, cheated.stderr).toBe(0)
    expect(result).toMatchObject({ settled: true, stateRoot: lastLine<NetworkResult>(honest).stateRoot })
    expect(result.rejected).toBeGreaterThanOrEqual(1)
    expect(result.windowsVoided).toBeGreaterThanOrEqual(1)
    expect(result.epochs).toBe(2)
    const refuted = result.disputes.filter(({ ruling }) => ruling === 'Refuted')
    expect(refuted.length).toBeGreaterThanOrEqual(1)
    expect(new Set(refuted.map(({ solver }) => solver))).toEqual(new Set(['solver-2']))
  })

  test('takes the stake of the liar alone, and shares it', () => {
    const { ledger } = lastLine<NetworkResult>(cheated)
    expectBalanced(ledger)
    const slashed = ledger.filter(({ reason }) => reason === 'Slash')
    expect(new Set(slashed.map(({ who }) => who))).toEqual(new Set(['solver-2']))
    expect(slashed[0]?.evidence).toMatch(/^window \d+, entry \d+ \(0x/)
    expect(sum(ledger, 'Slash')).toBeLessThan(0n)
    expect(
      sum(
        ledger.filter(({ who }) => who === 'solver-2'),
        'Payout',
      ),
    ).toBe(0n)
    expect(
      sum(
        ledger.filter(({ who }) => who === 'solver-1'),
        'Payout',
      ),
    ).toBe(parseEther('0.048'))
  })

  test('leaves the honest weights', async () => {
    const { stateRoot, weights } = lastLine<NetworkResult>(cheated)
    expect(await rootOfWeights(weights ?? '')).toBe(stateRoot)
  })
})

describe('the same job without a network', () => {
  test.each([
    { replicas: 1, threads: 1, engine: 'wasm' },
    { replicas: 2, threads: 2, engine: 'wasm' },
    { replicas: 4, threads: 1, engine: 'wasm' },
    { replicas: 2, threads: 1, engine: 'reference' },
  ])(
    '$replicas replicas, $threads threads, $engine: the root of the network',
    async ({ replicas, threads, engine }) => {
      const plan = ['--replicas', `${replicas}`, '--threads', `${threads}`, '--engine', engine]
      const bare = lastLine<RunResult>(await assay('run', job, '--json', ...plan))
      const { stateRoot, losses } = lastLine<NetworkResult>(honest)
      expect(bare).toMatchObject({ replicas, threads, engine, stateRoot, losses })
    },
  )
})
