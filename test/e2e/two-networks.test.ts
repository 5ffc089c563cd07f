/**
 * Two networks of the same job at once, on different ports and in different folders: the same root in both, and nothing of
 * one reaches the other, even where a process is pointed at both.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { NetworkResult } from '#app/client/summary.ts'
import { type Network, readNetwork } from '#runtime/network.ts'
import { STEPS, writeJob } from './jobs.ts'
import { portsOf } from './networks.ts'
import { until } from './processes.ts'
import { assay, endAll, lastLine, launchAssay, type Running } from './programs.ts'

const NAMES = ['one', 'two'] as const

let folder: string
let devnets: Running[]
let networks: Network[]

const fileOf = (name: string): string => join(folder, name, 'network.json')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
  devnets = NAMES.map((name) => {
    const cast = ['--solvers', '1', '--verifiers', '1', '--whistleblowers', '0']
    return launchAssay('devnet', '--folder', join(folder, name), ...cast, '--json')
  })
  for (const devnet of devnets) {
    await until('the devnet is up', () => devnet.output().includes('"networkFile"'), 120)
  }
  networks = await Promise.all(NAMES.map((name) => readNetwork(fileOf(name))))
})

afterAll(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true })
})

test('the same job has the same root in both', async () => {
  const job = await writeJob(folder)
  const results = await Promise.all(
    NAMES.map(async (name) => {
      const submitted = await assay('submit', job, '--network', fileOf(name), '--json')
      const { job: id } = lastLine<{ job: string }>(submitted)
      return lastLine<NetworkResult>(await assay('watch', id, '--network', fileOf(name), '--json'))
    }),
  )
  const [first, second] = results
  expect(first).toMatchObject({ steps: STEPS, settled: true, rejected: 0, epochs: 1 })
  expect(second).toMatchObject({ steps: STEPS, settled: true, rejected: 0, epochs: 1 })
  expect(first?.stateRoot).toMatch(/^[0-9a-f]{64}$/)
  expect(second?.stateRoot).toBe(first?.stateRoot)
  expect(second?.job).not.toBe(first?.job)
})

test('a process that is pointed at both joins its own and is told so of the other', async () => {
  const [own, other] = networks as [Network, Network]
  const mixed = join(folder, 'mixed.json')
  await writeFile(mixed, JSON.stringify({ ...own, bootstrap: [...other.bootstrap, ...own.bootstrap] }))
  const home = join(folder, 'lost')
  await mkdir(home)
  const lost = launchAssay('whistleblower', '--network', mixed, '--home', home)
  await until('it is told', () => lost.output().includes('"code":"wrong-network"'), 60)
  const told =
    lost
      .output()
      .split('\n')
      .find((line) => line.includes('wrong-network')) ?? ''
  expect(JSON.parse(told)).toMatchObject({
    level: 40,
    from: other.bootstrap[0],
    next: expect.stringContaining('network'),
  })
  lost.child.kill('SIGTERM')
  expect((await lost.ended).code).toBe(0)
})

test('no port, process or peer was shared, and nobody was banned or brought back', async () => {
  const [first, second] = await Promise.all(NAMES.map((name) => portsOf(join(folder, name))))
  expect(first?.filter((port) => second?.includes(port))).toEqual([])
  for (const name of NAMES) {
    const logs = join(folder, name, 'logs')
    for (const file of await readdir(logs))
      expect(await readFile(join(logs, file), 'utf8'), file).not.toContain('banned')
  }
  for (const devnet of devnets) expect(devnet.output()).not.toContain('ended by itself')
})
