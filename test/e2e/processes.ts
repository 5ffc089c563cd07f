/** What runs on this machine, by /proc: process trees, whether somebody is still there, who listens. */
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'

/** A process; the start time tells it from a later one of the same number. */
export interface Process {
  readonly pid: number
  readonly parent: number
  readonly startTime: string
  /** One letter; Z: it has ended and waits to be noticed by its parent. */
  readonly state: string
  readonly command: string
}

async function inspect(pid: number): Promise<Process | undefined> {
  try {
    const [stat, command] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ])
    // The name of the program stands in brackets and may hold anything; fields are counted behind it (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state = '', parent] = fields
    return { pid, parent: Number(parent), startTime: fields[19] ?? '', state, command: command.replaceAll('\0', ' ') }
  } catch {
    return undefined
  }
}

/** The process `pid` and everything below it. */
export async function treeOf(pid: number): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const all = (await Promise.all(pids.map(inspect))).filter((found) => found !== undefined)
  const tree = all.filter((one) => one.pid === pid)
  for (const one of tree) tree.push(...all.filter(({ parent }) => parent === one.pid))
  return tree
}

/** Whether this very process still runs. */
export async function isAlive({ pid, startTime }: Process): Promise<boolean> {
  const now = await inspect(pid)
  return now !== undefined && now.startTime === startTime && !'ZX'.includes(now.state)
}

/** Those of `processes` that still run. */
export async function survivors(processes: readonly Process[]): Promise<Process[]> {
  const alive = await Promise.all(processes.map(isAlive))
  return processes.filter((_, i) => alive[i])
}

/** Ends a process and everything below it at once. */
export async function killTree(pid: number): Promise<void> {
  for (const { pid: one } of await treeOf(pid)) {
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // It was faster.
    }
  }
}

/** Whether somebody accepts connections on a port of this machine. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/**
 * Calls `probe` until it returns something truthy, and returns that.
 * @throws Error naming `what` after `seconds`
 */
export async function until<T>(what: string, probe: () => T | Promise<T>, seconds: number): Promise<NonNullable<T>> {
  const deadline = performance.now() + seconds * 1000
  for (;;) {
    const found = await probe()
    if (found) return found
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
