import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHECKPOINT_FILE, loadCheckpoint, saveCheckpoint } from '#app/checkpoint.ts'
import { textIntake } from '#app/job/data/text.ts'
import { assemble } from '#app/job/load.ts'
import { parseJobFile } from '#app/job/parse.ts'
import { codeOf, TINY_JOB, TINY_TEXT } from '#app/testing.ts'
import { train } from '#app/train.ts'
import { exportWeights } from '#app/weights/export.ts'
import { draw, generateText, sampleText } from '#app/weights/generate.ts'
import { decodeSafetensors } from '#app/weights/safetensors.ts'
import { createEngine } from '#engine/index.ts'
import type { Engine } from '#engine/types.ts'
import { concatBytes, toHex } from '#proto/bytes.ts'
import { Dataset } from '#runtime/dataset.ts'
import { listRoot } from '#runtime/tensors.ts'

const job = assemble(parseJobFile(TINY_JOB), textIntake(new TextEncoder().encode(TINY_TEXT), 8))
const { program, spec, specHash } = job
let folder = ''
let engine: Engine
let state: Uint8Array

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'assay-weights-'))
  engine = await createEngine('wasm')
  state = await train({ engine, program, spec, data: new Dataset(spec.data, job.data), replicas: 1 })
})

afterAll(async () => {
  await engine.close()
  rmSync(folder, { recursive: true })
})

describe('exportWeights', () => {
  it('writes every tensor of the state, and what it is', async () => {
    const out = join(folder, 'a', 'b')
    const written = await exportWeights(out, { spec, program, state, provenance: { kind: 'network', jobId: '0x12' } })
    expect(readdirSync(out).sort()).toEqual(['config.json', 'model.safetensors', 'optimizer.safetensors', 'proof.json'])
    const files = ['model.safetensors', 'optimizer.safetensors'].map((name) => readFileSync(join(out, name)))
    const [model, optimizer] = files.map(decodeSafetensors)
    const names = [...(model?.tensors ?? []), ...(optimizer?.tensors ?? [])].map(({ name }) => name)
    expect(names).toEqual(program.state.map(({ name }) => name))
    expect(model?.tensors.map(({ name }) => name)).toContain('h0.attn.qkv.weight')
    const bytes = [...(model?.tensors ?? []), ...(optimizer?.tensors ?? [])].map((tensor) => tensor.bytes)
    expect(concatBytes(...bytes)).toEqual(state)
    const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
    expect(config).toMatchObject({
      format: 'assay/weights/1',
      model: { type: 'gpt', width: 8 },
      tokenizer: { type: 'bytes', vocabulary: 256 },
      specHash: toHex(specHash),
      stateRoot: toHex(listRoot(program.state, state)),
      provenance: { kind: 'network', jobId: '0x12' },
      files: {
        'model.safetensors': {
          sha256: createHash('sha256')
            .update(files[0] as Buffer)
            .digest('hex'),
        },
      },
    })
    expect(written.stateRoot).toBe(config.stateRoot)
  })

  it('says so when it cannot write, or the state is of another job', async () => {
    const blocked = join(folder, 'file')
    writeFileSync(blocked, '')
    const weights = { spec, program, state, provenance: { kind: 'run' } } as const
    expect(await codeOf(() => exportWeights(blocked, weights))).toBe('storage')
    expect(await codeOf(() => exportWeights(folder, { ...weights, state: state.subarray(4) }))).toBe('bad-data')
  })
})

describe('checkpoints', () => {
  const checkpoint = { step: 2, losses: [5, 4.5] }
  const file = (): string => join(folder, CHECKPOINT_FILE)

  it('come back as they went', async () => {
    expect(await loadCheckpoint(join(folder, 'none'), specHash, program.state)).toBeNull()
    await saveCheckpoint(folder, specHash, program.state, { ...checkpoint, state })
    expect(await loadCheckpoint(folder, specHash, program.state)).toEqual({ ...checkpoint, state })
  })

  it('are refused when damaged or of another job', async () => {
    await saveCheckpoint(folder, specHash, program.state, { ...checkpoint, state })
    expect(await codeOf(() => loadCheckpoint(folder, new Uint8Array(32), program.state))).toBe('bad-data')
    expect(await codeOf(() => loadCheckpoint(folder, specHash, program.state.slice(1)))).toBe('bad-data')
    const good = readFileSync(file())
    for (const at of [0, 9, 40, good.length - 1]) {
      const bytes = Buffer.from(good)
      bytes[at] = (bytes[at] as number) ^ 0x41
      writeFileSync(file(), bytes)
      expect(await codeOf(() => loadCheckpoint(folder, specHash, program.state)), `byte ${at}`).toMatch(
        /bad-data|over-limit/,
      )
    }
    writeFileSync(file(), Buffer.from(good.toString('latin1').replace('"step":"2"', '"step":"3"'), 'latin1'))
    expect(await codeOf(() => loadCheckpoint(folder, specHash, program.state))).toBe('bad-data')
    writeFileSync(file(), good.subarray(0, 100))
    expect(await codeOf(() => loadCheckpoint(folder, specHash, program.state))).toBe('bad-data')
  })
})

describe('generateText', () => {
  const of = (more: object) =>
    generateText({ engine, program, spec, state, prompt: new TextEncoder().encode('The quick'), length: 20, ...more })

  it('is a function of the state, the prompt and the seed', () => {
    expect(of({ seed: 1 })).toEqual(of({ seed: 1 }))
    expect(of({ seed: 1 })).not.toEqual(of({ seed: 2 }))
    expect(of({ temperature: 0, seed: 1 })).toEqual(of({ temperature: 0, seed: 2 }))
    expect(of({}).length).toBe(20)
  })

  it('continues what it has learnt by heart', async () => {
    const text = 'abcdefgh'.repeat(40)
    const learnt = assemble(
      parseJobFile(`${TINY_JOB.replace('steps: 6', 'steps: 60').replace('0.01', '0.03')}eval: {records: [0, 0]}`),
      textIntake(new TextEncoder().encode(text), 8),
    )
    const options = { engine, program: learnt.program, spec: learnt.spec }
    const after = await train({ ...options, data: new Dataset(learnt.spec.data, learnt.data), replicas: 1 })
    const prompt = new TextEncoder().encode('abcdefghabcdefg')
    // The last of eight positions is never seen with a longer past, so the window slides over text it has not seen whole.
    const bytes = generateText({ ...options, state: after, prompt: prompt.subarray(0, 3), length: 5, temperature: 0 })
    expect(new TextDecoder().decode(bytes)).toBe('defgh')
  })

  it('refuses an empty prompt, and other models have no sample', async () => {
    expect(await codeOf(() => of({ prompt: new Uint8Array(0) }))).toBe('bad-input')
    expect(sampleText({ engine, program, spec, state, data: job.data })).toMatch(/^The quic/)
    const mlp = { ...spec, model: { type: 'mlp', hidden: [], activation: 'relu' } } as const
    expect(sampleText({ engine, program, spec: mlp, state, data: job.data })).toBeNull()
  })
})

describe('draw', () => {
  it('follows the distribution, skips NaN, and is greedy at temperature 0', () => {
    const logits = Float32Array.of(Number.NaN, 0, Math.log(3), Number.NEGATIVE_INFINITY)
    expect(draw(logits, 0, () => 0)).toBe(2)
    expect([0, 0.2, 0.3, 0.999].map((ticket) => draw(logits, 1, () => ticket))).toEqual([1, 1, 2, 2])
    expect(draw(Float32Array.of(1, Number.NaN), 1, () => 0.999)).toBe(0)
  })
})
