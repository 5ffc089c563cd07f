/** Named economies, frozen: what periods and prices mean on a chain with the given block time. */
import { fail } from '#proto/errors.ts'
import type { Periods, Prices } from '#proto/terms.ts'

export interface Preset {
  readonly name: string
  /** For which the periods were chosen; nothing committed depends on it. */
  readonly blockSeconds: number
  /** Blocks on top of an event before it is acted upon. */
  readonly confirmations: number
  readonly prices: Prices
  readonly periods: Periods
}

const GWEI = 10n ** 9n
const MILLI_ETHER = 10n ** 15n

function freeze(preset: Preset): Preset {
  Object.freeze(preset.prices)
  Object.freeze(preset.periods)
  return Object.freeze(preset)
}

export const PRESETS = Object.freeze({
  /** One machine, a block every 0.2 s: a job is over in a minute or two, a silent process is replaced in a minute. */
  devnet: freeze({
    name: 'devnet',
    blockSeconds: 0.2,
    confirmations: 0,
    prices: {
      entryPrice: MILLI_ETHER,
      verdictFee: MILLI_ETHER / 2n,
      windowFee: MILLI_ETHER,
      verdictStake: 10n * MILLI_ETHER,
      challengeBond: 10n * MILLI_ETHER,
      coordinatorBond: 100n * MILLI_ETHER,
      gasPrice: GWEI,
    },
    periods: {
      bidPeriod: 30, // 6 s: processes that have just started find time to bid
      commitPeriod: 300, // 60 s
      verdictPeriod: 300, // 60 s
      revealPeriod: 50, // 10 s
      challengePeriod: 15, // 3 s: whistleblowers audit from the commitment on
      responsePeriod: 200, // 40 s: half of it at each level of a game, on a machine that trains and plays several at once
      jobPeriod: 9_000, // 30 min
    },
  }),
  /** A public test chain, a block every 12 s: people may be asleep for an hour, not for a day. */
  testnet: freeze({
    name: 'testnet',
    blockSeconds: 12,
    confirmations: 6,
    prices: {
      entryPrice: 20_000n * GWEI,
      verdictFee: 10_000n * GWEI,
      windowFee: 50_000n * GWEI,
      verdictStake: 200_000n * GWEI,
      challengeBond: 500_000n * GWEI,
      coordinatorBond: MILLI_ETHER,
      gasPrice: GWEI / 50n,
    },
    periods: {
      bidPeriod: 50, // 10 min
      commitPeriod: 300, // 1 h
      verdictPeriod: 300, // 1 h
      revealPeriod: 75, // 15 min
      challengePeriod: 300, // 1 h
      responsePeriod: 150, // 30 min
      jobPeriod: 50_400, // 7 days
    },
  }),
})

export type PresetName = keyof typeof PRESETS

/** Throws `bad-config` for an unknown name. */
export function presetOf(name: string): Preset {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name as PresetName] : undefined
  return preset ?? fail('bad-config', `no preset ${name}`, { next: `Use one of ${Object.keys(PRESETS).join(', ')}.` })
}
