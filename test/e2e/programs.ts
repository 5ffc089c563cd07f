/** Starts the project's programs as a person would: real processes, their whole output, their exit codes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { killTree } from './processes.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CLI = fileURLToPath(new URL('../../app/cli.ts', import.meta.url))
const LEASH = fileURLToPath(new URL('./leash.ts', import.meta.url))

/** How a program ended, with all that it printed. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that may still run. */
export interface Running {
  readonly pid: number
  readonly child: ChildProcess
  /** What it printed so far, both streams in the order of arrival. */
  output(): string
  readonly ended: Promise<Ended>
}

const running = new Set<Running>()
let leash: ChildProcess | undefined

/** Tells the leash of a program that runs (+) or has ended (-); it notices when this process dies. */
function hold(sign: '+' | '-', pid: number): void {
  if (!leash) {
    leash = spawn(process.execPath, [LEASH], { detached: true, stdio: ['pipe', 'ignore', 'inherit'] })
    leash.unref()
    leash.stdin?.on('error', () => {})
  }
  leash.stdin?.write(`${sign}${pid}\n`)
}

/** The test runner's own settings are not the programs' business. */
function environment(): NodeJS.ProcessEnv {
  const strange = /^(VITEST|NODE_OPTIONS$|NODE_ENV$|FORCE_COLOR$|ASSAY_|TEST$|DEV$|PROD$|MODE$|SSR$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !strange.test(name)))
}

/** Starts `command` in a process group of its own, as a shell starts a foreground job. */
export function launch(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...environment(), ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const text = { stdout: '', stderr: '', output: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (part: string) => {
      text[name] += part
      text.output += part
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout: text.stdout, stderr: text.stderr }))
  })
  const program = { pid: child.pid ?? 0, child, output: () => text.output, ended }
  running.add(program)
  hold('+', program.pid)
  ended
    .catch(() => {})
    .finally(() => {
      running.delete(program)
      hold('-', program.pid)
    })
  return program
}

/** `npx assay ...args`, without npm's own start-up time. */
export const launchAssay = (...args: string[]): Running => launch(process.execPath, [CLI, ...args])

/** Runs `assay ...args` to its end. */
export const assay = (...args: string[]): Promise<Ended> => launchAssay(...args).ended

/** `npm start -- ...args`, with `temporary` as the machine's folder for temporary files if given. */
export const npmStart = (args: readonly string[], temporary?: string): Running =>
  launch('npm', ['start', '--', ...args], temporary === undefined ? {} : { TMPDIR: temporary })

/** The last line of a program's standard output as JSON: what `--json` promises. */
export function lastLine<T = Record<string, unknown>>({ stdout, stderr, code }: Ended): T {
  const line = stdout.trimEnd().split('\n').at(-1) ?? ''
  try {
    return JSON.parse(line) as T
  } catch {
    throw new Error(`exit code ${code}, last line ${JSON.stringify(line)}, stderr:\n${stderr}`)
  }
}

/** Ends whatever a failed test has left running. */
export async function endAll(): Promise<void> {
  await Promise.all([...running].map(({ pid }) => killTree(pid)))
}
