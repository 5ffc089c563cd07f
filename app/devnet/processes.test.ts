/** Supervision: who dies comes back, who keeps dying ends it, and nothing is left behind. */
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type Death, type Member, ProcessGroup } from '#app/devnet/processes.ts'
import { type AssayError, isAssayError } from '#proto/errors.ts'

/** Says that it is ready; `child` leaves a process behind that it tells of. */
const SCRIPT = `
import { spawn } from 'node:child_process'
const [how] = process.argv.slice(2)
const child = how === 'child' ? spawn('sleep', ['60'], { stdio: 'ignore' }).pid : 0
process.stdout.write(JSON.stringify({ event: 'ready', pid: process.pid, child }) + '\\n')
process.stdin.on('end', () => process.exit(0))
process.stdin.resume()
`

let folder: string
let script: string
let group: ProcessGroup

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-group-'))
  script = join(folder, 'child.mjs')
  await writeFile(script, SCRIPT)
})
afterEach(async () => {
  await group.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Whether a process runs; one that has ended and waits for its parent to notice does not. */
const runs = (pid: unknown): boolean => {
  const stat = `/proc/${pid}/stat`
  try {
    if (existsSync(stat)) return !/\) [ZX] /.test(readFileSync(stat, 'utf8'))
    return process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

it('brings a child back that was killed, and ends what it left', async () => {
  group = new ProcessGroup(folder, [10])
  const deaths: Death[] = []
  group.onDeath = (death) => void deaths.push(death)
  const returned = new Promise<Member>((resolve) => {
    group.onReturn = resolve
  })
  const first = await group.start('one', script, ['child'])
  expect(runs(first.ready.child)).toBe(true)
  process.kill(first.child.pid as number, 'SIGKILL')
  const second = await returned
  expect(deaths).toEqual([{ name: 'one', how: 'SIGKILL', backInMs: 10 }])
  expect(second.ready.pid).not.toBe(first.ready.pid)
  expect(group.members).toEqual([second])
  await vi.waitFor(() => expect(runs(first.ready.child)).toBe(false), 10_000)
  await group.stop()
  expect(runs(second.ready.pid)).toBe(false)
})

it('gives up a child that keeps dying, and says where to look', async () => {
  group = new ProcessGroup(folder, [1])
  const lost = new Promise<AssayError>((resolve) => {
    group.onLost = resolve
  })
  group.onReturn = ({ child }) => void child.kill('SIGKILL')
  const { child } = await group.start('one', script, [])
  child.kill('SIGKILL')
  const error = await lost
  expect(isAssayError(error, 'internal')).toBe(true)
  expect(error.message).toContain('died 8 times')
  expect(error.next).toContain('one.log')
})

it('leaves a child dead when told so', async () => {
  group = new ProcessGroup(folder, null)
  const death = new Promise<Death>((resolve) => {
    group.onDeath = resolve
  })
  const { child } = await group.start('one', script, [])
  child.kill('SIGKILL')
  expect(await death).toEqual({ name: 'one', how: 'SIGKILL', backInMs: undefined })
})

it('stops in the middle of a return, and starts nothing afterwards', async () => {
  group = new ProcessGroup(folder, [1])
  const death = new Promise<Death>((resolve) => {
    group.onDeath = resolve
  })
  const back = vi.fn()
  group.onReturn = back
  const { child } = await group.start('one', script, [])
  child.kill('SIGKILL')
  await death
  // By now it waits for its turn, or it has been started and is not ready.
  await new Promise((resolve) => setTimeout(resolve, 5))
  await group.stop()
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(back).not.toHaveBeenCalled()
  await expect(group.start('two', script, [])).rejects.toSatisfy((error) => isAssayError(error, 'cancelled'))
})
