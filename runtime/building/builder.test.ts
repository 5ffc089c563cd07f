import { afterAll, expect, test } from 'vitest'
import { buildProgram } from '#graph/program.ts'
import { encodeJob, type JobSpec, programNodes } from '#proto/job.ts'
import { ProgramBuilder } from '#runtime/building/builder.ts'
import { tinyJob } from '#runtime/testing.ts'

const builder = new ProgramBuilder(2)
afterAll(() => builder.close())

test('a job that names its own program passes, another one does not', async () => {
  const { spec } = tinyJob()
  await builder.check(encodeJob(spec))
  const other = encodeJob({ ...spec, programRoot: new Uint8Array(32) })
  await expect(builder.check(other)).rejects.toMatchObject({ code: 'bad-job' })
})

test('this thread stays responsive, and only so many jobs wait', async () => {
  const { spec } = tinyJob()
  const deep = encodeJob({ ...spec, model: { ...spec.model, layers: 3 } as JobSpec['model'] })
  let turns = 0
  const clock = setInterval(() => turns++, 5)
  const ends = await Promise.allSettled([deep, encodeJob(spec), encodeJob(spec)].map((job) => builder.check(job)))
  clearInterval(clock)
  expect(turns).toBeGreaterThan(20)
  expect(ends[0]).toMatchObject({ status: 'rejected', reason: { code: 'bad-job' } })
  expect(ends[1]).toMatchObject({ status: 'fulfilled' })
  expect(ends[2]).toMatchObject({ status: 'rejected', reason: { code: 'rate-limited' } })
})

test('programs have about as many nodes as their job is judged by', () => {
  const { spec } = tinyJob()
  for (const [layers, dropout] of [
    [1, 0],
    [3, 0.1],
  ] as const) {
    const model = { ...spec.model, layers, dropout } as JobSpec['model']
    const { init, micro, combine, update, evaluate } = buildProgram({ ...spec, model })
    const nodes = [init, micro, combine, update, evaluate].reduce((sum, graph) => sum + graph.nodes.length, 0)
    expect(programNodes(model)).toBeGreaterThan(nodes * 0.9)
    expect(programNodes(model)).toBeLessThan(nodes * 1.5)
  }
})
