/** Topping up and cancelling from the command line, on a chain without roles. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { EXIT } from '#app/exit.ts'
import { type Devnet, startDevnet, TERMS } from '#contracts/testing/devnet.ts'
import { fromHex } from '#proto/bytes.ts'
import { escrowFor } from '#proto/terms.ts'
import { saveSecret } from '#runtime/keys.ts'
import { assay, type Ended, lastLine } from './programs.ts'

const terms = { ...TERMS, steps: 12, depth: 1 }
const WINDOW = escrowFor(terms, 0, 1)
let folder: string
let net: Devnet
let job: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-money-'))
  net = await startDevnet()
  const { deployment } = net.reader
  const { assay: contract, arbiter, randomness, fromBlock } = deployment
  const contracts = { assay: contract, arbiter, randomness, fromBlock }
  const network = { rpc: net.chain.url, chainId: 31_337, contracts, bootstrap: [], api: net.chain.url }
  await writeFile(join(folder, 'network.json'), JSON.stringify(network))
  for (const [i, name] of ['submitter', 'stranger'].entries()) {
    await saveSecret(join(folder, name, 'key'), fromHex(net.chain.accounts[i + 1]?.privateKey ?? ''))
  }
  job = (await net.as.submitter.registerJob(terms, 1n, WINDOW)).jobId
})
afterAll(async () => {
  await net.stop()
  await rm(folder, { recursive: true, force: true })
})

const run = (...args: string[]): Promise<Ended> => assay(...args, '--network', join(folder, 'network.json'), '--json')

test('a job that is paid for in part is topped up, and cancelled', async () => {
  const { deadline } = await net.reader.jobOf(job)
  const one = await run('topup', job.slice(0, 10), '--windows', '1', '--key', join(folder, 'stranger', 'key'))
  expect(one.code, one.stderr).toBe(EXIT.ok)
  expect(lastLine(one)).toEqual({
    job,
    paid: `${WINDOW}`,
    escrow: `${2n * WINDOW}`,
    lacking: `${escrowFor(terms, 0, 3) - 2n * WINDOW}`,
    deadline,
  })
  const rest = await run('topup', job, '--blocks', '7')
  expect(lastLine(rest)).toMatchObject({ escrow: `${escrowFor(terms, 0, 3)}`, lacking: '0', deadline: deadline + 7 })
  expect(await net.reader.jobOf(job)).toMatchObject({ escrow: escrowFor(terms, 0, 3), deadline: deadline + 7 })

  const [enough, late, foreign] = await Promise.all([
    run('topup', job),
    run('topup', job, '--blocks', `${terms.jobPeriod}`),
    run('cancel', job, '--key', join(folder, 'stranger', 'key')),
  ])
  expect(lastLine(enough)).toMatchObject({ error: { code: 'bad-input', message: expect.stringContaining('paid for') } })
  expect(lastLine(late)).toMatchObject({ error: { code: 'bad-input', message: expect.stringContaining('deadline') } })
  expect(lastLine(foreign)).toMatchObject({ error: { code: 'bad-input', next: expect.stringContaining('--key') } })

  const cancelled = await run('cancel', job)
  expect(cancelled.code, cancelled.stderr).toBe(EXIT.ok)
  expect(lastLine(cancelled)).toEqual({
    job,
    phase: 'cancelled',
    windows: 0,
    steps: 0,
    refund: `${escrowFor(terms, 0, 3)}`,
  })
  expect(lastLine(await run('topup', job))).toMatchObject({ error: { code: 'wrong-state' } })
})

test('an account is made, encrypted and used, and no output holds its secret', async () => {
  const file = join(folder, 'account')
  const secret = net.chain.accounts[1]?.privateKey ?? ''
  const { code, stderr } = await assay('key', 'new', file, '--bare')
  expect(code, stderr).toBe(EXIT.ok)
  const again = await assay('key', 'new', file, '--bare', '--json')
  expect(lastLine(again)).toMatchObject({ error: { code: 'bad-config', message: expect.stringContaining('already') } })
  await saveSecret(file, fromHex(secret))
  const password = join(folder, 'password')
  await writeFile(password, 'a long passphrase\n', { mode: 0o600 })
  const encrypted = await assay('key', 'encrypt', file, '--password-file', password)
  expect(encrypted.code, encrypted.stderr).toBe(EXIT.ok)
  expect(encrypted.stdout + encrypted.stderr).not.toContain(secret.slice(2, 20))
  const closed = await run('cancel', job, '--key', file)
  expect(lastLine(closed)).toMatchObject({
    error: { code: 'bad-config', next: expect.stringContaining('--password-file') },
  })
  const opened = await run('cancel', job, '--key', file, '--password-file', password)
  expect(lastLine(opened)).toMatchObject({ error: { code: 'wrong-state' } })
})
