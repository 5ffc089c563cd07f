/** `assay plan`: what it prints for people and programs, and what it says about faults. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EXIT } from '#app/exit.ts'
import { type Assumed, biddersOf, bytesOf, likeThis, readBidders } from '#app/plan/bidders.ts'
import { readRates, saveRates } from '#app/plan/rates.ts'
import type { PlanResult } from '#app/plan/result.ts'
import { codeOf, messageOf, TINY_JOB, TINY_TEXT } from '#app/testing.ts'
import { PRESETS } from '#graph/presets.ts'
import { buildProgram } from '#graph/program.ts'
import { GRID, type Rates } from '#runtime/speed/rates.ts'

const CLI = fileURLToPath(new URL('../cli.ts', import.meta.url))
const MIB = 2 ** 20

/** A machine slow enough that links are worth their while. */
const RATES: Rates = {
  ...{ engine: 'none', threads: 1, forms: { tn: 1, nt: 1 }, fused: { micro: 1, update: 1 } },
  contraction: GRID.m.map(() => GRID.n.map(() => GRID.k.map(() => 1e7))),
  ...{ block: 1e-8, heavyBlock: 1e-8, word: 1e-9, farWord: 1e-9, call: 1e-6, node: 1e-6 },
  element: { 'reduce-rows': 1e-8 },
}
const ASSUMED: Assumed = { memory: MIB, rate: 100, latency: 20 }
const BIDDERS = `
- {name: alice, memory: 64 MiB, rate: 1000, latency: 1}
- {name: bob, count: 2, memory: 1GiB, rate: 1000, latency: 1, speed: 0.5, rates: here.json}
`

let folder = ''
const at = (name: string): string => join(folder, name)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-plan-'))
  writeFileSync(at('corpus.txt'), TINY_TEXT)
  writeFileSync(at('tiny.yaml'), TINY_JOB)
  writeFileSync(at('bidders.yaml'), BIDDERS)
  await saveRates(at('here.json'), RATES)
})
afterAll(() => rmSync(folder, { recursive: true }))

function assay(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, 'plan', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (part) => {
      stdout += part
    })
    child.stderr.on('data', (part) => {
      stderr += part
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

describe('assay plan', { timeout: 120_000 }, () => {
  it('tells a plan in 80 columns, and why no other grid', async () => {
    const { code, stdout, stderr } = await assay(
      ...['tiny.yaml', '--bidders', 'bidders.yaml', '--rates', 'here.json', '--explain'],
    )
    expect(stderr).toBe('')
    expect(code).toBe(EXIT.ok)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(stdout).toMatch(/^plan {6}\d replicas? of \d stages?, on \d of 3 bidders$/m)
    expect(stdout).toMatch(/^bubble {4}\d+\.\d% of the slots/m)
    expect(stdout).toMatch(/^ +0 +\d +alice +[\d.]+ [KM]iB +64\.0 MiB +[\d.]+ ms +\d+%$/m)
    expect(stdout.match(/ chosen$/gm)).toHaveLength(1)
    for (const shape of ['1 +1', '1 +2', '1 +3', '2 +1']) expect(stdout).toMatch(new RegExp(`^ +${shape} `, 'm'))
    expect(stdout).not.toContain('measuring')
  })

  it('prints one JSON object: a plan whose parts are its time', async () => {
    const { code, stdout } = await assay(
      ...['tiny.yaml', '--like-this', '4', '--rates', 'here.json', '--stages', '2', '--latency', '0.5', '--json'],
    )
    expect(code).toBe(EXIT.ok)
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    const plan: PlanResult = JSON.parse(stdout)
    expect(plan.stages).toHaveLength(2)
    expect(plan.cells).toHaveLength(2 * plan.replicas)
    expect(plan.cuts).toHaveLength(1)
    expect(Object.values(plan.parts).reduce((a, b) => a + b)).toBeCloseTo(plan.seconds, 9)
    expect(plan.stages.flatMap(({ tensors }) => tensors)).toContain('wte')
    expect(plan.considered.map(({ replicas, stages }) => [replicas, stages])).toEqual([
      [1, 2],
      [2, 2],
    ])
  })

  it('says what would fit where nothing does, with the code of a job', async () => {
    const { code, stdout, stderr } = await assay(
      ...['tiny.yaml', '--like-this', '2', '--rates', 'here.json', '--memory', '4KiB', '--json'],
    )
    expect(code).toBe(EXIT.job)
    expect(stderr).toMatch(/^error the model fits no grid of these bidders.*\(bad-plan\)\nnext {2}Give each bidder/m)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'bad-plan' }, exitCode: EXIT.job })
  })

  it('measures this machine where no rates are given, and writes what it found', async () => {
    const { code, stdout } = await assay(
      ...['tiny.yaml', '--like-this', '1', '--threads', '1', '--save-rates', 'measured.json'],
    )
    expect(code).toBe(EXIT.ok)
    expect(stdout).toMatch(/^measuring this machine with 1 thread/m)
    expect(await readRates(at('measured.json'))).toEqual(JSON.parse(readFileSync(at('measured.json'), 'utf8')))
  })

  it('answers malformed options with the usage code', async () => {
    expect((await assay('tiny.yaml', '--memory', 'much')).code).toBe(EXIT.usage)
  })
})

