/** What the processes of a devnet tell in their logs: bytes sent, steps replayed. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A line that a role logs: a JSON object. */
interface Line {
  readonly msg?: string
  readonly job?: string
  readonly bytesSent?: number
  readonly stepFrom?: number
  readonly stepTo?: number
  readonly epoch?: number
  readonly step?: number
}

/** How long the last lines of a stopped process may take to reach its log file, in milliseconds. */
const FLUSH_MS = 5_000

async function linesOf(folder: string, name: string): Promise<Line[]> {
  const text = await readFile(join(folder, `${name}.log`), 'utf8')
  // The last line may not be whole yet.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return whole.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line)
}

/**
 * Bytes that each of the stopped processes sent to its peers, handshakes and framing included.
 * @throws Error if one of them did not end in an orderly way
 */
export async function bytesSent(folder: string, names: readonly string[]): Promise<Record<string, number>> {
  const sent: Record<string, number> = {}
  const deadline = performance.now() + FLUSH_MS
  for (const name of names) {
    for (;;) {
      const last = (await linesOf(folder, name)).findLast(({ msg }) => msg === 'traffic')
      if (last?.bytesSent !== undefined) {
        sent[name] = last.bytesSent
        break
      }
      if (performance.now() > deadline) throw new Error(`${name} did not tell what it sent`)
      await new Promise((done) => setTimeout(done, 50))
    }
  }
  return sent
}

/** Steps of a job that each process replayed to check others; the work of a replayed step is that of all its replicas. */
export async function stepsReplayed(
  folder: string,
  names: readonly string[],
  jobId: string,
): Promise<Record<string, number>> {
  const steps: Record<string, number> = {}
  for (const name of names) {
    const replays = (await linesOf(folder, name)).filter(({ msg, job }) => msg === 'replayed' && job === jobId)
    if (replays.length > 0) {
      steps[name] = replays.reduce((sum, { stepFrom = 0, stepTo = 0 }) => sum + stepTo - stepFrom, 0)
    }
  }
  return steps
}

/** Entries that the named solvers began more than once in the same plan epoch: work that was lost and done again. */
export async function retrainedEntries(folder: string, names: readonly string[]): Promise<number> {
  let lost = 0
  for (const name of names) {
    const begun = new Map<string, number>()
    for (const { msg, job, epoch, step } of await linesOf(folder, name)) {
      if (msg !== 'begins an entry') continue
      const key = `${job}:${epoch}:${step}`
      const times = begun.get(key) ?? 0
      if (times > 0) lost++
      begun.set(key, times + 1)
    }
  }
  return lost
}
