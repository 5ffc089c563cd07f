/** Fails if a locked package of the repository has a licence outside the permissive list. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'Python-2.0',
  'Unlicense',
  'WTFPL',
])

/** Other packages that may be used, and why. */
const EXCEPTIONS: readonly { readonly name: RegExp; readonly reason: string }[] = [
  { name: /^lightningcss(-|$)/, reason: 'MPL-2.0, used unmodified inside the test runner, not by Assay itself' },
  { name: /^memorystream$/, reason: 'MIT in its readme; its package.json has the field in an old form' },
]

interface LockFile {
  readonly packages: Record<string, { readonly license?: string; readonly version?: string }>
}

/** An SPDX expression passes if one alternative of it consists of permissive licences alone. */
function permissive(expression: string): boolean {
  return expression
    .replace(/[()]/g, ' ')
    .split(/\sOR\s/)
    .some((alternative) => alternative.split(/\sAND\s/).every((id) => PERMISSIVE.has(id.trim())))
}

const root = resolve(import.meta.dirname, '..')
const others: string[] = []
let count = 0
for (const folder of ['', 'tools/node', 'engine/tfjs/packages', 'engine/tfjs/packages/node']) {
  const lock = JSON.parse(readFileSync(join(root, folder, 'package-lock.json'), 'utf8')) as LockFile
  for (const [path, { license = 'unknown', version }] of Object.entries(lock.packages)) {
    if (path === '') continue
    count++
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (!permissive(license) && !EXCEPTIONS.some((exception) => exception.name.test(name)))
      others.push(`${path}@${version}: ${license}`)
  }
}
console.log(
  others.length > 0
    ? `not permissive:\n${others.join('\n')}`
    : `${count} packages, all permissive or excepted with a reason`,
)
process.exitCode = others.length > 0 ? 1 : 0
