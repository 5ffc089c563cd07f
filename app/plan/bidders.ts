/** The bidders that a plan is made for: from a file (docs/cli.md, assay plan), or so many like this machine. */
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { faultOf, readRates, readSmall } from '#app/plan/rates.ts'
import { type Bidder, MAX_BIDDERS, type Times } from '#graph/plan/bidder.ts'
import type { Program } from '#graph/types.ts'
import { check, fail } from '#proto/errors.ts'
import { timesOf } from '#runtime/speed/predict.ts'
import type { Rates } from '#runtime/speed/rates.ts'

const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }

/** Bytes of `640`, `512 MiB` or `1.5GiB`; undefined for anything else. */
export function bytesOf(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,6})?)\s*(|KiB|MiB|GiB|TiB)$/.exec(text.trim()) ?? []
  const bytes = Math.floor(Number(number) * (UNITS[unit] as number))
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

const memory = z.union([z.int().min(0), z.string().max(32)]).transform((value, context) => {
  const bytes = typeof value === 'number' ? value : bytesOf(value)
  if (bytes !== undefined) return bytes
  context.addIssue({ code: 'custom', message: 'must be a number of bytes, or text such as 512 MiB' })
  return z.NEVER
})

const BIDDERS = z
  .array(
    z.strictObject({
      name: z.string().regex(/^[\w.:-]{1,64}$/, 'must be 1 to 64 letters, digits and . : _ -'),
      count: z.int().min(1).max(MAX_BIDDERS).optional(),
      memory: memory.optional(),
      rate: z.number().min(0.001).max(1e7).optional(),
      latency: z.number().min(0).max(60_000).optional(),
      speed: z.number().min(1e-3).max(1e3).optional(),
      rates: z.string().min(1).max(4096).optional(),
    }),
  )
  .min(1)
  .max(MAX_BIDDERS)

/** A bidder as somebody states it: of one that has a file of rates, those hold; of any other, this machine's, times `speed`. */
export interface Stated {
  readonly name: string
  /** Bytes, Mbit/s in each direction, milliseconds one way. */
  readonly memory: number
  readonly rate: number
  readonly latency: number
  /** How many times as fast as its rates say. */
  readonly speed: number
  /** Path of its rates; undefined for this machine's. */
  readonly rates: string | undefined
}

/** What holds for bidders that do not state it. */
export type Assumed = Pick<Stated, 'memory' | 'rate' | 'latency'>

/** Bidders of a file, YAML or JSON. @throws bad-config, not-found, over-limit, storage */
export async function readBidders(path: string, assumed: Assumed): Promise<Stated[]> {
  const text = await readSmall(path, 'file of bidders')
  const next = 'docs/cli.md, assay plan, shows what such a file looks like.'
  try {
    const list = BIDDERS.parse(parse(text, { maxAliasCount: 32, uniqueKeys: true, logLevel: 'silent' }))
    return list.flatMap(({ name, count, rates, ...stated }) => {
      const file = rates === undefined ? undefined : resolve(dirname(path), rates)
      const one = { ...assumed, ...defined(stated), speed: stated.speed ?? 1, rates: file }
      return count === undefined ? [{ ...one, name }] : named(name, count).map((each) => ({ ...one, name: each }))
    })
  } catch (cause) {
    return fail('bad-config', `${path}: ${faultOf(cause)}`, { next, cause })
  }
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }
const defined = <T extends object>(all: T): Partial<Defined<T>> =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Partial<Defined<T>>

const named = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}-${i + 1}`)

/** So many bidders as this machine is. */
export const likeThis = (count: number, assumed: Assumed): Stated[] =>
  named('like-this', count).map((name) => ({ ...assumed, name, speed: 1, rates: undefined }))

/**
 * Bidders as the planner takes them.
 * @param here this machine's rates; asked for only if a bidder needs them
 * @throws bad-config for rates that are none, or for too many bidders
 */
export async function biddersOf(
  program: Program,
  stated: readonly Stated[],
  here: () => Promise<Rates>,
): Promise<Bidder[]> {
  check(
    stated.length <= MAX_BIDDERS,
    'bad-config',
    `${stated.length} bidders: at most ${MAX_BIDDERS} can be planned for`,
  )
  const known = new Map<string, { readonly rates: Rates; readonly times: Times }>()
  const speedOf = async ({ rates: path, speed }: Stated) => {
    const key = `${speed} ${path ?? ''}`
    const rates = path === undefined ? await here() : await readRates(path)
    const found = known.get(key) ?? { rates, times: faster(timesOf(program, rates), speed) }
    known.set(key, found)
    return found
  }
  const bidders: Bidder[] = []
  for (const one of stated) {
    const { rates, times } = await speedOf(one)
    bidders.push({
      ...{ name: one.name, times, threads: rates.threads, memory: one.memory },
      ...{ rate: one.rate * 1e6, latency: Math.round(one.latency * 1e6) },
    })
  }
  return bidders
}

function faster({ run, micro, combine, update }: Times, speed: number): Times {
  const times = (list: readonly number[]): number[] => list.map((nanoseconds) => Math.round(nanoseconds / speed))
  return { run: Math.round(run / speed), micro: times(micro), combine: times(combine), update: times(update) }
}
