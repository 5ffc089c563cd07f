/** The repository keeps its boundaries, and every boundary rule can fire. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkRepository } from './check.ts'
import { EXCEPTIONS } from './rules.ts'
import { filesBelow } from './source.ts'

const root = resolve(import.meta.dirname, '../..')
const subpaths = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).imports as Record<string, string>
const fixtures = join(import.meta.dirname, 'fixtures')

describe('the repository', () => {
  it('keeps its boundaries', () => {
    const found = checkRepository(root, { subpaths, exceptions: EXCEPTIONS })
    expect(found.map(({ file, line, rule, message }) => `${file}:${line} ${rule}: ${message}`)).toEqual([])
  })
})

/** Each fixture is a small repository; a line that must be reported ends with `// <rule>`. */
describe('canaries', () => {
  it.each(readdirSync(fixtures))('%s', (name) => {
    const folder = join(fixtures, name)
    const expected = filesBelow(folder).flatMap((file) =>
      readFileSync(join(folder, file), 'utf8')
        .split('\n')
        .flatMap((text, i) =>
          [...text.matchAll(/(?:\/\/|#) must report (\w+)/g)].map(([, rule]) => `${file}:${i + 1} ${rule}`),
        ),
    )
    const found = checkRepository(folder, { subpaths, exceptions: [] }).map(
      ({ file, line, rule }) => `${file}:${line} ${rule}`,
    )
    expect(found.sort()).toEqual(expected.sort())
    expect(expected.length > 0).toBe(name !== 'clean')
  })

  it('reports an exception that is not needed', () => {
    const exceptions = [{ rule: 'clock', file: 'proto/pure.ts', reason: 'none' }]
    const found = checkRepository(join(fixtures, 'clean'), { subpaths, exceptions })
    expect(found.map(({ rule, file }) => [rule, file])).toEqual([['idle', 'proto/pure.ts']])
  })
})
