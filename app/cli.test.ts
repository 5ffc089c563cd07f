import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXIT } from '#app/exit.ts'
import { TINY_JOB, TINY_TEXT } from '#app/testing.ts'

const CLI = fileURLToPath(new URL('./cli.ts', import.meta.url))
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-cli-'))
  writeFileSync(join(folder, 'corpus.txt'), TINY_TEXT)
  writeFileSync(join(folder, 'tiny.yaml'), TINY_JOB)
  writeFileSync(join(folder, 'short.yaml'), TINY_JOB.replace('steps: 6', 'steps: 2'))
  writeFileSync(join(folder, 'long.yaml'), TINY_JOB.replace('steps: 6', 'steps: 250'))
  writeFileSync(join(folder, 'bad.yaml'), TINY_JOB.replace('steps', 'stepz'))
})

afterAll(() => rmSync(folder, { recursive: true }))

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command in the test's folder; `stop` is sent once, as soon as there is progress. */
function assay(args: readonly string[], stop?: NodeJS.Signals): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (part) => {
      stdout += part
      if (stop && !child.killed && stdout.includes('training: ')) child.kill(stop)
    })
    child.stderr.on('data', (part) => {
      stderr += part
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Every test starts processes, which take seconds each on a busy machine. */
const PATIENCE = { timeout: 120_000 }

describe('assay', PATIENCE, () => {
  it('lists its commands', async () => {
    const { code, stdout } = await assay(['--help'])
    expect(code).toBe(EXIT.ok)
    for (const name of ['run', 'doctor']) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    expect((await assay(['run', '--help'])).stdout).toContain('--replicas')
  })

  it('answers a wrong command line with the usage code', async () => {
    expect(await assay(['rum'])).toMatchObject({ code: EXIT.usage, stderr: expect.stringMatching(/Did you mean run/) })
    for (const args of [
      ['run'],
      ['run', 'tiny.yaml', '--replicas', 'two'],
      ['run', 'tiny.yaml', '--engine', 'abacus'],
    ]) {
      expect((await assay(args)).code, args.join(' ')).toBe(EXIT.usage)
    }
  })

  it('tells errors with code and next step, never a stack unless asked', async () => {
    const bad = await assay(['run', 'bad.yaml'])
    expect(bad.code).toBe(EXIT.job)
    expect(bad.stderr).toMatch(
      /^error the job file has faults \(bad-job\)\n.*stepz: .* did you mean steps\?\nnext {2}/s,
    )
    expect(bad.stderr).not.toMatch(/ at .*\.ts/)
    expect((await assay(['run', 'bad.yaml', '--verbose'])).stderr).toMatch(/ at .*parse\.ts/)
    const missing = await assay(['run', 'none.yaml', '--json'])
    expect(missing.code).toBe(EXIT.notFound)
    expect(JSON.parse(missing.stdout)).toMatchObject({ error: { code: 'not-found' }, exitCode: EXIT.notFound })
  })
})

describe('assay run', PATIENCE, () => {
  it('prints one JSON object, the same state for any replicas and threads', async () => {
    const one = await assay(['run', 'tiny.yaml', '--json', '-o', 'weights'])
    expect(one.code).toBe(EXIT.ok)
    expect(one.stdout.trimEnd().split('\n')).toHaveLength(1)
    const result = JSON.parse(one.stdout)
    expect(result).toMatchObject({
      job: expect.stringMatching(/^[0-9a-f]{64}$/),
      steps: 6,
      stateRoot: expect.stringMatching(/^[0-9a-f]{64}$/),
      engine: expect.stringMatching(/^(native|wasm)$/),
      replicas: 1,
      weights: 'weights',
      metrics: { loss: expect.any(Number) },
    })
    expect(result.finalLoss).toBeLessThan(result.firstLoss)
    expect(JSON.parse(readFileSync(join(folder, 'weights', 'config.json'), 'utf8')).stateRoot).toBe(result.stateRoot)
    const other = await assay(['run', 'tiny.yaml', '--json', '--replicas', '4', '--threads', '2'])
    expect(JSON.parse(other.stdout)).toMatchObject({ stateRoot: result.stateRoot, losses: result.losses, replicas: 4 })
  })

  it('reaches the same state by the definition itself', async () => {
    const [fast, slow] = await Promise.all([
      assay(['run', 'short.yaml', '--json']),
      assay(['run', 'short.yaml', '--json', '--engine', 'reference', '--replicas', '2']),
    ])
    const { stateRoot, losses } = JSON.parse(fast.stdout)
    expect(JSON.parse(slow.stdout)).toMatchObject({ stateRoot, losses, engine: 'reference' })
  })

  it('prints plain lines into a pipe', async () => {
    const { code, stdout } = await assay(['run', 'tiny.yaml', '--replicas', '2'])
    expect(code).toBe(EXIT.ok)
    expect(stdout).toMatch(/^training: 6\/6 steps {2}loss \d/m)
    expect(stdout).toMatch(/^state {5}[0-9a-f]{64}$/m)
    expect(stdout).not.toContain('\u001b')
  })

  it('stops at Ctrl-C with a checkpoint, and goes on to the same state', async () => {
    const stopped = await assay(['run', 'long.yaml', '--checkpoint', 'kept'], 'SIGINT')
    expect(stopped.code).toBe(EXIT.interrupted)
    expect(stopped.stderr).toMatch(/stopped after \d+ of 250 steps/)
    expect(existsSync(join(folder, 'kept', 'checkpoint.safetensors'))).toBe(true)
    const resumed = JSON.parse((await assay(['run', 'long.yaml', '--checkpoint', 'kept', '--json'])).stdout)
    const straight = JSON.parse((await assay(['run', 'long.yaml', '--json'])).stdout)
    expect(resumed.resumedFrom).toBeGreaterThan(0)
    expect(resumed).toMatchObject({ stateRoot: straight.stateRoot, losses: straight.losses })
  })

  it('ends at SIGTERM with its own code', async () => {
    const stopped = await assay(['run', 'long.yaml'], 'SIGTERM')
    expect(stopped.code).toBe(EXIT.terminated)
  })
})
