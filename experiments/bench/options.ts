/** What `bench:gemm` and `bench:step` have in common: their options, and engines by name. */
import { parseArgs } from 'node:util'
import { createEngine, ENGINES, type EngineName } from '#engine/index.ts'
import { probe } from '#engine/native/features.ts'
import type { Engine } from '#engine/types.ts'
import type { Arithmetic } from '#graph/spec.ts'

/** One of our contenders. */
export interface Choice {
  /** Name among the contenders: `wasm`, `nativeQ16`. */
  readonly label: string
  readonly engine: string
  /** Of its contractions. */
  readonly arithmetic: Arithmetic
}

export interface BenchOptions {
  readonly engines: readonly Choice[]
  readonly threads: readonly number[]
  /** Shapes or models: what is measured. */
  readonly only: readonly string[]
  /** For one of them on one thread count. */
  readonly seconds: number
  readonly python: string
  readonly openblas: string | undefined
}

const list = (text: string): string[] => text.split(',').filter((item) => item !== '')

function positive(text: string, name: string): number {
  const value = Number(text)
  if (!(value > 0 && value < 1e6)) throw new Error(`--${name} ${text}: must be a number above 0`)
  return value
}

/** What `--help` prints. @param what name of the option that chooses what is measured */
export const usageOf = (bench: string, what: string): string => `npm run bench:${bench} -- [options]

  --engines A,B     engines, each with an arithmetic: wasm,native,wasm:q16,native:q16
  --threads 1,2     numbers of threads
  --${what.padEnd(14)}  which to measure (docs/benchmarks.md lists them)
  --seconds N       for each of them on one thread count
  --python PATH     a Python with PyTorch, to compare with; also ASSAY_BENCH_PYTHON
  --openblas PATH   a library of OpenBLAS, to compare with; also ASSAY_BENCH_OPENBLAS
  --json            prints the JSON line alone`

/** `wasm` or `wasm:q16`. @throws Error for an arithmetic that does not exist */
export function parseChoice(text: string): Choice {
  const [engine = '', arithmetic = 'f32', ...rest] = text.split(':')
  const known = (['f32', 'q16', 'q24'] as const).find((name) => name === arithmetic)
  if (engine === '' || known === undefined || rest.length > 0)
    throw new Error(`--engines ${text}: write wasm or wasm:q16`)
  return { label: known === 'f32' ? engine : `${engine}${known.toUpperCase()}`, engine, arithmetic: known }
}

/**
 * Options of the command line, then of the environment (`ASSAY_BENCH_PYTHON`, `ASSAY_BENCH_OPENBLAS`), then defaults.
 * @param what name of the option that chooses what is measured
 * @throws Error for an option that does not exist or makes no sense
 */
export function benchOptions(
  args: readonly string[],
  what: string,
  defaults: { readonly engines: string; readonly only: readonly string[]; readonly seconds: number },
  environment: NodeJS.ProcessEnv = process.env,
): BenchOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      engines: text,
      threads: text,
      [what]: text,
      seconds: text,
      python: text,
      openblas: text,
      json: { type: 'boolean' },
    },
  }) as { values: Readonly<Record<string, string | undefined>> }
  const threads = list(values['threads'] ?? '1,2').map((item) => positive(item, 'threads'))
  if (!threads.every((count) => Number.isInteger(count) && count <= 64)) throw new Error('--threads: integers in 1..64')
  return {
    engines: list(values['engines'] ?? defaults.engines).map(parseChoice),
    threads,
    only: values[what] === undefined ? defaults.only : list(values[what]),
    seconds: values['seconds'] === undefined ? defaults.seconds : positive(values['seconds'], 'seconds'),
    python: values['python'] ?? environment['ASSAY_BENCH_PYTHON'] ?? 'python3',
    openblas: values['openblas'] ?? environment['ASSAY_BENCH_OPENBLAS'],
  }
}

/** Whether the processor has matrix tiles: what is claimed of `q16` is claimed of them. */
export async function hasTiles(): Promise<boolean> {
  const found = await probe()
  return found.ok && found.features.amx
}

/** The engine, or null after a line that says why it is not measured. */
export async function engineOrMissing(
  name: string,
  threads: number,
  say: (line: string) => void,
): Promise<Engine | null> {
  try {
    if (!(ENGINES as readonly string[]).includes(name)) throw new Error(`known are ${ENGINES.join(', ')}`)
    return await createEngine(name as EngineName, { threads })
  } catch (error) {
    say(`engine ${name} is missing, its figures are null: ${(error as Error).message}`)
    return null
  }
}

/** Milliseconds between samples: helpers of OpenBLAS and OpenMP keep a core busy that long after their work. */
export const pauseOf = (threads: number): number => (threads > 1 ? 40 : 0)
