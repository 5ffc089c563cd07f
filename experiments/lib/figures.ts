/** How every experiment and benchmark reports: a table for people, then one JSON line for programs. */
import { cpus, totalmem } from 'node:os'

/** What a figure must satisfy; bounds are inclusive. */
export interface Threshold {
  readonly min?: number
  readonly max?: number
  readonly equals?: number | string | boolean
}

export type Figure = number | string | boolean

export interface Report {
  /** Name of the experiment, as given to `npm run experiment` or `npm run bench:NAME`. */
  readonly name: string
  /** What was measured; keys name the unit where there is one (`seconds`, `bytesSent`). */
  readonly figures: Readonly<Record<string, Figure>>
  /** Claims about figures of the same name; a report without any always passes. */
  readonly thresholds?: Readonly<Record<string, Threshold>>
  /** Anything else that belongs into the JSON line: settings, raw samples. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** True if `figure` is there and meets `threshold`; NaN meets nothing. */
export function meets(figure: Figure | undefined, threshold: Threshold): boolean {
  const { min, max, equals } = threshold
  if (figure === undefined || Number.isNaN(figure)) return false
  if (equals !== undefined && figure !== equals) return false
  if (min === undefined && max === undefined) return equals !== undefined
  return typeof figure === 'number' && figure >= (min ?? -Infinity) && figure <= (max ?? Infinity)
}

/** True if every threshold is met by the figure of its name. The only place where an experiment's success is decided. */
export function passes({ figures, thresholds = {} }: Report): boolean {
  return Object.entries(thresholds).every(([key, threshold]) => meets(figures[key], threshold))
}

/** The machine a figure was measured on. */
export function machine(): {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
} {
  const all = cpus()
  return {
    cpu: all[0]?.model ?? 'unknown',
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  }
}

const say = ({ min, max, equals }: Threshold): string =>
  [
    equals === undefined ? [] : [`= ${equals}`],
    min === undefined ? [] : [`>= ${min}`],
    max === undefined ? [] : [`<= ${max}`],
  ]
    .flat()
    .join(', ')

function show(figure: Figure | undefined): string {
  if (typeof figure !== 'number' || Number.isInteger(figure)) return String(figure)
  return Math.abs(figure) >= 1e-3 ? String(Number(figure.toPrecision(5))) : figure.toExponential(3)
}

/** The table: one line per figure, with its threshold and whether it is met; claims about missing figures come last. */
export function table({ figures, thresholds = {} }: Report): string {
  const names = [...new Set([...Object.keys(figures), ...Object.keys(thresholds)])]
  const rows = names.map((name) => {
    const threshold = thresholds[name]
    const verdict = threshold === undefined ? [] : [say(threshold), meets(figures[name], threshold) ? 'met' : 'MISSED']
    return [name, show(figures[name]), ...verdict]
  })
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  const widths = [0, 1, 2, 3].map(width)
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd()).join('\n')
}

/** With `--json` among the process's arguments only the JSON line is printed. */
export const jsonOnly = (): boolean => process.argv.includes('--json')

/**
 * Prints the report, ending with its JSON line (`name`, `pass`, figures, `thresholds`, `machine`, `date`, details), and
 * sets the exit code to 1 if a threshold is missed.
 *
 * @returns whether the report passes
 * @throws Error if a figure or detail is named like a field of the line itself
 */
export function report(given: Report): boolean {
  const pass = passes(given)
  const own = { name: given.name, pass }
  const frame = { thresholds: given.thresholds ?? {}, machine: machine(), date: new Date().toISOString() }
  for (const key of Object.keys({ ...given.figures, ...given.details })) {
    if (key in own || key in frame) throw new Error(`${given.name}: a figure must not be named ${key}`)
  }
  if (!jsonOnly()) console.log(`${given.name}: ${pass ? 'passed' : 'FAILED'}\n${table(given)}`)
  console.log(JSON.stringify({ ...own, ...given.figures, ...given.details, ...frame }))
  if (!pass) process.exitCode = 1
  return pass
}
