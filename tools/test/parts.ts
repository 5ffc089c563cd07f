/** The parts of the test run: what each executes and how its tests are counted. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute, type Outcome } from './command.ts'

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export interface Part {
  readonly name: string
  readonly about: string
  /** Runs only when asked for by name or with `--deep`. */
  readonly deep?: boolean
  /** Runs beside other parts, in turn with its like; its output is held back until it ends. */
  readonly beside?: boolean
  /** Measures time or drives many processes: waits until nothing else runs. */
  readonly alone?: boolean
  run(): Promise<Result>
}

export interface Result {
  readonly counts: Counts
  /** What is worth reading and was not shown while it ran. */
  readonly output: string
}

const FAILED: Counts = { passed: 0, failed: 1, skipped: 0 }

/** Seconds after which a part is killed. */
const LIMIT = { check: 600, tests: 1200, deep: 6 * 3600 }

/** All parts in the order in which they run: the quick and telling ones first. */
export function parts(root: string): readonly Part[] {
  return [
    check(root, 'typecheck', 'TypeScript, strict', 'tsc', ['--noEmit', '-p', '.']),
    check(root, 'lint', 'Biome: format, imports, rules', 'biome', ['check', '.']),
    check(root, 'knip', 'unused files, exports and dependencies', 'knip', []),
    check(root, 'licences', 'every dependency is permissively licensed', 'node', ['tools/licences.ts']),
    check(root, 'contracts', 'static analysis of the contracts', 'node', ['contracts/forge.ts', 'lint']),
    vitest(root, 'unit', 'beside the source, and the boundaries between folders'),
    vitest(root, 'property', 'random inputs from printed seeds'),
    { ...forge(root), beside: true },
    { ...vitest(root, 'sim', 'whole protocol, seeded clock and network'), alone: true },
    { ...vitest(root, 'e2e', 'real processes, chain and sockets'), alone: true },
    { ...vitest(root, 'deep', 'longer property runs and simulations'), alone: true, deep: true },
    { ...generated(root), deep: true },
    {
      ...check(root, 'coverage', 'over 95% of the lines and branches of the contracts', 'node', [
        'contracts/coverage.ts',
      ]),
      deep: true,
    },
  ]
}

/** Minutes of compiling; `npm test` itself trusts the seal that contracts/artifacts.test.ts checks. */
const generated = (root: string): Part =>
  check(root, 'generated', 'the committed artifacts are what the contracts compile to', 'node', [
    'contracts/build.ts',
    '--check',
  ])

/** A check is one test: it passes if its command does; its output is worth reading only if it does not. */
function check(root: string, name: string, about: string, command: string, args: readonly string[]): Part {
  return {
    name,
    about,
    async run() {
      const outcome = await execute(command, args, { cwd: root, limit: LIMIT.check, show: false })
      if (outcome.code === 0) return { counts: { passed: 1, failed: 0, skipped: 0 }, output: '' }
      return { counts: FAILED, output: outcome.output }
    },
  }
}

/** The parts of Vitest's JSON report that are read here. */
interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[]
}

function vitest(root: string, project: string, about: string): Part {
  return {
    name: project,
    about,
    async run() {
      const report = join(root, '.tmp', `test-${project}.json`)
      mkdirSync(join(root, '.tmp'), { recursive: true })
      rmSync(report, { force: true })
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
      const outcome = await execute('vitest', ['run', '--project', project, ...reporters], {
        cwd: root,
        env: project === 'deep' ? { ASSAY_DEEP: '1' } : {},
        limit: project === 'deep' ? LIMIT.deep : LIMIT.tests,
        show: true,
      })
      return { counts: countVitest(outcome, report), output: '' }
    },
  }
}

/** A file that fails before its first test counts as one failure, and so does any other reason for a bad exit. */
function countVitest(outcome: Outcome, file: string): Counts {
  const report = parse<VitestReport>(() => readFileSync(file, 'utf8'))
  if (report === undefined) return FAILED
  const broken = report.testResults.filter((one) => one.status === 'failed' && one.assertionResults.length === 0)
  return withExit(outcome, {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken.length,
    skipped: report.numPendingTests + report.numTodoTests,
  })
}

/** `forge test --json`: results by contract, then by test. */
type ForgeReport = Record<string, { readonly test_results: Record<string, { readonly status: string }> }>

function forge(root: string): Part {
  return {
    name: 'forge',
    about: 'contracts: unit, fuzz and invariant tests',
    async run() {
      const args = ['contracts/forge.ts', 'test', '--json']
      const outcome = await execute('node', args, { cwd: root, limit: LIMIT.tests, show: false })
      const report = parse<ForgeReport>(() => outcome.stdout.slice(outcome.stdout.indexOf('{')))
      const counts = withExit(outcome, report === undefined ? FAILED : countForge(report))
      if (counts.failed === 0) return { counts, output: '' }
      return { counts, output: report === undefined ? outcome.output : `${failures(report)}\n` }
    },
  }
}

const forgeTests = (report: ForgeReport): [string, string, { readonly status: string }][] =>
  Object.entries(report).flatMap(([contract, { test_results }]) =>
    Object.entries(test_results).map(([test, result]): [string, string, { readonly status: string }] => [
      contract,
      test,
      result,
    ]),
  )

function countForge(report: ForgeReport): Counts {
  const statuses = forgeTests(report).map(([, , { status }]) => status)
  const count = (wanted: string): number => statuses.filter((status) => status === wanted).length
  return { passed: count('Success'), failed: count('Failure'), skipped: count('Skipped') }
}

/** Longest account of one failed test: its traces take megabytes. */
const MAX_FAILURE = 4_000

const failures = (report: ForgeReport): string =>
  forgeTests(report)
    .filter(([, , { status }]) => status === 'Failure')
    .map(([contract, test, result]) => `${contract} ${test}\n  ${JSON.stringify(result).slice(0, MAX_FAILURE)}`)
    .join('\n')

/** A part that found no test at all has not shown anything: it fails. */
function withExit(outcome: Outcome, counts: Counts): Counts {
  const silent = counts.failed === 0 && (outcome.code !== 0 || counts.passed === 0)
  return silent ? { ...counts, failed: 1 } : counts
}

function parse<T>(read: () => string): T | undefined {
  try {
    return JSON.parse(read()) as T
  } catch {
    return undefined
  }
}
