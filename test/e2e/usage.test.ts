/** What the command line says when it is used wrongly: exit codes, messages, next steps. No network runs. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EXIT } from '#app/exit.ts'
import { freePort } from '#contracts/anvil.ts'
import { saveSecret } from '#runtime/keys.ts'
import { writeJob } from './jobs.ts'
import { assay, lastLine, launch } from './programs.ts'

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test.each([
  [['status']],
  [['status', '0x12', '--colour', 'red']],
  [['devnet', '--solvers', '0']],
  [['submit', 'job.yaml', '--preset', 'moon']],
  [['pull', '0x12']],
  [['solver', '--engine', 'abacus']],
  [['sing']],
])('%j is a usage error', async (args) => {
  const ended = await assay(...args)
  expect(ended.code).toBe(EXIT.usage)
  expect(ended.stdout).toBe('')
  expect(ended.stderr).toMatch(/^error: .+/)
})

test('npm start refuses what it does not know', async () => {
  const ended = await launch(process.execPath, ['app/start.ts', '--liar', 'coordinator']).ended
  expect(ended.code).toBe(EXIT.usage)
  expect(ended.stderr).toMatch(/Allowed choices are solver/)
})

test('without a network file', async () => {
  const file = join(folder, 'nowhere', 'network.json')
  const ended = await assay('jobs', '--network', file, '--json')
  expect(ended.code).toBe(EXIT.notFound)
  expect(lastLine(ended)).toMatchObject({
    error: { code: 'not-found', message: expect.stringContaining(file), next: expect.stringContaining('assay devnet') },
    exitCode: EXIT.notFound,
  })
  expect(ended.stderr).toMatch(/^error .*\nnext /)
})

test('with a network that does not run', async () => {
  const file = join(folder, 'network.json')
  const address = `0x${'12'.repeat(20)}`
  const url = `http://127.0.0.1:${await freePort()}`
  const key = join(folder, 'key')
  await saveSecret(key, randomBytes(32))
  const contracts = { assay: address, arbiter: address, randomness: address, fromBlock: 0 }
  await writeFile(file, JSON.stringify({ rpc: url, chainId: 31_337, contracts, bootstrap: [], api: url }))
  const [jobs, submit] = await Promise.all([
    assay('jobs', '--network', file, '--json'),
    assay('submit', await writeJob(folder), '--network', file, '--key', key, '--json'),
  ])
  expect(jobs.code, jobs.stderr).toBe(EXIT.network)
  expect(lastLine(jobs)).toMatchObject({ error: { code: 'chain', message: expect.stringContaining(url) } })
  expect(submit.code, submit.stderr).toBe(EXIT.network)
  expect(lastLine(submit)).toMatchObject({ error: { code: 'network', next: expect.stringContaining('assay devnet') } })
})

test('a job file with a fault', async () => {
  const file = join(folder, 'wrong.yaml')
  await writeFile(file, 'model: {type: gpt, width: 8, layer: 1, heads: 2, context: 8}\nsteps: 1\n')
  const ended = await assay('run', file, '--json')
  expect(ended.code).toBe(EXIT.job)
  expect(lastLine(ended)).toMatchObject({ error: { code: 'bad-job' }, exitCode: EXIT.job })
  expect(ended.stderr).toMatch(/model\.layer: there is no such field; did you mean layers\?/)
})
