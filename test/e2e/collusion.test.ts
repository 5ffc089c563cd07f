/** `npm start -- --liar verifier`: a solver and all verifiers against one whistleblower, by real processes, to one operation. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEther } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { NetworkResult } from '#app/client/summary.ts'
import type { RunResult } from '#app/commands/run.ts'
import { startAnvil } from '#contracts/anvil.ts'
import { readNetwork } from '#runtime/network.ts'
import { writeJob } from './jobs.ts'
import { assay, type Ended, endAll, lastLine, npmStart } from './programs.ts'

let folder: string
let job: string
let ended: Ended

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
  job = await writeJob(folder, { steps: 6, entriesPerWindow: 3 })
  ended = await npmStart(['--json', '--job', job, '--keep', join(folder, 'kept'), '--liar', 'verifier']).ended
})

afterAll(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true })
})

describe('a solver and its verifiers collude', () => {
  test('the whistleblower beats them all the way down to one operation', () => {
    const { disputes } = lastLine<NetworkResult>(ended)
    expect(ended.code, ended.stderr).toBe(0)
    expect(disputes.length).toBeGreaterThanOrEqual(1)
    for (const { winner, ruling, solver } of disputes) {
      expect({ winner, ruling, solver }).toEqual({ winner: 'whistleblower', ruling: 'Refuted', solver: 'solver-2' })
    }
    const last = disputes.filter(({ level }) => level === 'arithmetic')
    expect(new Set(last.map(({ loser }) => loser))).toContain('solver')
    // With what the other side serves off the chain; 17 without.
    for (const { rounds, gas, seconds } of last) {
      expect(rounds).toBeLessThanOrEqual(17)
      expect(gas).toBeLessThan(3_000_000)
      expect(seconds).toBeGreaterThan(0)
    }
  })

  test('the job ends with the state of an honest run', async () => {
    const { settled, stateRoot, epochs, windowsVoided } = lastLine<NetworkResult>(ended)
    const bare = lastLine<RunResult>(await assay('run', job, '--json'))
    expect({ settled, stateRoot, epochs }).toEqual({ settled: true, stateRoot: bare.stateRoot, epochs: 2 })
    expect(windowsVoided).toBeGreaterThanOrEqual(1)
  })

  test('they lose their stakes, and the whistleblower is paid', () => {
    const { ledger } = lastLine<NetworkResult>(ended)
    const of = (name: RegExp, reason: string): bigint =>
      ledger
        .filter((row) => name.test(row.who) && row.reason === reason)
        .reduce((all, { amount }) => all + parseEther(amount), 0n)
    expect(of(/^solver-2$/, 'Slash')).toBeLessThan(0n)
    expect(of(/^(solver-1|whistleblower)/, 'Slash')).toBe(0n)
    expect(of(/^whistleblower/, 'GasRefund')).toBeGreaterThan(0n)
    expect(of(/^whistleblower/, 'Bounty')).toBeGreaterThan(0n)
    expect(of(/^whistleblower/, 'Bond') + of(/^whistleblower/, 'BondReturn')).toBe(0n)
  })

  test('the games play again from what the chain has kept, move by move', async () => {
    const { disputes } = lastLine<NetworkResult>(ended)
    const networkFile = join(folder, 'kept', 'network.json')
    const { rpc } = await readNetwork(networkFile)
    const anvil = await startAnvil({
      state: join(folder, 'kept', 'chain', 'state'),
      port: Number(new URL(rpc).port),
    })
    try {
      const shown = await assay('dispute', 'show', disputes[0]?.entry ?? '', '--network', networkFile)
      expect(shown.stdout).toMatch(/the chain computes .*\n.*says/)
      const replayed = await assay('dispute', 'replay', disputes[0]?.entry ?? '', '--network', networkFile)
      expect(replayed.code, replayed.stdout).toBe(0)
    } finally {
      await anvil.stop()
    }
  })
})
