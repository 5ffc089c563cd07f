/**
 * `node contracts/coverage.ts`: how much of the contracts their tests execute; exit 1 below 95% of lines or of branches.
 *
 * The tests run against instrumented sources, compiled with the little optimisation that they need to compile at all.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { forge } from './forge.ts'

const LEAST = 0.95

interface Covered {
  hit: number
  found: number
}

/** Lines and branches of each source file in an LCOV report. */
export function readLcov(text: string): Map<string, { lines: Covered; branches: Covered }> {
  const files = new Map<string, { lines: Covered; branches: Covered }>()
  let file = { lines: { hit: 0, found: 0 }, branches: { hit: 0, found: 0 } }
  for (const line of text.split('\n')) {
    const [key = '', value = ''] = line.split(/:(.*)/)
    if (key === 'SF') {
      file = { lines: { hit: 0, found: 0 }, branches: { hit: 0, found: 0 } }
      // What src/testing puts behind calls is for TypeScript's tests.
      if (value.startsWith('src/') && !value.startsWith('src/testing/')) files.set(value.slice('src/'.length), file)
    } else if (key === 'LH') file.lines.hit = Number(value)
    else if (key === 'LF') file.lines.found = Number(value)
    else if (key === 'BRH') file.branches.hit = Number(value)
    else if (key === 'BRF') file.branches.found = Number(value)
  }
  return files
}

const share = ({ hit, found }: Covered): string =>
  `${`${hit}/${found}`.padStart(8)} ${found === 0 ? '     -' : `${((100 * hit) / found).toFixed(1)}%`.padStart(6)}`

async function main(): Promise<number> {
  const report = join(import.meta.dirname, 'out', 'coverage', 'lcov.info')
  mkdirSync(dirname(report), { recursive: true })
  const args = [
    'coverage',
    '--ir-minimum',
    '--report',
    'lcov',
    '--report-file',
    report,
    '--no-match-contract',
    'GasTest',
  ]
  const code = await forge(args, 'coverage')
  if (code !== 0) return code
  const files = readLcov(readFileSync(report, 'utf8'))
  const total = { lines: { hit: 0, found: 0 }, branches: { hit: 0, found: 0 } }
  console.log(`${'contract'.padEnd(22)} ${'lines'.padStart(15)} ${'branches'.padStart(15)}`)
  for (const [name, { lines, branches }] of files) {
    console.log(`${name.padEnd(22)} ${share(lines)} ${share(branches)}`)
    for (const [sum, add] of [
      [total.lines, lines],
      [total.branches, branches],
    ] as const) {
      sum.hit += add.hit
      sum.found += add.found
    }
  }
  console.log(`${'all'.padEnd(22)} ${share(total.lines)} ${share(total.branches)}`)
  const low = [total.lines, total.branches].some(({ hit, found }) => hit < LEAST * found)
  if (low) console.error(`below ${100 * LEAST}%`)
  return low ? 1 : 0
}

if (import.meta.main) process.exitCode = await main()
