/** Ctrl-C in `npm start`: it ends within seconds and leaves nothing behind. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { EXIT } from '#app/exit.ts'
import { writeJob } from './jobs.ts'
import { portsOf } from './networks.ts'
import { listens, type Process, survivors, treeOf, until } from './processes.ts'
import { endAll, npmStart, type Running } from './programs.ts'

/** An orderly end takes a second or two; the rest is for a busy machine. */
const SECONDS = 20

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-e2e-'))
})
afterEach(async () => {
  await endAll()
  await rm(folder, { recursive: true, force: true })
})

/** Sends the signal to the whole foreground job, as a terminal does; returns what ran then. */
async function interrupt({ pid }: Running): Promise<Process[]> {
  const tree = await treeOf(pid)
  process.kill(-pid, 'SIGINT')
  return tree
}

async function expectInterrupted(start: Running, tree: readonly Process[]): Promise<void> {
  await until('all processes have ended', async () => (await survivors(tree)).length === 0, SECONDS)
  const { code, stderr } = await start.ended
  expect(code, stderr).toBe(EXIT.interrupted)
}

test('while it trains the default job', async () => {
  const kept = join(folder, 'net')
  const start = npmStart(['--keep', kept])
  await until('it trains', () => / loss \d/.test(start.output()), 120)
  const ports = await portsOf(kept)
  expect(ports.length).toBeGreaterThanOrEqual(8)
  const tree = await interrupt(start)
  for (const name of ['anvil', 'coordinator', 'solver-1', 'solver-2', 'verifier-1', 'verifier-2', 'whistleblower-1']) {
    expect(
      tree.some(({ command }) => command.includes(name)),
      name,
    ).toBe(true)
  }
  await expectInterrupted(start, tree)
  await until('all ports are free', async () => !(await Promise.all(ports.map(listens))).includes(true), SECONDS)
  expect(await readdir(kept)).toContain('chain')
})

test('while it starts; a network that is not kept leaves no file', async () => {
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  const start = npmStart(['--job', await writeJob(folder)], temporary)
  await until('the chain is up', () => start.output().includes('up chain'), 120)
  expect((await readdir(temporary)).filter((name) => name.startsWith('assay-'))).toHaveLength(1)
  await expectInterrupted(start, await interrupt(start))
  expect((await readdir(temporary)).filter((name) => name.startsWith('assay-'))).toEqual([])
})
