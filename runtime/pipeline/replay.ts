/**
 * Verifies one cell of a pipeline alone: what came in is streamed from whoever holds it and must be what both ends have
 * signed, what went out is computed again and compared with what the cell has signed.
 */
import { bytesEqual } from '#proto/bytes.ts'
import type { Hash } from '#proto/ids.ts'
import { turnsOf } from '#proto/machines/stage.ts'
import { type Border, GIVES } from './bundles.ts'
import { type CellPlace, type CellPorts, StageRunner } from './runner.ts'
import type { StageOutline } from './worker.ts'

/** Everything that crossed from one stage to another in a step. */
export interface BorderName {
  readonly step: number
  readonly from: number
  readonly to: number
}

export interface ReplayPorts extends Required<Pick<CellPorts, 'compute' | 'hashing' | 'fetchBundle' | 'fetchSum'>> {
  readonly onSum?: CellPorts['onSum']
  /** The root that both ends have signed; undefined: none is known. */
  signedRoot(border: BorderName): Hash | undefined
}

/** What a replay has shown. */
export interface CellReplay {
  /** Borders into the cell of which something else came than is signed: whoever served it is to blame, not the cell. */
  readonly foreign: readonly BorderName[]
  /** Borders out of the cell for which it has signed something else than comes of what came in. */
  readonly forged: readonly BorderName[]
}

/**
 * Replays a cell over some steps from the state that `ports.compute` has loaded. Nothing is said about what went out after
 * something foreign came in.
 * @throws what the ports reject with; bad-proof if a bundle is not what its provider says it is
 */
export async function replayCell(
  place: CellPlace,
  outline: StageOutline,
  steps: readonly [number, number],
  ports: ReplayPorts,
): Promise<CellReplay> {
  const foreign: BorderName[] = []
  const forged: BorderName[] = []
  const { compute, hashing, fetchBundle, fetchSum, onSum } = ports
  const runner = new StageRunner(place, outline, steps, {
    ...{
      compute,
      hashing,
      fetchBundle: fetchBundle.bind(ports),
      fetchSum: fetchSum.bind(ports),
      ...(onSum && { onSum }),
    },
    onBorder: async (step, from, to, root) => {
      const signed = ports.signedRoot({ step, from, to })
      if (signed && bytesEqual(root, signed)) return
      const wrong = from === place.stage ? forged : foreign
      wrong.push({ step, from, to })
    },
  })
  const { signal } = runner
  // Nobody asks for what it makes.
  const taken = [
    ...outline.borders
      .filter(({ from }) => from === place.stage)
      .map((border) => takeAll(runner, border, place, steps)),
    ...levelsOf(place).map(async (level) => {
      for (let step = steps[0]; step < steps[1]; step++) (await runner.offeredSum({ step, level }, signal)).release()
    }),
  ]
  try {
    await Promise.all([runner.run(), ...taken])
  } finally {
    runner.stop()
    await Promise.allSettled(taken)
  }
  return { foreign, forged: foreign.length > 0 ? [] : forged }
}

async function takeAll(
  runner: StageRunner,
  { kind, from, to }: Border,
  { replica, replicas, microBatches, lanes }: CellPlace,
  steps: readonly [number, number],
): Promise<void> {
  const turns = GIVES[kind] ? turnsOf(replica, microBatches, lanes, replicas) : [{ microBatch: 0 }]
  for (let step = steps[0]; step < steps[1]; step++) {
    for (const { microBatch } of turns) (await runner.offered({ kind, from, to, step, microBatch })).release()
  }
}

/** Levels whose sums a replica gives to others. */
function levelsOf({ replicas }: CellPlace): number[] {
  const levels: number[] = []
  for (let level = replicas; level > 1; level /= 2) levels.push(level)
  return levels
}
