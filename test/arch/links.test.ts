/** Every link of the documents leads somewhere, and the check can fail. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { brokenLinks } from './links.ts'

it('finds no broken link in the repository', () => {
  expect(brokenLinks(resolve(import.meta.dirname, '../..'))).toEqual([])
})

it('reports missing files and headings, and nothing in code', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-links-'))
  try {
    writeFileSync(join(folder, 'b.md'), '# Not yet: a list\n')
    const lines = [
      '# A',
      '[here](b.md) [there](b.md#not-yet-a-list) [self](#a) [site](https://example.org/x)',
      '`[code](gone.md)`',
      '```',
      '[code](gone.md)',
      '```',
      '[gone](gone.md) and [lost](b.md#other), [file](a.md#b)',
    ]
    writeFileSync(join(folder, 'a.md'), lines.join('\n'))
    expect(brokenLinks(folder)).toEqual(['a.md:7 gone.md', 'a.md:7 b.md#other', 'a.md:7 a.md#b'])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
