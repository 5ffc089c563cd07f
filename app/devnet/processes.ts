/** A group of child processes that live and die together: started in order, each reports when it is ready. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { AssayError } from '#proto/errors.ts'

/** How long a child may take to report ready, and to stop after SIGTERM, in milliseconds. */
const READY_MS = 60_000
const STOP_MS = 5_000

export interface Member {
  readonly name: string
  readonly child: ChildProcess
  /** What the child said of itself when it became ready. */
  readonly ready: Record<string, unknown>
}

/**
 * Starts Node programs as children. A child prints one JSON line `{"event":"ready", ...}` on standard output when it
 * serves; everything it prints goes to `<logs>/<name>.log`. A child exits by itself when its standard input closes, so
 * that nothing survives even a SIGKILL of this process.
 */
export class ProcessGroup {
  readonly #logs: string
  readonly #members: Member[] = []
  readonly #started = new Set<ChildProcess>()
  #stopping = false

  /** Called when a child ends that was not told to. */
  onExit: (name: string, code: number | null, signal: NodeJS.Signals | null) => void = () => {}

  constructor(logs: string) {
    this.#logs = logs
  }

  get members(): readonly Member[] {
    return this.#members
  }

  /**
   * Starts `node script ...args` and waits until it is ready.
   * @throws AssayError `internal` if it ends before, `timeout` if it takes longer than a minute, `cancelled` after `stop`
   */
  async start(name: string, script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Member> {
    await mkdir(this.#logs, { recursive: true })
    if (this.#stopping) throw new AssayError('cancelled', `${name} is not started: the others are being stopped`)
    const file = join(this.#logs, `${name}.log`)
    const log = createWriteStream(file, { flags: 'a' })
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that Ctrl-C in the terminal reaches only the parent, which then stops its children in order.
      detached: true,
      env: { ...process.env, ...env },
    })
    this.#started.add(child)
    child.stdin?.on('error', () => {})
    child.stderr?.pipe(log, { end: false })
    const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(startError(name, 'timeout', `not ready after ${READY_MS / 1000} s`, file)),
        READY_MS,
      )
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        log.write(`${line}\n`)
        const message = readyLine(line)
        if (message) {
          clearTimeout(timer)
          resolve(message)
        }
      })
      child.once('exit', (code, signal) => {
        clearTimeout(timer)
        this.#started.delete(child)
        reject(startError(name, 'internal', `ended at once (${signal ?? `exit code ${code}`})`, file))
        if (!this.#stopping) this.onExit(name, code, signal)
      })
      child.once('error', (error) => reject(startError(name, 'internal', error.message, file)))
    })
    const member = { name, child, ready }
    this.#members.push(member)
    return member
  }

  /** Stops all children, the last one first; resolves when none is left. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#started].reverse().map(stopChild))
    this.#started.clear()
    this.#members.length = 0
  }
}

function readyLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const message: unknown = JSON.parse(line)
    const known = message as Record<string, unknown>
    return known.event === 'ready' ? known : undefined
  } catch {
    return undefined
  }
}

function startError(name: string, code: 'internal' | 'timeout', message: string, file: string): AssayError {
  return new AssayError(code, `${name}: ${message}`, { next: `read ${file}` })
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGTERM')
  })
}
