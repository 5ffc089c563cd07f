import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cancelDrain, DrainWatch, drainRequest, drainState, requestDrain } from '#runtime/drain.ts'
import type { Logger } from '#runtime/shell.ts'

const log = { info: () => {}, warn: () => {} } as unknown as Logger

async function folder(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'assay-drain-'))
  onTestFinished(() => rm(home, { recursive: true }))
  return home
}

async function watch(home: string): Promise<DrainWatch> {
  const opened = await DrainWatch.open(home, log)
  onTestFinished(() => opened.close())
  return opened
}

test('a running process hears of a request, of another mode, and that it was taken back', async () => {
  const home = await folder()
  const process = await watch(home)
  expect(process.mode).toBeUndefined()
  for (const mode of ['finish', 'leave'] as const) {
    await requestDrain(home, mode)
    await vi.waitFor(() => expect(process.mode).toBe(mode), 10_000)
  }
  await cancelDrain(home)
  await vi.waitFor(() => expect(process.mode).toBeUndefined(), 10_000)
})

test('the request outlives the process; who asked reads what it waits for, and that it has left', async () => {
  const home = await folder()
  await requestDrain(home, 'leave')
  const process = await watch(home)
  expect(process.mode).toBe('leave')
  expect(await drainState(home)).toBeUndefined()
  process.report(['job 0x12: waits', 'job 0x34: waits'])
  await vi.waitFor(async () => expect(await drainState(home)).toEqual(['job 0x12: waits', 'job 0x34: waits']), 10_000)
  await process.done()
  expect(await drainRequest(home)).toBeUndefined()
  expect(await readdir(home)).toEqual([])
})

test('a file that says something else is no request', async () => {
  const home = await folder()
  await writeFile(join(home, 'drain'), 'everything')
  await expect(drainRequest(home)).rejects.toMatchObject({ code: 'bad-config' })
})
