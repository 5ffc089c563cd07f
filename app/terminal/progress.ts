/** Progress of a counted piece of work: one redrawn bar on a terminal, a plain line now and then in a pipe. */
import { MultiBar, type SingleBar } from 'cli-progress'
import { count, duration, figure, truncate } from '#app/terminal/format.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'

export interface ProgressFields {
  readonly loss?: number
  /** Anything else to say, in a few words. */
  readonly note?: string
}

export interface Progress {
  /** `done` of the total are finished; may also go back (a rollback). */
  update(done: number, fields?: ProgressFields): void
  /** Prints a line above the bar. */
  log(line: string): void
  /** Leaves the last state on the screen and frees the terminal. Idempotent. */
  stop(): void
}

export interface ProgressOptions {
  /** What is going on, e.g. `training`. */
  readonly label: string
  readonly total: number
  /** What is counted, in the plural. Default `steps`. */
  readonly unit?: string
  /** Already done at the start (a resumed run): left out of the speed. */
  readonly from?: number
  /** Milliseconds of a monotonic clock; given by tests. */
  readonly now?: () => number
}

/** A pipe gets a line at least this often while there is progress, and one for every tenth of the work. */
const PLAIN_INTERVAL_MS = 10_000
const PLAIN_PARTS = 10
/** Half-life of a time in the speed. */
const FADING_MS = 10_000

export function createProgress(terminal: Terminal, options: ProgressOptions): Progress {
  return terminal.live ? new LiveProgress(terminal, options) : new PlainProgress(terminal, options)
}

/** Speed over the recent past, older times counting for less and less, and what it says about the time left. */
class Pace {
  readonly #now: () => number
  readonly #start: number
  #lastTime: number
  #lastDone: number
  /** Counts, and the milliseconds they took, both faded by age. */
  #counts = 0
  #time = 0

  constructor(now: () => number, from: number) {
    this.#now = now
    this.#start = now()
    this.#lastTime = this.#start
    this.#lastDone = from
  }

  get elapsed(): number {
    return this.#now() - this.#start
  }

  /** Counts per second; undefined before the first count. */
  update(done: number): number | undefined {
    const time = this.#now()
    const passed = time - this.#lastTime
    if (done < this.#lastDone) {
      this.#lastDone = done
      this.#lastTime = time
    }
    if (done > this.#lastDone && passed > 0) {
      const kept = 2 ** (-passed / FADING_MS)
      this.#counts = this.#counts * kept + (done - this.#lastDone)
      this.#time = this.#time * kept + passed
      this.#lastTime = time
      this.#lastDone = done
    }
    return this.#speed
  }

  get #speed(): number | undefined {
    return this.#time === 0 ? undefined : (this.#counts * 1000) / this.#time
  }

  eta(done: number, total: number): number {
    return this.#speed === undefined ? Number.NaN : ((total - done) * 1000) / this.#speed
  }
}

/** `step 12/100  loss 2.314  3.20 steps/s  ETA 27.5 s`, shared by both forms. */
function figures(pace: Pace, done: number, options: ProgressOptions, fields: ProgressFields): string {
  const { total, unit = 'steps' } = options
  const speed = pace.update(done)
  const parts = [`${count(done)}/${count(total)} ${unit}`]
  if (fields.loss !== undefined) parts.push(`loss ${figure(fields.loss)}`)
  if (speed !== undefined) parts.push(`${figure(speed, 3)} ${unit}/s`)
  parts.push(done >= total ? `in ${duration(pace.elapsed)}` : `ETA ${duration(pace.eta(done, total))}`)
  if (fields.note) parts.push(fields.note)
  return parts.join('  ')
}

class LiveProgress implements Progress {
  readonly #terminal: Terminal
  readonly #bars: MultiBar
  readonly #bar: SingleBar
  readonly #options: ProgressOptions
  readonly #pace: Pace
  #stopped = false

  constructor(terminal: Terminal, options: ProgressOptions) {
    this.#terminal = terminal
    this.#options = options
    const from = options.from ?? 0
    this.#pace = new Pace(options.now ?? (() => performance.now()), from)
    const [full, empty] = terminal.unicode ? ['━', '─'] : ['=', '-']
    this.#bars = new MultiBar({
      stream: terminal.stream as NodeJS.WritableStream,
      format: (_, params, payload: { text?: string }) => {
        const head = `${options.label} `
        const percent = `${Math.floor(params.progress * 100)}%`.padStart(4)
        const text = payload.text ?? ''
        const size = Math.max(6, Math.min(30, terminal.width - head.length - text.length - 8))
        const filled = Math.round(size * params.progress)
        const bar = paint(terminal, 'cyan', full.repeat(filled)) + paint(terminal, 'dim', empty.repeat(size - filled))
        return `${head}${bar}${percent}  ${truncate(text, terminal.width - head.length - size - 7)}`
      },
      hideCursor: true,
      gracefulExit: false,
      emptyOnZero: true,
      fps: 8,
    })
    this.#bar = this.#bars.create(options.total, from)
  }

  update(done: number, fields: ProgressFields = {}): void {
    this.#bar.update(done, { text: figures(this.#pace, done, this.#options, fields) })
  }

  log(line: string): void {
    if (this.#stopped) this.#terminal.write(`${line}\n`)
    else this.#bars.log(`${line}\n`)
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#bars.update() // stop() alone would lose lines that were logged since the last redraw
    this.#bars.stop()
  }
}

class PlainProgress implements Progress {
  readonly #terminal: Terminal
  readonly #options: ProgressOptions
  readonly #pace: Pace
  #printedAt = Number.NEGATIVE_INFINITY
  #printedPart = -1
  #pending: string | undefined

  constructor(terminal: Terminal, options: ProgressOptions) {
    this.#terminal = terminal
    this.#options = options
    this.#pace = new Pace(options.now ?? (() => performance.now()), options.from ?? 0)
  }

  update(done: number, fields: ProgressFields = {}): void {
    const { label, total } = this.#options
    const line = `${label}: ${figures(this.#pace, done, this.#options, fields)}`
    const part = Math.floor((done * PLAIN_PARTS) / Math.max(1, total))
    const due = this.#pace.elapsed - this.#printedAt >= PLAIN_INTERVAL_MS
    if (part === this.#printedPart && !due) {
      this.#pending = line
      return
    }
    this.#printedPart = part
    this.#printedAt = this.#pace.elapsed
    this.#pending = undefined
    this.#terminal.write(`${line}\n`)
  }

  log(line: string): void {
    this.#terminal.write(`${line}\n`)
  }

  stop(): void {
    if (this.#pending !== undefined) this.#terminal.write(`${this.#pending}\n`)
    this.#pending = undefined
  }
}
