/** Where a devnet may be started, and where it may not. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { checkFolder, planOf } from './folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-folder-'))
})
afterEach(() => rm(folder, { recursive: true }))

it('takes a folder that is missing, empty, or holds a network that does not run', async () => {
  await checkFolder(join(folder, 'none'))
  await checkFolder(folder)
  const plan = await planOf(folder, ['chain', 'api'])
  await checkFolder(folder)
  expect(await planOf(folder, ['chain', 'api', 'solver-1'])).toMatchObject({
    mnemonic: plan.mnemonic,
    ports: plan.ports,
  })
})

it('refuses a file, other people’s files, and a network that runs', async () => {
  const file = join(folder, 'notes.txt')
  await writeFile(file, 'mine')
  await expect(checkFolder(file)).rejects.toMatchObject({ code: 'bad-config' })
  await expect(checkFolder(folder)).rejects.toMatchObject({ code: 'bad-config', message: /other files/ })
  await rm(file)
  const { ports } = await planOf(folder, ['chain'])
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(ports.chain, '127.0.0.1', resolve))
  try {
    await expect(checkFolder(folder)).rejects.toMatchObject({ code: 'wrong-state', message: /runs already/ })
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
  await writeFile(join(folder, 'devnet.json'), '{')
  await expect(checkFolder(folder)).rejects.toMatchObject({ code: 'bad-config', message: /not readable/ })
})
