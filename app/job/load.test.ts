import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readSource } from '#app/job/data/source.ts'
import { loadJob, wei } from '#app/job/load.ts'
import { codeOf, messageOf } from '#app/testing.ts'
import { programRoot } from '#graph/encode.ts'
import { ALWAYS } from '#proto/draw.ts'
import { decodeJob, encodeJob } from '#proto/job.ts'
import { bytesRoot } from '#proto/merkle.ts'
import { programOf } from '#runtime/program.ts'

let folder = ''
let server: Server
let address = ''
const TEXT = 'abcdefgh'.repeat(100)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-load-'))
  writeFileSync(join(folder, 'corpus.txt'), TEXT)
  server = createServer((request, response) => {
    if (request.url === '/corpus.txt') response.end(TEXT)
    else if (request.url === '/endless') response.write('x'.repeat(70_000), () => response.write('x'.repeat(70_000)))
    else if (request.url === '/silent') response.write('x')
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

function file(fields: Record<string, unknown>): string {
  const path = join(folder, 'job.json')
  const job = {
    model: { type: 'gpt', width: 8, layers: 1, heads: 2, context: 8 },
    data: { format: 'text', path: 'corpus.txt' },
    steps: 100,
    batch: 8,
    optimizer: { type: 'adamw', learningRate: 0.001 },
    ...fields,
  }
  writeFileSync(path, JSON.stringify(job))
  return path
}

describe('loadJob', () => {
  it('takes the arithmetic of the file into the spec and into every contraction of the program', async () => {
    const { spec, program } = await loadJob(file({ arithmetic: 'q16' }))
    expect(spec.arithmetic).toBe('q16')
    expect(decodeJob(encodeJob(spec)).arithmetic).toBe('q16')
    const products = program.micro.nodes.filter(({ op }) => op === 'matmul')
    expect(products.length).toBeGreaterThan(10)
    for (const { attrs } of products) expect(attrs).toMatchObject({ order: 'q16' })
    expect(programRoot(program)).toEqual(spec.programRoot)
    expect(await messageOf(() => loadJob(file({ arithmetic: 'q61' })))).toContain('did you mean q16')
  })

  it('makes a canonical spec, its program and its data set', async () => {
    const job = await loadJob(file({ seed: '18446744073709551615', policy: { sampleRate: 1 } }))
    expect(job.spec).toEqual(decodeJob(encodeJob(job.spec)))
    expect(job.spec.arithmetic).toBe('f32')
    expect(job.spec).toMatchObject({ seed: 2n ** 64n - 1n, lanes: 4, microBatches: 4, policy: { sampleRate: ALWAYS } })
    expect(job.spec.data).toMatchObject({ size: 800, trainRecords: 90, evalFrom: 90, evalTo: 99 })
    expect(job.spec.data.root).toEqual(bytesRoot(job.data))
    expect(programRoot(programOf(job.spec))).toEqual(job.spec.programRoot)
    expect(job.budget).toBeUndefined()
  })

  it('is a function of the file alone', async () => {
    const { specHash } = await loadJob(file({}))
    expect((await loadJob(file({}))).specHash).toEqual(specHash)
    expect((await loadJob(file({ seed: 1 }))).specHash).not.toEqual(specHash)
  })

  it.each([
    [{}, { replicas: 2, entrySteps: 8, entriesPerWindow: 3, depth: 2 }],
    [{ steps: 1 }, { replicas: 2, entrySteps: 1, entriesPerWindow: 1 }],
    [{ steps: 12 }, { replicas: 2, entrySteps: 1, entriesPerWindow: 3 }],
    [{ steps: 100_000 }, { replicas: 2, entrySteps: 64, entriesPerWindow: 8 }],
    [{ microBatches: 1 }, { replicas: 1, lanes: 1 }],
    [
      { replicas: 4, steps: 12 },
      { replicas: 4, entrySteps: 2 },
    ],
    [{ policy: { entrySteps: 5, entriesPerWindow: 7, depth: 3 } }, { entrySteps: 5, entriesPerWindow: 7, depth: 3 }],
    [
      { microBatches: 64, lanes: 64, batch: 64, replicas: 64 },
      { replicas: 64, entriesPerWindow: 1 },
    ],
  ])('scales the plan: %j', async (fields, plan) => {
    const { spec } = await loadJob(file(fields))
    expect(spec).toMatchObject(plan)
    const entries = Math.ceil(spec.steps / spec.entrySteps) * spec.replicas
    if (spec.steps * spec.replicas >= 24 && !('policy' in fields)) expect(entries).toBeGreaterThanOrEqual(24)
  })

  it.each([
    [{ eval: { records: [90, 95] } }, { trainRecords: 90, evalFrom: 90, evalTo: 95 }],
    [{ eval: { records: [0, 0] } }, { trainRecords: 99, evalFrom: 0, evalTo: 0 }],
    [{ data: { format: 'text', path: 'corpus.txt', train: [0, 98] } }, { trainRecords: 98, evalFrom: 98, evalTo: 99 }],
    [{ data: { format: 'text', path: 'corpus.txt', train: [0, 99] } }, { trainRecords: 99, evalFrom: 0, evalTo: 0 }],
  ])('splits the records: %j', async (fields, split) => {
    expect((await loadJob(file(fields))).spec.data).toMatchObject(split)
  })

  it.each([
    [{ eval: { records: [0, 9] } }, /eval.records: starts at 0.*State data.train/],
    [{ eval: { records: [90, 100] } }, /eval.records: ends at 100, behind the data.*records 0 to 98/],
    [{ data: { format: 'text', path: 'corpus.txt', train: [0, 100] } }, /data.train: ends at 100/],
    [{ replicas: 3 }, /3 replicas: a power of two/],
    [{ replicas: 8 }, /8 replicas/],
    [{ lanes: 3 }, /3 lanes/],
  ])('rejects what does not fit the data or the plan: %j', async (fields, message) => {
    expect(await codeOf(() => loadJob(file(fields)))).toBe('bad-job')
    expect(await messageOf(() => loadJob(file(fields)))).toMatch(message)
  })

  it('takes a data file by hand, instead of the one named', async () => {
    const other = join(folder, 'other.txt')
    writeFileSync(other, 'z'.repeat(500))
    const data = { format: 'text', path: 'missing.txt', sha256: '0'.repeat(64) }
    expect((await loadJob(file({ data }), { dataPath: other })).spec.data.size).toBe(500)
    expect(await codeOf(() => loadJob(file({ data })))).toBe('not-found')
  })

  it('joins packed idx files', async () => {
    const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 2, ...new Uint8Array(80))
    const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 20, ...Array.from({ length: 20 }, (_, i) => i % 3))
    writeFileSync(join(folder, 'images.gz'), gzipSync(images))
    writeFileSync(join(folder, 'labels.gz'), gzipSync(labels))
    const data = { format: 'idx', path: 'images.gz', labels: 'labels.gz' }
    for (const model of [
      { type: 'mlp', hidden: [4] },
      { type: 'cnn', channels: [2] },
    ]) {
      const { spec } = await loadJob(file({ model, data }))
      expect(spec.data).toMatchObject({ features: 4, classes: 3, trainRecords: 18, evalTo: 20, height: 2, width: 2 })
    }
  })

  it('names a job file that cannot be read', async () => {
    expect(await codeOf(() => loadJob(join(folder, 'none.yaml')))).toBe('not-found')
    expect(await codeOf(() => loadJob(folder))).toBe('storage')
    writeFileSync(join(folder, 'binary.yaml'), Uint8Array.of(0xff, 0xfe))
    expect(await codeOf(() => loadJob(join(folder, 'binary.yaml')))).toBe('bad-job')
    writeFileSync(join(folder, 'large.yaml'), '#'.repeat(70_000))
    expect(await codeOf(() => loadJob(join(folder, 'large.yaml')))).toBe('over-limit')
  })
})

