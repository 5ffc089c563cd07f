/** Disputes at the coordination contract itself: who somebody is in the job, and what a ruling has cost them. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { testTerminal } from '#app/terminal/testing.ts'
import type { Hex } from '#contracts/abi/types.generated.ts'
import {
  type Actor,
  commitAndSeed,
  concede,
  type Devnet,
  desert,
  giveVerdicts,
  player,
  startDevnet,
  startJob,
  TERMS,
} from '#contracts/testing/devnet.ts'
import { figuresOf } from './figures.ts'
import { type DisputeRecord, readDisputes } from './record.ts'
import { transcriptLines } from './text.ts'
import { transcriptOf } from './transcript.ts'

let net: Devnet
beforeAll(async () => {
  net = await startDevnet()
}, 60_000)
afterAll(() => net?.stop())

const actorOf = (account: string): Actor => {
  const found = Object.entries(net.as).find(([, { address }]) => address === account)
  return (found?.[0] ?? 'deployer') as Actor
}

async function recordOf(jobId: Hex): Promise<DisputeRecord> {
  const { provider, deployment } = net.reader
  const records = await readDisputes(provider, deployment, (opened) => opened.jobId === jobId)
  expect(records).toHaveLength(1)
  return records[0] as DisputeRecord
}

it('tells of a claim that was upheld twice, and of a solver that deserted it', async () => {
  const { reader, as } = net
  const jobId = await startJob(net, TERMS, 1n, ['solverA', 'solverB'])
  const [solver] = await reader.cellsOf(jobId, 1)
  await commitAndSeed(net, jobId)
  await giveVerdicts(net, jobId, 0, (index) => ({ accept: true, against: index }))
  const { entryHash, verifier } = await reader.entryOf(jobId, 0, 2)
  await as.whistleblower.challenge(jobId, 1, 0, 2)
  const open = transcriptOf(await recordOf(jobId))
  expect(open).toMatchObject({ entryHash, window: 0, index: 2, ruling: 'Pending', resolvedAt: null })
  expect(open.games).toMatchObject([{ state: 'running', turn: 'asserter' }])
  await concede(net, entryHash, 'whistleblower')
  await as.deployer.resolve(entryHash)
  const upheld = transcriptOf(await recordOf(jobId))
  expect(upheld).toMatchObject({ ruling: 'Upheld', resolvedAt: expect.any(Number) })

  await as.submitter.deposit(TERMS.challengeBond)
  await as.submitter.challenge(jobId, 1, 0, 2)
  expect(transcriptOf(await recordOf(jobId))).toMatchObject({ ruling: 'Pending', resolvedAt: null })
  await desert(net, entryHash, 0, 1)
  const acceptor = actorOf(verifier)
  await player(net, acceptor).defend(reader.deployment.assay, entryHash)
  await concede(net, entryHash, 'submitter', 1)
  await as.deployer.resolve(entryHash)

  const transcript = transcriptOf(await recordOf(jobId))
  expect(transcript).toMatchObject({
    ruling: 'Upheld',
    seats: [
      { account: solver, role: 'solver', lost: expect.any(Number) },
      { account: verifier, role: 'verifier', lost: null },
    ],
    challengers: [
      { account: as.whistleblower.address, role: 'whistleblower', lost: expect.any(Number) },
      { account: as.submitter.address, role: 'whistleblower', lost: expect.any(Number) },
    ],
  })
  expect(figuresOf([transcript])).toMatchObject([
    { level: 'phase', winner: 'solver', loser: 'whistleblower', rounds: 0 },
    { level: 'phase', winner: 'whistleblower', loser: 'solver' },
    { level: 'phase', winner: 'verifier', loser: 'whistleblower' },
  ])
  const sum = (reason: string, account: string): bigint =>
    transcript.ledger.reduce(
      (all, row) => (row.reason === reason && row.account === account ? all + row.amount : all),
      0n,
    )
  expect(sum('Slash', solver ?? '')).toBe(-TERMS.claimStake)
  expect(sum('Compensation', verifier)).toBe((TERMS.claimStake + TERMS.challengeBond) / 2n)
  const lines = transcriptLines(transcript, { terminal: testTerminal(), name: actorOf }).join('\n')
  expect(lines).toMatch(/^entry +entry 2 of window 0$/m)
  expect(lines).toMatch(/^ruling +upheld: the claim stands, carried out in block \d+$/m)
  expect(lines).toMatch(/^solver[AB] +-0\.000000000005 +stake lost +\d+$/m)
  expect(lines).toMatch(/as solver[AB] ran out of time, at the phase level/)
}, 60_000)
