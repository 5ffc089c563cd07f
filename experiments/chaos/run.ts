/**
 * Experiment: a network whose processes are killed at random, again and again, settles its jobs with the state that a quiet
 * run has. README.md says what is claimed and measured.
 */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { followJob } from '#app/client/follow.ts'
import { submitJob } from '#app/client/submit.ts'
import { readJobs } from '#app/client/watch.ts'
import { type Devnet, startDevnet } from '#app/devnet/devnet.ts'
import { supervised } from '#app/devnet/supervise.ts'
import { printError } from '#app/exit.ts'
import { interruptedCode, interruptible } from '#app/interrupt.ts'
import { type LoadedJob, loadJob } from '#app/job/load.ts'
import { type Terminal, terminalOf } from '#app/terminal/terminal.ts'
import { isAssayError } from '#proto/errors.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import type { Hex } from '#proto/terms.ts'
import { booksOf } from '../lib/books.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { retrainedEntries } from '../lib/logs.ts'
import { PATIENT, writeJob } from './job.ts'
import { type Kill, killAll } from './killer.ts'

const CAST = { solvers: 2, verifiers: 3, whistleblowers: 1, threads: 1 }
const CLI = fileURLToPath(new URL('../../app/cli.ts', import.meta.url))
/** How long a job may take beyond the chaos, in milliseconds. */
const PATIENCE_MS = 15 * 60_000
/** Stakes come back some time after a job's end, in milliseconds. */
const UNBOND_MS = 60_000

const USAGE = `npm run experiment -- chaos [--minutes 10] [--seed 1] [--kill-every 5] [--together] [--keep FOLDER] [--json]

  --minutes N     how long processes are killed
  --seed N        of the kills
  --kill-every S  seconds between kills, on average
  --together      may kill several at once
  --keep FOLDER   keeps the network's files there
  --json          prints the JSON line alone`
const values = commandLine(USAGE, {
  minutes: { type: 'string', default: '10' },
  seed: { type: 'string', default: '1' },
  'kill-every': { type: 'string', default: '5' },
  together: { type: 'boolean', default: false },
  keep: { type: 'string' },
  json: { type: 'boolean' },
})

const positive = (name: 'minutes' | 'kill-every'): number => {
  const value = Number(values[name])
  if (value > 0 && value <= 1440) return value
  throw new Error(`--${name} must be a number above 0, at most 1440`)
}

/** State root of the same job, trained bare in a process of its own that nobody disturbs. */
async function quietRoot(file: string, signal: AbortSignal): Promise<{ root: string; seconds: number }> {
  const child = spawn(process.execPath, [CLI, 'run', file, '--json', '--threads', '2'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    signal,
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    output += part
  })
  await new Promise((done, failed) => child.once('close', done).once('error', failed))
  const { stateRoot, seconds } = JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as {
    stateRoot: string
    seconds: number
  }
  return { root: `0x${stateRoot}`, seconds }
}

/** Submits the job until the chain keeps it: a registration may be in the blocks that a killed chain loses. */
async function settle({ network, submitterKey }: Devnet, job: LoadedJob, terminal: Terminal, signal: AbortSignal) {
  for (;;) {
    try {
      const { jobId } = await submitJob(network, job, submitterKey, PATIENT, signal)
      return await followJob(network, jobId, terminal, signal)
    } catch (error) {
      const lost = isAssayError(error, 'not-found') || isAssayError(error, 'network') || isAssayError(error, 'chain')
      if (!lost || signal.aborted) throw error
      terminal.write(`submits again: ${error.message}\n`)
      await sleep(1000)
    }
  }
}

/** The jobs once everybody has its stake back, or after a while. */
async function settledBooks({ network }: Devnet): Promise<{ jobs: JobView[]; balanced: boolean }> {
  const deadline = performance.now() + UNBOND_MS
  for (;;) {
    const jobs = [...(await readJobs(network)).views.values()]
    const { holds, owes } = await booksOf(network, jobs)
    const back = jobs.every(({ bids, unbonded }) => bids.every(({ account }) => unbonded.has(account)))
    if (back || performance.now() > deadline) return { jobs, balanced: holds === owes }
    await sleep(1000)
  }
}

