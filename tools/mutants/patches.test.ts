/** Mutants apply to the code as it is; `npm run mutants` shows that they are noticed. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, it } from 'vitest'
import { PATCHES, patched } from './patches.ts'

const root = resolve(import.meta.dirname, '../..')

it('has ten and more, each with a name of its own', () => {
  expect(new Set(PATCHES.map(({ name }) => name)).size).toBe(PATCHES.length)
  expect(PATCHES.length).toBeGreaterThanOrEqual(10)
})

it.each(PATCHES)('$name applies to $file', (patch) => {
  const text = readFileSync(join(root, patch.file), 'utf8')
  expect(patched(patch, text)).not.toBe(text)
})
