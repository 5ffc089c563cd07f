import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Hex } from '#proto/terms.ts'
import { Database } from '#runtime/database.ts'
import { Memory } from './memory.ts'

const entry = (digit: string): Hex => `0x${digit.repeat(64)}`

test('a whistleblower that comes back picks by the same secret, and knows what it found', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assay-whistleblower-'))
  const file = join(folder, 'state.sqlite')
  const before = new Database(file)
  const memory = new Memory(before)
  expect(memory.secret).toHaveLength(32)
  memory.found(entry('a'), null)
  memory.found(entry('b'), 3)
  before.close()

  const after = new Database(file)
  const again = new Memory(after)
  expect(again.secret).toEqual(memory.secret)
  expect([...again.findings]).toEqual([
    [entry('a'), { against: null }],
    [entry('b'), { against: 3 }],
  ])
  // Another whistleblower has another secret.
  expect(new Memory(new Database(':memory:')).secret).not.toEqual(memory.secret)
  after.close()
  await rm(folder, { recursive: true, force: true })
})