async function run(folder: string, interrupted: AbortSignal): Promise<void> {
  const [minutes, killEvery] = [positive('minutes'), positive('kill-every')]
  const terminal = terminalOf(jsonOnly() ? process.stderr : process.stdout)
  await mkdir(folder, { recursive: true })
  const file = await writeJob(folder, minutes)
  const job = await loadJob(file, { signal: interrupted })
  const quiet = await quietRoot(file, interrupted)
  terminal.write(`quiet run: ${quiet.root} in ${quiet.seconds.toFixed(1)} s\n`)
  const devnet = await startDevnet({ ...CAST, folder: join(folder, 'devnet') }, undefined, interrupted)
  const calm = new AbortController()
  let killing: Promise<Kill[]> | undefined
  try {
    await supervised(devnet.group, terminal, interrupted, async (signal) => {
      const started = performance.now()
      const limit = AbortSignal.any([signal, AbortSignal.timeout(minutes * 60_000 + PATIENCE_MS)])
      killing = killAll(devnet.group, {
        seed: values.seed,
        everyMs: killEvery * 1000,
        together: values.together,
        paused: () => performance.now() - started > minutes * 60_000,
        onKill: ({ name, at }) => terminal.write(`kill  ${name} after ${at} s\n`),
        signal: AbortSignal.any([calm.signal, signal]),
      })
      const settled: Hex[] = []
      do settled.push((await settle(devnet, job, terminal, limit)).job.jobId)
      while (performance.now() - started < minutes * 60_000)
      const seconds = (performance.now() - started) / 1000
      calm.abort()
      const kills = await killing
      const { jobs, balanced } = await settledBooks(devnet)
      const slashes = jobs.flatMap(({ ledger }) => ledger.filter(({ reason }) => reason === 'Slash'))
      const solvers = devnet.group.members.map(({ name }) => name).filter((name) => name.startsWith('solver'))
      const roots = jobs.filter(({ jobId }) => settled.includes(jobId)).map(({ finalRoot }) => finalRoot)
      report({
        name: 'chaos',
        figures: {
          stateRootsEqual: roots.length === settled.length && roots.every((root) => root === quiet.root),
          ledgerBalanced: balanced,
          honestSlashes: slashes.length,
          kills: kills.length,
          lostEntries: await retrainedEntries(join(folder, 'devnet', 'logs'), solvers),
          jobs: settled.length,
          seconds,
        },
        thresholds: {
          stateRootsEqual: { equals: true },
          ledgerBalanced: { equals: true },
          honestSlashes: { max: 0 },
          kills: { min: Math.floor((minutes * 60) / killEvery / 2) },
          lostEntries: { max: kills.length },
        },
        details: {
          seed: values.seed,
          minutes,
          killEvery,
          together: values.together,
          killsOf: tally(kills),
          steps: job.spec.steps,
          epochs: jobs.map(({ epoch }) => epoch),
          windowsLapsed: jobs.reduce((sum, { counts }) => sum + counts.windowsLapsed, 0),
          entries: jobs.reduce((sum, { counts }) => sum + counts.entriesCommitted, 0),
          quietSeconds: quiet.seconds,
          stateRoot: quiet.root,
        },
      })
    })
  } finally {
    calm.abort()
    await killing
    await devnet.stop()
  }
}

function tally(kills: readonly Kill[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { name } of kills) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

const folder = values.keep === undefined ? await mkdtemp(join(tmpdir(), 'assay-chaos-')) : resolve(values.keep)
try {
  await interruptible((signal) => run(folder, signal))
} catch (error) {
  printError(terminalOf(process.stderr), error, false)
  process.exitCode = interruptedCode() ?? 1
} finally {
  if (values.keep === undefined) await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}