describe('readSource', () => {
  const base = (): { base: string } => ({ base: folder })
  const hash = createHash('sha256').update(TEXT).digest('hex')

  it('reads files and addresses, and checks the hash', async () => {
    const expected = new TextEncoder().encode(TEXT)
    expect(await readSource({ path: 'corpus.txt', sha256: hash }, base())).toEqual(expected)
    expect(await readSource({ url: `${address}/corpus.txt`, sha256: hash }, base())).toEqual(expected)
    const wrong = { sha256: hash.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) }
    expect(await codeOf(() => readSource({ path: 'corpus.txt', ...wrong }, base()))).toBe('bad-data')
    expect(await codeOf(() => readSource({ url: `${address}/corpus.txt`, ...wrong }, base()))).toBe('bad-data')
  })

  it('bounds size and time', async () => {
    const small = { ...base(), maxBytes: 100_000 }
    expect(await codeOf(() => readSource({ path: 'corpus.txt' }, { ...small, maxBytes: 799 }))).toBe('over-limit')
    expect(await codeOf(() => readSource({ url: `${address}/corpus.txt` }, { ...small, maxBytes: 799 }))).toBe(
      'over-limit',
    )
    expect(await codeOf(() => readSource({ url: `${address}/endless` }, small))).toBe('over-limit')
    expect(await codeOf(() => readSource({ url: `${address}/silent` }, { ...small, idleMs: 100 }))).toBe('timeout')
    const signal = AbortSignal.timeout(100)
    expect(await codeOf(() => readSource({ url: `${address}/silent` }, { ...small, signal }))).toBe('cancelled')
  })

  it('names what is not there', async () => {
    expect(await codeOf(() => readSource({ path: 'none' }, base()))).toBe('not-found')
    expect(await codeOf(() => readSource({ path: 'corpus.txt/x' }, base()))).toBe('not-found')
    expect(await codeOf(() => readSource({ path: '.' }, base()))).toBe('bad-data')
    expect(await codeOf(() => readSource({ path: '/dev/null' }, base()))).toBe('bad-data')
    expect(await codeOf(() => readSource({ url: `${address}/none` }, base()))).toBe('network')
    expect(await codeOf(() => readSource({ url: 'http://127.0.0.1:1/x' }, base()))).toBe('network')
  })
})

describe('wei', () => {
  it.each([
    [1, 10n ** 18n],
    [0.1, 10n ** 17n],
    ['1.5', 15n * 10n ** 17n],
    ['0.000000000000000001', 1n],
    [1e-18, 1n],
    [1e-19, 0n],
    [1e9, 10n ** 27n],
    [0, 0n],
  ])('%s', (ether, expected) => expect(wei(ether)).toBe(expected))
})
