/** Kills the processes of a network, one after the other, in an order that a seed gives. */
import { setTimeout as sleep } from 'node:timers/promises'
import seedrandom from 'seedrandom'
import type { Member, ProcessGroup } from '#app/devnet/processes.ts'

export interface Kill {
  readonly name: string
  /** Seconds since the first one could have come. */
  readonly at: number
}

/** Stands in a round for everybody at once. */
const ALL = 'all'

export interface KillOptions {
  readonly seed: string
  readonly everyMs: number
  /** Whether all die at once, too, once in each round. */
  readonly together: boolean
  paused(): boolean
  onKill(kill: Kill): void
  readonly signal: AbortSignal
}

/**
 * One SIGKILL every `everyMs`, while it is not paused, until `signal` ends it. All members are hit once, in random order,
 * before anybody is hit again. Of the chain it is sometimes the node that dies, sometimes the process that keeps it.
 */
export async function killAll(group: ProcessGroup, options: KillOptions): Promise<Kill[]> {
  const { everyMs, signal } = options
  const random = seedrandom(options.seed)
  const kills: Kill[] = []
  const start = performance.now()
  let round: string[] = []
  for (;;) {
    await sleep(everyMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return kills
    if (options.paused()) continue
    if (round.length === 0) {
      const names = group.members.map(({ name }) => name).sort()
      round = shuffled(options.together ? [...names, ALL] : names, random)
    }
    const chosen = round.shift() as string
    const half = random() < 0.5
    for (const member of group.members.filter(({ name }) => name === chosen || chosen === ALL)) {
      if (!kill(member, half)) continue
      const one = { name: member.name, at: Math.round((performance.now() - start) / 1000) }
      kills.push(one)
      options.onKill(one)
    }
  }
}

/** False if it was dead already. */
function kill({ child, ready }: Member, half: boolean): boolean {
  if (child.exitCode !== null || child.signalCode !== null) return false
  const node = Number(ready.anvil ?? 0)
  try {
    process.kill(half && node > 0 ? node : (child.pid as number), 'SIGKILL')
    return true
  } catch {
    return false
  }
}

function shuffled(names: string[], random: () => number): string[] {
  for (let i = names.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a, b] = [names[i] as string, names[j] as string]
    names[i] = b
    names[j] = a
  }
  return names
}