describe('bidders', () => {
  it('come from a file, with what is assumed of those that do not say', async () => {
    writeFileSync(at('few.json'), '[{"name": "a"}, {"name": "b", "count": 2, "memory": 4096, "latency": 0}]')
    expect(await readBidders(at('few.json'), ASSUMED)).toEqual([
      { name: 'a', memory: MIB, rate: 100, latency: 20, speed: 1, rates: undefined },
      { name: 'b-1', memory: 4096, rate: 100, latency: 0, speed: 1, rates: undefined },
      { name: 'b-2', memory: 4096, rate: 100, latency: 0, speed: 1, rates: undefined },
    ])
  })

  it('are as fast as their rates say, times their speed; this machine is measured once, if at all', async () => {
    const program = buildProgram(PRESETS['mlp-tiny'])
    let asked = 0
    const here = async (): Promise<Rates> => {
      asked++
      return RATES
    }
    const stated = await readBidders(at('bidders.yaml'), ASSUMED)
    const [alice, bob, other] = await biddersOf(program, stated, here)
    expect(alice).toMatchObject({ name: 'alice', memory: 64 * MIB, rate: 1e9, latency: 1e6, threads: 1 })
    expect(bob?.times).toBe(other?.times)
    expect(bob?.times.micro).toEqual(alice?.times.micro.map((nanoseconds) => 2 * nanoseconds))
    expect(asked).toBe(1)
    await biddersOf(program, stated.slice(1), here)
    expect(asked).toBe(1)
    const three = await biddersOf(program, likeThis(3, ASSUMED), here)
    expect(three.map(({ name }) => name)).toEqual(['like-this-1', 'like-this-2', 'like-this-3'])
  })

  it('name the fault of a file', async () => {
    const faultIn = (text: string): Promise<string> => {
      writeFileSync(at('bad.yaml'), text)
      return messageOf(() => readBidders(at('bad.yaml'), ASSUMED))
    }
    expect(await faultIn('- {name: a, memory: much}')).toMatch(/0\.memory: must be a number of bytes, or text/)
    expect(await faultIn('- {name: a, mem: 1}')).toMatch(/mem/)
    expect(await faultIn('- {name: "a b"}')).toMatch(/0\.name: must be 1 to 64/)
    expect(await faultIn('name: a')).toMatch(/the file: .*array/)
    expect(await faultIn('- {name: a, rate: 0}')).toMatch(/0\.rate/)
    expect(await faultIn('{')).toMatch(/bad\.yaml: /)
    expect(await codeOf(() => readBidders(at('none.yaml'), ASSUMED))).toBe('not-found')
    writeFileSync(at('large.yaml'), `# ${'x'.repeat(70_000)}`)
    expect(await codeOf(() => readBidders(at('large.yaml'), ASSUMED))).toBe('over-limit')
    const many = [...likeThis(256, ASSUMED), ...likeThis(1, ASSUMED)]
    expect(await codeOf(() => biddersOf(buildProgram(PRESETS['mlp-tiny']), many, async () => RATES))).toBe('bad-config')
  })

  it('have rates that are rates', async () => {
    for (const bad of [
      '{',
      '{}',
      JSON.stringify({ ...RATES, contraction: [[[1]]] }),
      JSON.stringify({ ...RATES, block: -1 }),
      JSON.stringify({ ...RATES, fused: { micro: 2, update: 1 } }),
    ]) {
      writeFileSync(at('bad.json'), bad)
      expect(await codeOf(() => readRates(at('bad.json')))).toBe('bad-config')
    }
  })

  it('have memory in units', () => {
    expect(['0', '640', '1KiB', '1.5 MiB', '2GiB', ' 1 TiB '].map(bytesOf)).toEqual([
      0,
      640,
      1024,
      1.5 * MIB,
      2 ** 31,
      2 ** 40,
    ])
    for (const bad of ['', 'KiB', '1 GB', '-1', '1e3', '9999999999999 TiB']) expect(bytesOf(bad)).toBeUndefined()
  })
})
