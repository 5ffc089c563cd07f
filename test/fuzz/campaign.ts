/** Runs cases of a target: kept inputs and bombs first, then valid, mutated and random inputs from a seed. */
import { isDeepStrictEqual } from 'node:util'
import { bytesEqual, toHex } from '#proto/bytes.ts'
import { keep, keptInputs } from '#test/fuzz/corpus.ts'
import { Meter } from '#test/fuzz/meter.ts'
import { mutate } from '#test/fuzz/mutate.ts'
import { ALLOCATES, Broken, caseRandom, type Ending, refusal, type Target } from '#test/fuzz/target.ts'
import { Watchdog } from '#test/fuzz/watchdog/watchdog.ts'

export interface CampaignOptions {
  readonly cases: number
  readonly seed: number
  /** First case. Default 0. */
  readonly first?: number
  /** Stop starting cases after this many seconds of computing; the figures tell how many ran. */
  readonly seconds?: number
  /** Reduce a failing input and keep it in the corpus. */
  readonly keep?: boolean
}

/** What a campaign saw. */
export interface Figures {
  readonly target: string
  readonly seed: number
  readonly cases: number
  readonly kept: number
  readonly bombs: number
  readonly accepted: number
  /** Refused inputs by code. */
  readonly refused: Readonly<Record<string, number>>
  /** Of computing, for the numbered cases. */
  readonly seconds: number
  /** Bytes asked for by the hungriest case. */
  readonly mostBytes: number
  readonly slowestMs: number
}

const POOL = 24
const RANDOM_BYTES = 256
const MAX_SHOWN = 1024
/** Larger inputs are bombs: their source is the target. */
const MAX_REDUCED = 65_536
/** Attempts to make a failing input smaller. */
const REDUCTIONS = 2000
const CLOCK_EVERY = 64

/** Throws an error that names target, seed and input, and how to run it again, at the first property that fails. */
export async function campaign(target: Target, options: CampaignOptions): Promise<Figures> {
  const { cases, seed, first = 0, seconds = Number.POSITIVE_INFINITY } = options
  const run = new Runner(target, seed)
  await run.start()
  try {
    const kept = keptInputs(target.name)
    for (const { file, input } of kept) await run.replay(input, `kept input ${file}`)
    const bombs = [...(target.bombs?.() ?? [])]
    for (const [what, input] of bombs) await run.bomb(input, what)
    const pool = inputPool(target, seed)
    const started = computed()
    let done = first
    for (; done < first + cases; done++) {
      if (done % CLOCK_EVERY === 0 && computed() - started > seconds) break
      const { input, valid } = inputOf(target, pool, seed, done)
      const accepted = run.step(input, done)
      if ((accepted instanceof Promise ? await accepted : accepted) || !valid) continue
      run.fail(input, new Broken('refuses a valid input'), `case ${done}`)
    }
    const figures = { cases: done - first, kept: kept.length, bombs: bombs.length, seconds: computed() - started }
    return { ...run.figures(), ...figures }
  } catch (error) {
    if (options.keep && error instanceof FuzzFailure) error.message += await reduced(run, error)
    throw error
  } finally {
    run.stop()
  }
}

export class FuzzFailure extends Error {
  readonly input: Uint8Array
  readonly reason: string

  constructor(target: Target, seed: number, input: Uint8Array, reason: string, where: string, cause: unknown) {
    const hex = toHex(input.subarray(0, MAX_SHOWN))
    const cut = input.length > MAX_SHOWN ? ` (first ${MAX_SHOWN} of ${input.length} bytes)` : ''
    const again = where.startsWith('case ') ? `--seed ${seed} --${where}` : '--cases 0'
    super(
      `${target.name} ${reason}\n  seed ${seed}, ${where}\n  input${cut} ${hex}\n  again: node test/fuzz/main.ts ${target.name} ${again}`,
      { cause },
    )
    this.name = 'FuzzFailure'
    this.input = input
    this.reason = reason
  }
}

