/**
 * How a running process is asked to leave: by a file in its folder, which outlives a crash of either side. The process says in
 * a second file what it still waits for, and removes both when it has left.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fail } from '#proto/errors.ts'
import { writeWhole } from '#runtime/atomic.ts'
import type { Logger } from '#runtime/shell.ts'

/** `finish`: stay until the jobs it takes part in have ended. `leave`: stop training, be replaced. */
export type DrainMode = 'finish' | 'leave'

const REQUEST = 'drain'
const STATE = 'drain.state'
/** How often the file is looked for, in milliseconds. */
const LOOK_MS = 1_000

/** Asks the process of a folder to leave. */
export function requestDrain(home: string, mode: DrainMode): Promise<void> {
  return writeWhole(join(home, REQUEST), `${mode}\n`)
}

/** Takes the request back. */
export async function cancelDrain(home: string): Promise<void> {
  for (const name of [REQUEST, STATE]) await rm(join(home, name), { force: true })
}

/** The request in a folder; undefined: none, or it was carried out. @throws AssayError `bad-config` for another content */
export async function drainRequest(home: string): Promise<DrainMode | undefined> {
  const text = (await read(join(home, REQUEST)))?.trim()
  if (text === undefined || text === 'finish' || text === 'leave') return text
  return fail('bad-config', `${join(home, REQUEST)} asks for '${text.slice(0, 40)}'`, {
    next: 'Remove the file, or use `assay drain`.',
  })
}

/** What the leaving process waits for, line by line; undefined: it has not answered yet. */
export async function drainState(home: string): Promise<string[] | undefined> {
  const text = await read(join(home, STATE))
  return text?.split('\n').filter((line) => line !== '')
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The side of the process that is to leave. */
export class DrainWatch {
  readonly #home: string
  readonly #log: Logger
  readonly #timer: NodeJS.Timeout
  #mode: DrainMode | undefined
  #told: string | undefined

  private constructor(home: string, log: Logger, mode: DrainMode | undefined) {
    this.#home = home
    this.#log = log
    this.#take(mode)
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  /** Looks for a request in `home` now, and from then on every second. */
  static async open(home: string, log: Logger): Promise<DrainWatch> {
    return new DrainWatch(home, log, await drainRequest(home))
  }

  /** How to leave; undefined: not at all. */
  get mode(): DrainMode | undefined {
    return this.#mode
  }

  /** Says what the process waits for; the same again costs nothing. */
  report(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}\n`).join('')
    if (text === this.#told) return
    this.#told = text
    for (const line of lines) this.#log.info({ line }, 'leaving')
    writeWhole(join(this.#home, STATE), text).catch((error) => this.#log.warn({ error: String(error) }, 'drain'))
  }

  /** The process has left: nothing is asked of it any more. */
  async done(): Promise<void> {
    this.close()
    await cancelDrain(this.#home)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    drainRequest(this.#home).then(
      (mode) => this.#take(mode),
      (error) => this.#log.warn({ error: String(error) }, 'drain'),
    )
  }

  #take(mode: DrainMode | undefined): void {
    if (mode === this.#mode) return
    this.#mode = mode
    this.#told = undefined
    if (mode) this.#log.info({ mode }, 'asked to leave: no new jobs')
    else this.#log.info('stays: the request to leave was taken back')
  }
}
