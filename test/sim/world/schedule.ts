/**
 * Virtual time for a simulation: one queue of events, each fired when the work of the one before has come to rest. Every event
 * belongs to a life of a process, or to the world; those of a life end with it, as after kill -9.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { fail } from '#proto/errors.ts'

/** One run of one process: a restarted process has another life. */
export class Life {
  readonly name: string
  /** Milliseconds that its own clock counts in a millisecond of the world's. */
  readonly rate: number
  /** What its clock is ahead of the world's at the beginning of the world, ms. */
  readonly offset: number
  /** The world's time when it began, ms. */
  readonly began: number
  alive = true
  /** Its threads stand still until then. */
  frozenUntil = 0

  constructor(name: string, began: number, rate = 1, offset = 0) {
    this.name = name
    this.began = began
    this.rate = rate
    this.offset = offset
  }
}

interface Event {
  at: number
  order: number
  readonly life: Life | undefined
  readonly run: () => unknown
  cancelled: boolean
}

/** What a timer returns; like Node's it can be cancelled and unreferenced. */
export class Timer {
  readonly cancel: () => void

  constructor(cancel: () => void) {
    this.cancel = cancel
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return true
  }
}

export class Schedule {
  /** Milliseconds since the beginning of the world. */
  now = 0
  /** Events fired so far. */
  fired = 0
  readonly #queue: Event[] = []
  readonly #lives = new AsyncLocalStorage<Life | undefined>()
  #order = 0

  /** The life whose code is running; undefined: the world's own. */
  get life(): Life | undefined {
    return this.#lives.getStore()
  }

  /** Runs code as part of a life: what it starts, however late, belongs to it. */
  as<T>(life: Life | undefined, run: () => T): T {
    return this.#lives.run(life, run)
  }

  /** Fires `run` in `delay` ms of the world's clock, as part of the life that is running. */
  after(delay: number, run: () => unknown): Timer {
    return this.of(this.life, delay, run)
  }

  /** The same as part of a given life, or of none: then time stands still until what `run` returns is settled. */
  of(life: Life | undefined, delay: number, run: () => unknown): Timer {
    const event = { at: this.now + Math.max(0, delay), order: this.#order++, life, run, cancelled: false }
    this.#push(event)
    return new Timer(() => {
      event.cancelled = true
    })
  }

  /** Resolves after that much of the world's time. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }

  /**
   * Lets time pass until `done`; `check` looks at the world after every event.
   * @throws AssayError `timeout` after `limit` ms
   */
  async run(done: () => boolean, limit: number, check: () => void): Promise<void> {
    await rest()
    while (!done()) {
      const event = this.#pop()
      if (!event || event.at > limit) fail('timeout', `nothing comes of it in ${limit} virtual ms`)
      const { life } = event
      if (event.cancelled || life?.alive === false) continue
      if (life && event.at < life.frozenUntil) {
        event.at = life.frozenUntil
        event.order = this.#order++
        this.#push(event)
        continue
      }
      this.now = event.at
      this.fired++
      const work = this.#lives.run(life, () => event.run())
      // the world's own work may ask the chain, in real time; a process goes on by its own events
      if (!life) await work
      await rest()
      check()
    }
  }

  /** Heap by time, then by order of asking. */
  #push(one: Event): void {
    const queue = this.#queue
    let i = queue.length
    queue.push(one)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(one, queue[parent] as Event)) break
      queue[i] = queue[parent] as Event
      i = parent
    }
    queue[i] = one
  }

  #pop(): Event | undefined {
    const queue = this.#queue
    const first = queue[0]
    const last = queue.pop()
    if (!first || !last || queue.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= queue.length) break
      if (child + 1 < queue.length && before(queue[child + 1] as Event, queue[child] as Event)) child++
      if (!before(queue[child] as Event, last)) break
      queue[i] = queue[child] as Event
      i = child
    }
    queue[i] = last
    return first
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

const immediate = setImmediate

/** Everything that waits neither for a timer nor for the chain has happened. */
const rest = (): Promise<void> => new Promise((resolve) => immediate(resolve))
