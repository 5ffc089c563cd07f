/** What a trial came to, in rows for people and programs. */
import type { Hex } from '#contracts/abi/types.generated.ts'
import type { Verdict } from './trial.ts'

/** Ether of an amount in wei, to the micro-ether. */
const ether = (wei: bigint): number => Number(wei / 10n ** 12n) / 1e6

/** The figures of one trial: gas of moves; ether that each party has gained, or lost, beside its wages. */
export function costsOf({ actor, rulings, games, books, crooked, cast, gas, refused, blocks, delay, faults }: Verdict) {
  const honest = (accounts: readonly { readonly address: Hex }[]): readonly Hex[] =>
    accounts.map(({ address }) => address).filter((address) => !crooked.has(address))
  const net = (accounts: readonly Hex[]): number =>
    ether(
      accounts.reduce((sum, account) => {
        const { lost = 0n, awarded = 0n } = books.of.get(account) ?? {}
        return sum + awarded - lost
      }, 0n),
    )
  const moved = (accounts: readonly Hex[]): number =>
    accounts.reduce((sum, account) => sum + (gas.get(account) ?? 0), 0)
  return {
    name: actor.name,
    lie: actor.lie,
    rulings,
    games: games.map(({ winner, by, at, rounds, blocks: length }) => ({ winner, by, at, rounds, blocks: length })),
    blocks,
    ...(delay !== undefined && { delay }),
    refused,
    gasLiars: moved([...crooked]),
    gasHonest: moved([...gas.keys()].filter((account) => !crooked.has(account))),
    liars: net([...crooked]),
    solvers: net(honest(cast.solvers)),
    verifiers: net(honest(cast.verifiers)),
    challenger: net(honest([cast.whistleblower])),
    coordinator: net(honest([cast.coordinator])),
    burned: ether(books.burned),
    faults,
  }
}

/** A line for people. */
export function lineOf(verdict: Verdict): string {
  const costs = costsOf(verdict)
  const played = costs.games.map(({ winner, by, at, rounds, blocks }) => {
    const how = by === 'proof' ? at : `${by} (${at})`
    return `${winner} by ${how}, ${rounds} rounds, ${blocks} blocks`
  })
  const { liars, solvers, verifiers, challenger, burned, gasLiars, gasHonest, refused, delay } = costs
  const money = `liars ${liars}, solvers ${solvers}, verifiers ${verifiers}, challenger ${challenger}, burned ${burned}`
  const lines = [
    `${costs.name}: ${costs.rulings.join(', then ')} after ${costs.blocks} blocks`,
    ...played,
    `gas of liars ${gasLiars}, of others ${gasHonest}${refused > 0 ? `, ${refused} moves refused` : ''}`,
    ...(delay === undefined ? [] : [`settled ${delay} blocks after the challenge`]),
    money,
    ...costs.faults.map((fault) => `FAULT ${fault}`),
  ]
  return lines.join('\n    ')
}
