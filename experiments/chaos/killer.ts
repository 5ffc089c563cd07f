/** Kills the processes of a network, one after the other, in an order that a seed gives. */
import { setTimeout as sleep } from 'node:timers/promises'
import seedrandom from 'seedrandom'
import type { Member, ProcessGroup } from '#app/devnet/processes.ts'

export interface Kill {
  readonly name: string
  /** Seconds since the first one could have come. */
  readonly at: number
}

/**
 * One SIGKILL every `everyMs`, while it is not paused, until `signal` ends it. All members are hit once, in random order,
 * before anybody is hit again. Of the chain it is sometimes the node that dies, sometimes the process that keeps it.
 */
export async function killAll(
  group: ProcessGroup,
  options: { seed: string; everyMs: number; paused: () => boolean; onKill: (kill: Kill) => void; signal: AbortSignal },
): Promise<Kill[]> {
  const { everyMs, signal } = options
  const random = seedrandom(options.seed)
  const kills: Kill[] = []
  const start = performance.now()
  let round: string[] = []
  for (;;) {
    await sleep(everyMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return kills
    if (options.paused()) continue
    if (round.length === 0) round = shuffled(group.members.map(({ name }) => name).sort(), random)
    const name = round.shift() as string
    const half = random() < 0.5
    const member = group.members.find((one) => one.name === name)
    if (member === undefined || !kill(member, half)) continue
    const one = { name, at: Math.round((performance.now() - start) / 1000) }
    kills.push(one)
    options.onKill(one)
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
