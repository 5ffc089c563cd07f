/**
 * `npm run mutants [-- NAME...]`: shows that the tests notice wrong arithmetic.
 *
 * Each mutant of mutants/patches.ts is applied alone to a scratch copy of the repository; the tests named beside it must
 * then fail, with failed assertions and not merely with a file that does not load. First the same tests must pass on
 * the unchanged copy. Ends with the line `N killed, N survived`; the exit code is 0 only if none survived.
 */
import { resolve } from 'node:path'
import { copyRepository } from './mutants/copy.ts'
import { PATCHES, patched } from './mutants/patches.ts'
import { type Outcome, runTests } from './mutants/run.ts'

const root = resolve(import.meta.dirname, '..')
const names = process.argv.slice(2)
const unknown = names.filter((name) => !PATCHES.some((patch) => patch.name === name))
if (unknown.length > 0) {
  console.error(`no such mutant: ${unknown.join(', ')}; there are: ${PATCHES.map((patch) => patch.name).join(', ')}`)
  process.exit(2)
}
const patches = PATCHES.filter((patch) => names.length === 0 || names.includes(patch.name))

const copy = copyRepository(root)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    copy.remove()
    process.exit(130)
  })
}

const row = (name: string, outcome: Outcome, seconds: number, note: string): void =>
  console.log(`${name.padEnd(22)} ${outcome.padEnd(9)} ${`${seconds.toFixed(1)} s`.padStart(8)}  ${note}`)

let killed = 0
let survived = 0
try {
  const before = await runTests(copy.root, [...new Set(patches.flatMap((patch) => patch.tests))])
  row('(unchanged)', before.outcome, before.seconds, before.note)
  if (before.outcome !== 'survived') throw new Error('the tests fail without any mutant; mend them first')
  for (const patch of patches) {
    const original = copy.read(patch.file)
    copy.write(patch.file, patched(patch, original))
    const { outcome, seconds, note } = await runTests(copy.root, patch.tests)
    copy.write(patch.file, original)
    if (outcome === 'killed') killed++
    else survived++
    row(patch.name, outcome, seconds, outcome === 'killed' ? note : `${patch.about}: ${note}`)
  }
} finally {
  copy.remove()
}
console.log(`\n${killed} killed, ${survived} survived`)
process.exitCode = survived > 0 ? 1 : 0
