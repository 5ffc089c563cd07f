/** Runs some of the tests of a copy and says whether they noticed. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from '../test/command.ts'

/** `broken`: the tests could not run, which shows nothing. */
export type Outcome = 'killed' | 'survived' | 'broken'

export interface Result {
  readonly outcome: Outcome
  readonly seconds: number
  /** The first failed test, or what went wrong. */
  readonly note: string
}

interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly message?: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

/** Seconds after which a run of tests counts as killed: a mutant may loop without end. */
const LIMIT = 600

/** Runs the test files whose paths contain one of `filters`. */
export async function runTests(root: string, filters: readonly string[]): Promise<Result> {
  const file = join(root, 'mutant-report.json')
  rmSync(file, { force: true })
  const started = Date.now()
  const args = ['run', '--bail=1', '--reporter=json', `--outputFile.json=${file}`, ...filters]
  const { code, output } = await execute(join(root, 'node_modules/.bin/vitest'), args, {
    cwd: root,
    limit: LIMIT,
    show: false,
  })
  const seconds = (Date.now() - started) / 1000
  if (code === null) return { outcome: 'killed', seconds, note: `no end within ${LIMIT} s` }
  const report = read(file)
  if (report === undefined) return { outcome: 'broken', seconds, note: output.trim().slice(-300) }
  const failed = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed'),
  )
  if (failed.length > 0) return { outcome: 'killed', seconds, note: failed[0]!.fullName }
  const unloaded = report.testResults.find(({ status }) => status === 'failed')
  if (unloaded) return { outcome: 'broken', seconds, note: unloaded.message ?? unloaded.name }
  if (report.numPassedTests === 0) return { outcome: 'broken', seconds, note: `no tests match ${filters.join(', ')}` }
  return { outcome: 'survived', seconds, note: `${report.numPassedTests} tests pass` }
}

function read(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return undefined
  }
}
