/** Reads the table of hostile inputs (docs/hostile-input.md) and finds what is wrong with it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Row {
  readonly number: number
  readonly file: string
  /** Title of the test, or the name of its case in a table. */
  readonly title: string
  /** Error code, error of the contract, or `-`. */
  readonly error: string
  readonly consequence: string
}

/** Rows of the document, in order. */
export function hostileRows(text: string): Row[] {
  const row = /^\| (\d+) \| [^|]+ \| `([^`]+)`: ([^|]+) \| `?([^|`]+)`? \| ([^|]+) \|$/gm
  return [...text.matchAll(row)].map(([, number, file = '', title = '', error = '', consequence = '']) => {
    return { number: Number(number), file, title, error, consequence }
  })
}

const CONSEQUENCES =
  /^(ignore|refuse|leave|disconnect|penalise|ban|revert|slash|lose a verdict stake|exit (2|3|4|5|6|7|9))$/

/** What is wrong with the rows, each with its number. */
export function faultyRows(root: string, rows: readonly Row[], errors: ReadonlySet<string>): string[] {
  return rows.flatMap(({ number, file, title, error, consequence }, i) => [
    ...(number === i + 1 ? [] : [`${number}: the number should be ${i + 1}`]),
    ...(existsSync(join(root, file)) ? [] : [`${number}: there is no ${file}`]),
    ...(hasTest(root, file, title) ? [] : [`${number}: ${file} has no test ${JSON.stringify(title)}`]),
    ...(error === '-' || errors.has(error) ? [] : [`${number}: ${error} is no error`]),
    ...(CONSEQUENCES.test(consequence) ? [] : [`${number}: ${consequence} is no consequence`]),
  ])
}

/** Whether a test file has a test or a case of this name: a string of its own in TypeScript, a function in Solidity. */
function hasTest(root: string, file: string, title: string): boolean {
  const path = join(root, file)
  if (!existsSync(path)) return false
  const source = readFileSync(path, 'utf8')
  if (file.endsWith('.t.sol')) return new RegExp(`^ +function ${title}\\(`, 'm').test(source)
  if (!file.endsWith('.test.ts')) return false
  const name = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  // The first argument of a test, the first element of a case, or the key of one.
  return new RegExp(`([(\\[]\\s*(['"\`])${name}\\2,)|(^ *'?${name}'?: )`, 'm').test(source)
}
