/** From times of training steps to the figures of `bench:step`: ratios of each model, the least of them, the claims. */
import type { Figure, Threshold } from '../lib/figures.ts'
import { median, type Ratio, ratioOf, rounded, type Times, tableOf } from './rounds.ts'

/** Rounds of one model on one thread count. */
export interface MeasuredStep {
  readonly model: string
  readonly threads: number
  readonly times: Times
  /** By engine: the share of a step's time that was not spent in kernels. */
  readonly overhead: Readonly<Record<string, number>>
}

/** Our contenders, and how fast each must be beside PyTorch; `nativeQ16` on the model that it is claimed for, with tiles. */
const CLAIMS = { native: 1, wasm: 0.35 } as const
const Q16_CLAIM = { figure: 'nativeQ16VsTorch.gpt-10m', least: 1.5 } as const
const OURS = [...Object.keys(CLAIMS), 'nativeQ16', 'wasmQ16']
const PEER = 'torch'
const MOST_OVERHEAD = 0.03

function rowOf({ times, overhead }: MeasuredStep): Record<string, unknown> {
  const names = Object.keys(times)
  const of = (name: string): number => median((times[name] ?? []).map(({ seconds }) => seconds))
  const ratios = OURS.flatMap((engine): [string, Ratio][] => {
    const ratio = ratioOf(times, engine, PEER)
    return ratio ? [[`${engine}VsTorch`, ratio]] : []
  })
  const by = (kind: keyof Ratio) => Object.fromEntries(ratios.map(([figure, ratio]) => [figure, rounded(ratio[kind])]))
  return {
    milliseconds: Object.fromEntries(names.map((name) => [name, rounded(1e3 * of(name))])),
    ...by('median'),
    fastest: by('fastest'),
    cpu: by('cpu'),
    overhead: Object.fromEntries(Object.entries(overhead).map(([engine, share]) => [engine, rounded(share)])),
    rounds: Math.max(...names.map((name) => times[name]?.length ?? 0)),
  }
}

export interface StepSummary {
  /** `<engine>VsTorchMin`, that with a thread count after it, `<engine>VsTorch.<model>`: least over thread counts. */
  readonly figures: Record<string, Figure>
  readonly thresholds: Record<string, Threshold>
  /** Figures of engines or peers that are missing: null. `models[name][threads]`. */
  readonly details: Record<string, unknown>
}

/** Everything that `bench:step` reports. @param tiles whether the processor has matrix tiles */
export function stepSummary(all: readonly MeasuredStep[], tiles: boolean): StepSummary {
  const figures: Record<string, Figure> = {}
  const missing: Record<string, null> = {}
  const thresholds: Record<string, Threshold> = {}
  for (const engine of OURS) {
    const least = CLAIMS[engine as keyof typeof CLAIMS]
    const lower = (key: string, value: number): void => {
      figures[key] = Math.min((figures[key] as number | undefined) ?? value, value)
    }
    const key = `${engine}VsTorch`
    for (const { model, threads, times } of all) {
      const ratio = ratioOf(times, engine, PEER)
      if (!ratio) continue
      for (const name of [`${key}Min`, `${key}Min${threads}`, `${key}.${model}`]) lower(name, ratio.median)
      if (least !== undefined) thresholds[`${key}Min`] = { min: least }
    }
    if (!(`${key}Min` in figures)) missing[`${key}Min`] = null
    const overheads = all.flatMap(({ overhead }) => overhead[engine] ?? [])
    if (overheads.length > 0) {
      figures[`${engine}Overhead`] = Math.max(...overheads)
      thresholds[`${engine}Overhead`] = { max: MOST_OVERHEAD }
    }
  }
  if (tiles && Q16_CLAIM.figure in figures) thresholds[Q16_CLAIM.figure] = { min: Q16_CLAIM.least }
  const models = tableOf(
    all.map((measured) => ({ item: measured.model, threads: measured.threads, row: rowOf(measured) })),
  )
  return { figures, thresholds, details: { ...missing, models } }
}
