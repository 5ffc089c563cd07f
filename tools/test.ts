/**
 * `npm test [-- PART...]`: runs every part even after a failure and ends with the line `N passed, N failed`.
 *
 * A static check counts as one test. `--deep` adds the long runs. The exit code is 0 only if nothing failed.
 */
import { resolve } from 'node:path'
import { stopAll } from './test/command.ts'
import { type Counts, type Part, parts } from './test/parts.ts'

const root = resolve(import.meta.dirname, '..')

function chosen(args: readonly string[]): readonly Part[] {
  const deep = args.includes('--deep')
  const names = args.filter((arg) => arg !== '--deep')
  const all = parts(root).filter((part) => names.length > 0 || deep || !part.deep)
  const unknown = names.filter((name) => !all.some((part) => part.name === name))
  if (unknown.length > 0) {
    console.error(`no such part: ${unknown.join(', ')}; parts are ${all.map((part) => part.name).join(', ')}`)
    process.exit(2)
  }
  return names.length > 0 ? all.filter((part) => names.includes(part.name)) : all
}

const words = ({ passed, failed, skipped }: Counts): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopAll()
    process.exit(130)
  })
}

const total = { passed: 0, failed: 0, skipped: 0 }
const lines: string[] = []
const began = Date.now()

/** Runs a part; what it prints at its end is in one piece. */
async function run(part: Part): Promise<void> {
  const title = `\n== ${part.name}: ${part.about}`
  if (!part.beside) console.log(title)
  const started = Date.now()
  const { counts, output } = await part.run()
  total.passed += counts.passed
  total.failed += counts.failed
  total.skipped += counts.skipped
  const seconds = `${((Date.now() - started) / 1000).toFixed(1)} s`
  const line = `${counts.failed > 0 ? 'FAIL' : 'ok  '} ${part.name.padEnd(10)} ${seconds.padStart(8)}  ${words(counts)}`
  lines.push(line)
  console.log([part.beside ? [title] : [], output === '' ? [] : [output.trimEnd()], line].flat().join('\n'))
}

async function runAll(some: readonly Part[]): Promise<void> {
  for (const part of some) await run(part)
}

const all = chosen(process.argv.slice(2))
const side = runAll(all.filter((part) => part.beside))
await runAll(all.filter((part) => !part.beside && !part.alone))
await side
await runAll(all.filter((part) => part.alone))
console.log(`\n== all parts, ${((Date.now() - began) / 1000).toFixed(0)} s\n${lines.join('\n')}\n\n${words(total)}`)
process.exitCode = total.failed > 0 ? 1 : 0
