/** What `assay init` writes loads as it is, for every model, and keeps doing so byte for byte. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadJob } from '#app/job/load.ts'
import { STARTERS, starterFiles } from '#app/job/starter.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-starter-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

it.each(STARTERS)('a job for %s', async (starter) => {
  const files = starterFiles(starter, `${starter}.yaml`)
  for (const { name, content } of files) writeFileSync(join(folder, name), content)
  const { file, spec, data } = await loadJob(join(folder, `${starter}.yaml`))
  expect(file.model.type).toBe(starter)
  expect(spec.data.trainRecords).toBeGreaterThanOrEqual(spec.batch)
  expect(spec.data.evalTo - spec.data.evalFrom).toBeGreaterThan(0)
  expect(data.length).toBeGreaterThan(1000)
  expect(starterFiles(starter, `${starter}.yaml`)).toEqual(files)
})

it('a job for data of one’s own, whatever its name', async () => {
  writeFileSync(join(folder, 'my: "text" #1.txt'), 'abcdefgh'.repeat(400))
  const [job, ...others] = starterFiles('gpt', 'own.yaml', 'my: "text" #1.txt')
  expect(others).toEqual([])
  writeFileSync(join(folder, 'own.yaml'), job?.content ?? '')
  const { data } = await loadJob(join(folder, 'own.yaml'))
  expect(data).toHaveLength(3200)
})
