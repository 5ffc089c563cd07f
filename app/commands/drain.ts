/** `assay drain`: asks the solver of a folder to leave the network in order, and follows it out. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { type Terminal, terminalOf } from '#app/terminal/terminal.ts'
import { AssayError } from '#proto/errors.ts'
import { cancelDrain, type DrainMode, drainRequest, drainState, requestDrain } from '#runtime/drain.ts'

const LOOK_MS = 500
/** A solver that runs answers within seconds. */
const SILENT_MS = 15_000

interface Options {
  readonly home: string
  readonly leave?: boolean
  readonly undo?: boolean
  readonly wait: boolean
  readonly json?: boolean
}

interface Drained {
  readonly home: string
  /** Null: the request was taken back. */
  readonly mode: DrainMode | null
  readonly left: boolean
  /** What it still waits for, as it says; null if it has not answered. */
  readonly waitsFor: readonly string[] | null
}

export function define(command: Command): void {
  command
    .option('--home <dir>', "folder of the solver's process", '.assay/solver')
    .option('--leave', 'stop training after the entry under way and be replaced, instead of finishing the jobs')
    .option('--undo', 'take the request back: the solver stays')
    .option('--no-wait', 'ask, and do not wait until it has left')
    .option('--json', 'print one JSON object')
    .action(async (options: Options) => {
      const result = await drain(options, terminalOf(options.json ? process.stderr : process.stdout))
      if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
    })
}

async function drain({ home, leave, undo, wait }: Options, terminal: Terminal): Promise<Drained> {
  await checkHome(home)
  if (undo) {
    await cancelDrain(home)
    terminal.write(`the solver in ${home} stays\n`)
    return { home, mode: null, left: false, waitsFor: null }
  }
  const mode = leave ? 'leave' : 'finish'
  await requestDrain(home, mode)
  terminal.write(`asked the solver in ${home} to ${leave ? 'stop training and leave' : 'finish its jobs and leave'}\n`)
  if (!wait) return { home, mode, left: false, waitsFor: null }
  terminal.write('Ctrl-C stops watching; --undo takes the request back.\n')
  return { home, mode, left: await follow(home, terminal), waitsFor: [] }
}

/** Tells what the solver waits for until it has left, or somebody takes the request back. */
async function follow(home: string, terminal: Terminal): Promise<boolean> {
  const began = performance.now()
  let answered = false
  let silent = false
  let told = ''
  while ((await drainRequest(home)) !== undefined) {
    const lines = await drainState(home)
    answered ||= lines !== undefined
    for (const line of lines ?? []) if (!told.includes(line)) terminal.write(`${line}\n`)
    told = lines?.join('\n') ?? ''
    if (!answered && !silent && performance.now() - began > SILENT_MS) {
      silent = true
      terminal.write('no solver answers: it leaves when it is started next with this folder\n')
    }
    await sleep(LOOK_MS)
  }
  terminal.write(answered ? 'it has left, and its stakes are in its free balance\n' : 'the request was taken back\n')
  return answered
}

async function checkHome(home: string): Promise<void> {
  const key = await stat(join(home, 'key')).catch(() => undefined)
  if (key) return
  throw new AssayError('not-found', `${home} is no folder of a process: it has no account`, {
    next: 'Name the folder that the solver was started with: assay drain --home DIR.',
  })
}
