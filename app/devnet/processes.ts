/** A group of child processes that live and die together: started in order, brought back when they die, stopped as one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { AssayError, isAssayError } from '#proto/errors.ts'

/** How long a child may take to report ready, and to stop after SIGTERM, in milliseconds. */
const READY_MS = 60_000
const STOP_MS = 5_000
/** Pause before a dead child is started again: doubled with each death within `MEMORY_MS`, up to the last. */
const BACK_OFF_MS = [100, 200, 400, 800, 1600, 3200] as const
const MEMORY_MS = 60_000
/** A child that dies this often within `MEMORY_MS` cannot be helped by starting it again. */
const MAX_DEATHS = 8

export interface Member {
  readonly name: string
  readonly child: ChildProcess
  /** What the child said of itself when it became ready. */
  readonly ready: Record<string, unknown>
}

/** The death of a child that was not told to end. */
export interface Death {
  readonly name: string
  /** Its signal, or its exit code. */
  readonly how: string
  /** Milliseconds until it is started again; undefined: it is not. */
  readonly backInMs: number | undefined
}

interface Program {
  readonly name: string
  readonly script: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/**
 * Starts Node programs as children. A child prints one JSON line `{"event":"ready", ...}` on standard output when it
 * serves; everything it prints goes to `<logs>/<name>.log`. A child exits by itself when its standard input closes, so
 * that nothing survives even a SIGKILL of this process.
 */
export class ProcessGroup {
  readonly #logs: string
  readonly #backOff: readonly number[] | null
  readonly #members = new Map<string, Member>()
  readonly #started = new Set<ChildProcess>()
  readonly #deaths = new Map<string, number[]>()
  readonly #stopping = new AbortController()

  /** Called when a child that was ready ends without having been told to. */
  onDeath: (death: Death) => void = () => {}
  /** Called when a child is ready again after its death. */
  onReturn: (member: Member) => void = () => {}
  /** Called when a child dies again and again: it is given up. */
  onLost: (error: AssayError) => void = () => {}

  /** @param backOffMs pauses before a child is started again after one, two, ... recent deaths; null: it stays dead */
  constructor(logs: string, backOffMs: readonly number[] | null = BACK_OFF_MS) {
    this.#logs = logs
    this.#backOff = backOffMs
  }

  /** The children that are ready, in the order of their first start. */
  get members(): readonly Member[] {
    return [...this.#members.values()]
  }

  /**
   * Starts `node script ...args` and waits until it is ready; from then on it is brought back when it dies.
   * @throws AssayError `internal` if it ends before, `timeout` if it takes longer than a minute, `cancelled` after `stop`
   */
  async start(name: string, script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Member> {
    await mkdir(this.#logs, { recursive: true })
    return this.#launch({ name, script, args, env })
  }

  async #launch(program: Program): Promise<Member> {
    const { name, script, args, env } = program
    if (this.#stopping.signal.aborted) {
      throw new AssayError('cancelled', `${name} is not started: the others are being stopped`)
    }
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
    child.once('close', () => log.end())
    let member: Member | undefined
    child.once('exit', (code, signal) => {
      this.#started.delete(child)
      endGroup(child)
      // Who ended by itself and in order was asked to leave: it is not brought back.
      if (member && code === 0) this.#members.delete(name)
      else if (member) this.#died(program, signal ?? `exit code ${code}`)
    })
    const ready = await new Promise<Record<string, unknown>>((resolve, reject) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL')
        reject(startError(name, 'timeout', `not ready after ${READY_MS / 1000} s`, file))
      }, READY_MS)
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        if (!log.writableEnded) log.write(`${line}\n`)
        const message = readyLine(line)
        if (message) {
          clearTimeout(timer)
          resolve(message)
        }
      })
      child.once('exit', (code, signal) => {
        clearTimeout(timer)
        reject(startError(name, 'internal', `ended at once (${signal ?? `exit code ${code}`})`, file))
      })
      child.once('error', (error) => {
        clearTimeout(timer)
        if (child.pid === undefined) this.#started.delete(child)
        reject(startError(name, 'internal', error.message, file))
      })
    })
    if (child.exitCode !== null || child.signalCode !== null) {
      throw startError(name, 'internal', 'ended as soon as it was ready', file)
    }
    member = { name, child, ready }
    this.#members.set(name, member)
    return member
  }

  #died(program: Program, how: string): void {
    const { signal } = this.#stopping
    if (signal.aborted) return
    const backInMs = this.#pause(program.name)
    this.onDeath({ name: program.name, how, backInMs })
    if (backInMs !== undefined) void this.#bringBack(program, backInMs)
    else if (this.#backOff) this.#giveUp(program.name, how)
  }

  /** Milliseconds to wait after this death, or undefined if there were too many, or none is to be waited. */
  #pause(name: string): number | undefined {
    if (!this.#backOff) return undefined
    const now = performance.now()
    const deaths = (this.#deaths.get(name) ?? []).filter((at) => now - at < MEMORY_MS)
    deaths.push(now)
    this.#deaths.set(name, deaths)
    if (deaths.length >= MAX_DEATHS) return undefined
    return this.#backOff[Math.min(deaths.length, this.#backOff.length) - 1]
  }

  async #bringBack(program: Program, afterMs: number): Promise<void> {
    const { signal } = this.#stopping
    try {
      await sleep(afterMs, undefined, { signal })
      this.onReturn(await this.#launch(program))
    } catch (error) {
      if (signal.aborted) return
      const pause = this.#pause(program.name)
      if (pause === undefined) this.#giveUp(program.name, isAssayError(error) ? error.message : String(error))
      else await this.#bringBack(program, pause)
    }
  }

  #giveUp(name: string, how: string): void {
    const message = `${name} died ${MAX_DEATHS} times within ${MEMORY_MS / 1000} s, last: ${how}`
    this.onLost(new AssayError('internal', message, { next: `read ${join(this.#logs, `${name}.log`)}` }))
  }

  /** Stops all children, the last one first; resolves when none is left and none will come. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([...this.#started].reverse().map(stopChild))
    this.#members.clear()
  }
}

/** Ends what a dead child has left of its process group. */
function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It left nothing, or this system has no groups.
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
