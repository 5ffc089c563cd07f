/** From times of contractions to the figures of `bench:gemm`: ratios of each shape, their geometric means, the claims. */
import type { Figure, Threshold } from '../lib/figures.ts'
import { geometricMean, median, type Ratio, ratioOf, rounded, type Times, tableOf } from './rounds.ts'
import { flopsOf, isLargeSquare, type Shape } from './shapes.ts'

/** Rounds of one shape on one thread count. */
export interface Measured {
  readonly shape: Shape
  readonly threads: number
  readonly times: Times
  /** Which of the contenders are the loops of peak.ts, on one core, and the floating-point operations of their runs. */
  readonly peaks: Readonly<Record<string, number>>
}

/** Shapes on which a quantised contraction has something to do besides quantising. */
const isDeep = ({ k }: Shape): boolean => k >= 128

/** Figures by name: which of the contenders against which, on which shapes. */
const COMPARED = [
  { figure: 'nativeVsOpenblas', name: 'native', peer: 'openblas', least: 1.05 },
  { figure: 'wasmVsOpenblas', name: 'wasm', peer: 'openblas', least: 0.33 },
  { figure: 'wasmVsFmaPeak', name: 'wasm', peer: 'peak', least: 0.85, only: isLargeSquare },
  { figure: 'nativeVsFmaPeak', name: 'native', peer: 'nativePeak', only: isLargeSquare },
  { figure: 'nativeVsTorch', name: 'native', peer: 'torch' },
  { figure: 'wasmVsTorch', name: 'wasm', peer: 'torch' },
  { figure: 'q16VsOpenblas', name: 'nativeQ16', peer: 'openblas', least: 3.5, only: isDeep, tiles: true },
  { figure: 'wasmQ16VsOpenblas', name: 'wasmQ16', peer: 'openblas', only: isDeep },
] as const satisfies readonly {
  readonly figure: string
  readonly name: string
  readonly peer: string
  readonly least?: number
  readonly only?: (shape: Shape) => boolean
  /** Claimed of processors with matrix tiles alone. */
  readonly tiles?: boolean
}[]

/** What a contraction would take at the peak of all cores. */
function ideal({ shape, threads, times, peaks }: Measured): Times {
  return Object.fromEntries(
    Object.entries(peaks).map(([name, flops]) => {
      const scale = flopsOf(shape) / flops
      const samples = (times[name] ?? []).map(({ seconds, cpuSeconds }) => ({
        seconds: (seconds * scale) / threads,
        cpuSeconds: cpuSeconds * scale,
      }))
      return [name, samples]
    }),
  )
}

function ratiosOf(measured: Measured): Record<string, Ratio> {
  const { shape } = measured
  const all = { ...measured.times, ...ideal(measured) }
  return Object.fromEntries(
    COMPARED.flatMap(({ figure, name, peer, ...rest }) => {
      const ratio = 'only' in rest && !rest.only(shape) ? null : ratioOf(all, name, peer)
      return ratio ? [[figure, ratio]] : []
    }),
  )
}

/** What the JSON line says of one shape. */
function rowOf(measured: Measured): Record<string, unknown> {
  const { shape, times, peaks } = measured
  const names = Object.keys(times).filter((name) => !(name in peaks))
  const gflops = names.map((name) => [
    name,
    rounded(flopsOf(shape) / median((times[name] ?? []).map(({ seconds }) => seconds)) / 1e9),
  ])
  const ratios = Object.entries(ratiosOf(measured))
  const by = (kind: keyof Ratio) => Object.fromEntries(ratios.map(([figure, ratio]) => [figure, rounded(ratio[kind])]))
  const rounds = Math.max(...names.map((name) => times[name]?.length ?? 0))
  return { gflops: Object.fromEntries(gflops), ...by('median'), cpu: by('cpu'), rounds }
}

export interface Summary {
  /** `<figure><threads>` for every thread count, and `<figure>`: the least of them. */
  readonly figures: Record<string, Figure>
  readonly thresholds: Record<string, Threshold>
  /** Figures that have no value because a contender is missing: null. `shapes[label][threads]`; `fastest` and `cpu`. */
  readonly details: Record<string, unknown>
}

/** Everything that `bench:gemm` reports. @param tiles whether the processor has matrix tiles */
export function summaryOf(all: readonly Measured[], tiles: boolean): Summary {
  const figures: Record<string, Figure> = {}
  const missing: Record<string, null> = {}
  const thresholds: Record<string, Threshold> = {}
  const others = { fastest: {} as Record<string, number>, cpu: {} as Record<string, number> }
  const threads = [...new Set(all.map((measured) => measured.threads))]
  for (const { figure, ...rest } of COMPARED) {
    const means = threads.flatMap((count) => {
      const ratios = all
        .filter((measured) => measured.threads === count)
        .flatMap((each) => ratiosOf(each)[figure] ?? [])
      const meanOf = (kind: keyof Ratio): number | null => geometricMean(ratios.map((ratio) => ratio[kind]))
      const mean = meanOf('median')
      if (mean === null) return []
      figures[`${figure}${count}`] = mean
      for (const kind of ['fastest', 'cpu'] as const)
        others[kind][`${figure}${count}`] = rounded(meanOf(kind) as number)
      return [mean]
    })
    if (means.length === 0) missing[figure] = null
    else figures[figure] = Math.min(...means)
    if (means.length > 0 && 'least' in rest && (tiles || !('tiles' in rest))) thresholds[figure] = { min: rest.least }
  }
  const shapes = tableOf(
    all.map((measured) => ({ item: measured.shape.label, threads: measured.threads, row: rowOf(measured) })),
  )
  return { figures, thresholds, details: { ...missing, ...others, shapes } }
}
