/** Draws: audit seeds from block hashes, what they sample, whom they name as verifier; all of it derived again. */
import type { JsonRpcProvider } from 'ethers'
import { fromHex, to0x } from '#proto/bytes.ts'
import { auditSeed, drawVerifier, isSampled } from '#proto/draw.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { headerHash, readHeader } from './blocks.ts'
import { entryPlace } from './entries.ts'
import { Findings, type Outcome } from './finding.ts'
import type { History } from './history.ts'
import { type ChainRecord, logPlace } from './record.ts'

/** Of BlockRandomness.sol: blocks from a commitment to its round, and until an unread round passes on. */
const DELAY = 2
const LAPSE = 250

/** Values of randomness by round, as they were recorded. */
export function recordedValues(record: ChainRecord): ReadonlyMap<number, string> {
  return new Map(
    record.events.flatMap((event) => (event.name === 'Recorded' ? [[event.round, event.value] as const] : [])),
  )
}

/**
 * Each recorded value is the hash of the block that its round names.
 * Why: a seed that somebody could choose would let a liar know beforehand what nobody replays.
 */
export async function checkRandomness(
  provider: JsonRpcProvider,
  record: ChainRecord,
  [from, to]: readonly [number, number],
  signal: AbortSignal,
): Promise<Outcome> {
  const findings = new Findings()
  let count = 0
  for (const event of record.events) {
    if (event.name !== 'Recorded' || event.blockNumber < from || event.blockNumber > to) continue
    signal.throwIfAborted()
    count++
    const { round, source, value, blockNumber } = event
    const place = `${logPlace(event)} (randomness of round ${round})`
    const due = round + Math.floor((blockNumber - round - 1) / LAPSE) * LAPSE
    findings.same(place, 'its source block', source, due)
    findings.same(place, 'its value', value, headerHash(await readHeader(provider, source)))
  }
  return findings.outcome(`${count} values are hashes of blocks`)
}

/**
 * Each audit seed follows from the randomness of the round that its commitment fixed, and draws exactly the entries that
 * were sampled.
 * Why: the draw must be fixed after the commitment, and by nobody.
 */
export function checkSeeds(record: ChainRecord, history: History, job: JobView): Outcome {
  const findings = new Findings()
  const values = recordedValues(record)
  const probation = new Map(
    [...history.events].flatMap((e) => (e.name === 'Assigned' ? [[e.epoch, e.fromWindow] as const] : [])),
  )
  let sampled = 0
  let seeds = 0
  for (const window of history.windows) {
    const place = `window ${window.window} of epoch ${window.epoch}`
    findings.same(place, 'the round of its seed', window.seedRound, window.committedAt + DELAY)
    if (window.seed === null) continue
    seeds++
    const value = values.get(window.seedRound)
    if (value === undefined) {
      findings.add(place, `no randomness was recorded for round ${window.seedRound}`)
      continue
    }
    const seed = auditSeed(fromHex(history.jobId, 32), window.epoch, window.window, fromHex(value, 32))
    findings.same(place, 'its audit seed', window.seed, to0x(seed))
    const cells = history.cells.get(window.epoch)?.length ?? 0
    for (const [index, entry] of window.entries.entries()) {
      const first = probation.get(window.epoch) === window.window && index < cells
      const drawn = first || isSampled(seed, fromHex(entry.entryHash, 32), job.terms.sampleRate)
      if (entry.sampled) sampled++
      const says = (is: boolean): string => (is ? 'drawn' : 'not drawn')
      findings.expect(
        entry.sampled === drawn,
        entryPlace(window, index),
        () => `it was ${says(entry.sampled)}, the seed says ${says(drawn)}`,
      )
    }
  }
  const all = history.windows.reduce((sum, { entries }) => sum + entries.length, 0)
  return findings.outcome(`${seeds} seeds draw ${sampled} of ${all} entries`)
}

/**
 * Every verdict is on a drawn entry and by the verifier that the seed drew for it in that round.
 * Why: a verdict by anybody else would be one that a liar could arrange.
 */
export function checkVerifiers(history: History, job: JobView): Outcome {
  const findings = new Findings()
  const pool = job.pool.map(({ account, weight }) => ({ address: fromHex(account, 20), stake: weight }))
  let verdicts = 0
  for (const window of history.windows) {
    if (window.seed === null) continue
    for (const [index, entry] of window.entries.entries()) {
      for (const verdict of entry.verdicts) {
        verdicts++
        const place = `${entryPlace(window, index)}, verdict of round ${verdict.round}`
        findings.expect(entry.sampled, place, () => 'the entry was not drawn')
        const at = drawVerifier(fromHex(window.seed, 32), fromHex(entry.entryHash, 32), verdict.round, pool)
        const drawn = at === undefined ? 'nobody' : job.pool[at]?.account
        findings.same(place, 'its verifier', verdict.verifier, drawn)
      }
      const verified = window.status === 'verified' || window.status === 'final'
      findings.expect(
        !verified || !entry.sampled || entry.accepted,
        entryPlace(window, index),
        () => 'the window passed although nobody accepted this drawn entry',
      )
    }
  }
  return findings.outcome(`${verdicts} verdicts by the ${job.pool.length} verifiers of the pool`)
}