/** Seconds that this process has computed: a machine may be busy with other work. */
function computed(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** The valid inputs that a campaign starts from. */
function inputPool(target: Target, seed: number): Uint8Array[] {
  return Array.from({ length: POOL }, (_, i) => target.valid(caseRandom(`${target.name}/pool`, seed, i)))
}

function inputOf(
  target: Target,
  pool: readonly Uint8Array[],
  seed: number,
  index: number,
): { readonly input: Uint8Array; readonly valid: boolean } {
  if (index < pool.length) return { input: pool[index] as Uint8Array, valid: true }
  const random = caseRandom(target.name, seed, index)
  const kind = random.below(64)
  if (kind === 0) return { input: random.bytes(random.below(RANDOM_BYTES)), valid: false }
  return { input: mutate(random.pick(pool), random.pick(pool), random, target), valid: false }
}

class Runner {
  readonly #target: Target
  readonly #seed: number
  readonly #meter = new Meter()
  readonly #watchdog = new Watchdog()
  readonly #refused = new Map<string, number>()
  #accepted = 0
  #mostBytes = 0
  #slowestMs = 0

  constructor(target: Target, seed: number) {
    this.#target = target
    this.#seed = seed
  }

  async start(): Promise<void> {
    await this.#watchdog.start(`${this.#target.name}, seed ${this.#seed}`)
    this.#meter.start()
  }

  stop(): void {
    this.#meter.stop()
    this.#watchdog.stop()
  }

  figures(): Pick<Figures, 'target' | 'seed' | 'accepted' | 'refused' | 'mostBytes' | 'slowestMs'> {
    const refused = Object.fromEntries([...this.#refused].sort(([a], [b]) => (a < b ? -1 : 1)))
    const { name } = this.#target
    const [mostBytes, slowestMs] = [this.#mostBytes, this.#slowestMs]
    return { target: name, seed: this.#seed, accepted: this.#accepted, refused, mostBytes, slowestMs }
  }

  /** Runs a numbered case; whether its input was accepted. Stays synchronous where the decoder is. */
  step(input: Uint8Array, index: number): boolean | Promise<boolean> {
    this.#watchdog.beat(index)
    const began = performance.now()
    try {
      const ending = attempt(this.#target, this.#meter, input)
      if (ending instanceof Promise) {
        return ending.then(
          (one) => this.#count(one, input, began),
          (error) => this.fail(input, error, `case ${index}`),
        )
      }
      return this.#count(ending, input, began)
    } catch (error) {
      return this.fail(input, error, `case ${index}`)
    }
  }

  async replay(input: Uint8Array, where: string): Promise<Ending> {
    this.#watchdog.beat(-1)
    try {
      const ending = await attempt(this.#target, this.#meter, input)
      if ('value' in ending) sound(this.#target, ending.value, input)
      return ending
    } catch (error) {
      return this.fail(input, error, where)
    }
  }

  async bomb(input: Uint8Array, what: string): Promise<void> {
    const ending = await this.replay(input, `bomb: ${what}`)
    if ('value' in ending) this.fail(input, new Broken('takes a bomb'), `bomb: ${what}`)
  }

  fail(input: Uint8Array, error: unknown, where: string): never {
    if (error instanceof FuzzFailure) throw error
    if (!(error instanceof Broken)) throw error
    throw new FuzzFailure(this.#target, this.#seed, input, error.message, where, error.cause ?? error)
  }

  #count(ending: Ending, input: Uint8Array, began: number): boolean {
    this.#mostBytes = Math.max(this.#mostBytes, this.#meter.bytes)
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - began)
    if ('refused' in ending) {
      const { code } = ending.refused
      this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1)
      return false
    }
    this.#accepted++
    sound(this.#target, ending.value, input)
    return true
  }
}

/** Decodes once, under the meter. */
function attempt(target: Target, meter: Meter, input: Uint8Array): Ending | Promise<Ending> {
  meter.reset()
  const judge = (ending: Ending): Ending => {
    const most = (target.allocates ?? ALLOCATES)(input.length)
    if (meter.bytes <= most) return ending
    throw new Broken(`asks for ${meter.bytes} bytes for ${input.length}, at most ${most}`)
  }
  try {
    const value = target.decode(input)
    if (!(value instanceof Promise)) return judge({ value })
    return value.then(
      (one) => judge({ value: one }),
      (error) => judge({ refused: refusal(target, error) }),
    )
  } catch (error) {
    if (error instanceof Broken) throw error
    return judge({ refused: refusal(target, error) })
  }
}

/** Throws `Broken` unless the value of an accepted input encodes as its target says. */
function sound(target: Target, value: unknown, input: Uint8Array): void {
  if (target.encode === undefined || target.form === undefined) return
  let again: Uint8Array
  try {
    again = target.encode(value)
  } catch (cause) {
    throw new Broken(`takes what cannot be encoded: ${(cause as Error).message}`, { cause })
  }
  if (target.form === 'canonical') {
    if (!bytesEqual(again, input))
      throw new Broken(`is not canonical: encodes to ${toHex(again.subarray(0, MAX_SHOWN))}`)
    return
  }
  let second: unknown
  try {
    second = target.decode(again)
  } catch (cause) {
    throw new Broken(`refuses its own encoding: ${(cause as Error).message}`, { cause })
  }
  if (!(target.same ?? isDeepStrictEqual)(second, value)) throw new Broken('gives another value for its own encoding')
}

/** Makes a failing input smaller while it fails in the same way, and keeps it; says where. */
async function reduced(run: Runner, failure: FuzzFailure): Promise<string> {
  if (failure.input.length > MAX_REDUCED) return ''
  let best = failure.input
  const kind = failure.reason.replace(/\d+/g, '').slice(0, 40)
  let attempts = 0
  for (let size = best.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.length && attempts < REDUCTIONS; attempts++) {
      const smaller = Buffer.concat([best.subarray(0, at), best.subarray(at + size)])
      const reason = await run.replay(new Uint8Array(smaller), '').then(
        () => '',
        (error: Error) => (error instanceof FuzzFailure ? error.reason : ''),
      )
      if (reason.replace(/\d+/g, '').slice(0, 40) === kind) best = new Uint8Array(smaller)
      else at += size
    }
  }
  const [name] = failure.message.split(' ')
  const file = keep(name as string, best, failure.reason)
  return file === undefined ? '' : `\n  kept, reduced to ${best.length} bytes: ${file}`
}
