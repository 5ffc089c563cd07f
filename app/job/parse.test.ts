import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MAX_JOB_FILE_BYTES, parseJobFile } from '#app/job/parse.ts'
import { jobJsonSchema } from '#app/job/schema.ts'
import { similar } from '#app/job/similar.ts'
import { codeOf, messageOf } from '#app/testing.ts'
import { seededRandom } from '#proto/testing.ts'

const GOOD = `model: {type: gpt, width: 48, layers: 3, heads: 3, context: 24}
data: {format: text, path: corpus.txt}
steps: 12
batch: 16
microBatches: 4
optimizer: {type: adamw, learningRate: 0.001}
seed: 1
`
/** The good job with one part replaced, which must be there. */
function changed(from: string, to: string): string {
  expect(GOOD).toContain(from)
  return GOOD.replace(from, to)
}

describe('a job file', () => {
  it('gets its defaults', () => {
    expect(parseJobFile(GOOD)).toEqual({
      model: { type: 'gpt', width: 48, layers: 3, heads: 3, context: 24, dropout: 0 },
      data: { format: 'text', path: 'corpus.txt' },
      steps: 12,
      batch: 16,
      microBatches: 4,
      optimizer: {
        type: 'adamw',
        learningRate: 0.001,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weightDecay: 0.01,
        warmup: 0,
      },
      arithmetic: 'f32',
      recompute: 'none',
      seed: 1,
      policy: { sampleRate: 0.2, depth: 2 },
    })
  })

  it('may be JSON, use anchors and name its schema', () => {
    expect(parseJobFile(JSON.stringify({ $schema: 'x', ...parseJobFile(GOOD) }))).toEqual({
      $schema: 'x',
      ...parseJobFile(GOOD),
    })
    expect(parseJobFile(changed('microBatches: 4', 'microBatches: &m 4\nlanes: *m'))).toMatchObject({ lanes: 4 })
  })

  it('may be any example of this repository', () => {
    for (const name of ['gpt', 'mlp', 'cnn']) {
      const text = readFileSync(new URL(`../../examples/${name}.yaml`, import.meta.url), 'utf8')
      expect(parseJobFile(text).model.type).toBe(name)
    }
  })
})

describe('a faulty job file is told where, what and what would be right:', () => {
  it.each([
    [
      'an unknown model',
      changed('type: gpt', 'type: gtp'),
      'model.type: is "gtp"; it must be gpt, mlp or cnn; did you mean gpt?',
    ],
    ['a model without a type', changed('type: gpt, ', ''), 'model.type: is missing; it must be gpt, mlp or cnn'],
    ['a mistyped size', changed('width', 'widht'), 'model.widht: there is no such field; did you mean width?'],
    [
      'a field of another model',
      changed('context', 'hidden: [3], context'),
      'model.hidden: there is no such field; known are type, width, layers, heads, context, dropout',
    ],
    ['a mistyped field', changed('steps', 'stepz'), 'stepz: there is no such field; did you mean steps?'],
    ['a missing field', changed('steps: 12\n', ''), 'steps: is missing; it must be a number'],
    ['text for a number', changed('0.001', '"0.001"'), 'optimizer.learningRate: is "0.001"; it must be a number'],
    ['a fraction of a step', changed('steps: 12', 'steps: 1.5'), 'steps: is 1.5; it must be a whole number'],
    ['no steps', changed('steps: 12', 'steps: 0'), 'steps: is 0; it must be at least 1'],
    [
      'too many micro-batches',
      changed('microBatches: 4', 'microBatches: 5000'),
      'microBatches: is 5000; it must be at most 4096',
    ],
    ['infinity', changed('0.001', '.inf'), /optimizer.learningRate: is .*; it must be/],
    [
      'a list for a mapping',
      changed('{format: text, path: corpus.txt}', '[1]'),
      'data: is a list; it must be a mapping of fields',
    ],
    [
      'an unknown format',
      changed('format: text', 'format: csb'),
      'data.format: is "csb"; it must be text, idx or csv; did you mean csv?',
    ],
    ['neither path nor url', changed(', path: corpus.txt', ''), 'data: needs either path or url, and not both'],
    [
      'path and url',
      changed('path: corpus.txt', 'path: a, url: "https://b.c/d"'),
      'data: needs either path or url, and not both',
    ],
    [
      'another protocol',
      changed('path: corpus.txt', 'url: "ftp://b.c/d"'),
      'data.url: is "ftp://b.c/d"; it must be an http or https address',
    ],
    [
      'http without a hash',
      changed('path: corpus.txt', 'url: "http://b.c/d"'),
      'data.sha256: is missing; it is required because an http: address is not authenticated',
    ],
    [
      'a short hash',
      changed('path: corpus.txt', 'path: a, sha256: abc'),
      'data.sha256: is "abc"; it must be 64 lower-case hexadecimal digits',
    ],
    ['a negative seed', changed('seed: 1', 'seed: -1'), 'seed: is -1; it must be at least 0'],
    ['a seed in words', changed('seed: 1', 'seed: one'), 'seed: is "one"; it must be a whole number below 2^64'],
    [
      'a seed of another type',
      changed('seed: 1', 'seed: [1]'),
      'seed: is a list; it must be a number, or a number in quotes',
    ],
    ['a seed of 2^64', changed('seed: 1', 'seed: "18446744073709551616"'), 'seed: must be below 2^64'],
    ['a sample rate above 1', `${GOOD}policy: {sampleRate: 2}`, 'policy.sampleRate: is 2; it must be at most 1'],
    [
      'a mistyped policy',
      `${GOOD}policy: {samplerate: 1}`,
      'policy.samplerate: there is no such field; did you mean sampleRate?',
    ],
    ['a budget in words', `${GOOD}budget: much`, 'budget: is "much"; it must be a decimal number such as "1.5"'],
    ['an eval that ends early', `${GOOD}eval: {records: [5, 2]}`, 'eval.records: [5, 2] ends before it starts'],
    ['half an eval range', `${GOOD}eval: {records: [5]}`, /eval.records/],
    [
      'training from the middle',
      changed('path: corpus.txt', 'path: a, train: [3, 9]'),
      'data.train: starts at 3; it must start at 0',
    ],
    [
      'training on nothing',
      changed('path: corpus.txt', 'path: a, train: [0, 0]'),
      'data.train: is empty; at least one record is needed',
    ],
    ['an uneven batch', changed('batch: 16', 'batch: 18'), 'batch: 18 is not a multiple of microBatches, 4'],
    ['an uneven width', changed('width: 48', 'width: 49'), 'model.width: 49 is not a multiple of model.heads, 3'],
    ['a gpt on a table', changed('format: text', 'format: csv'), /data.format: csv does not train a gpt/],
  ])('%s', async (_, text, message) => {
    const found = await messageOf(() => parseJobFile(text))
    expect(await codeOf(() => parseJobFile(text))).toBe('bad-job')
    if (typeof message === 'string')
      expect(
        found
          .split('\n')
          .slice(1)
          .join('\n')
          .replace(/ \[[^[]*\]$/, ''),
      ).toContain(message)
    else expect(found).toMatch(message)
    expect(found).toMatch(/\[docs\/job-file.md explains every field/)
  })

  it('several at once, but not all of hundreds', async () => {
    expect(await messageOf(() => parseJobFile(changed('steps', 'stepz').replace('width', 'widht')))).toMatch(
      /model\.width.*model\.widht.*steps.*stepz/s,
    )
    const many = Array.from({ length: 300 }, (_, i) => `x${i}: 1`).join('\n')
    expect(await messageOf(() => parseJobFile(GOOD + many))).toMatch(/and 292 more/)
  })

  it.each([
    ['broken YAML', '{"model": {', /not valid YAML at line 1, column 12/],
    ['a field given twice', `${GOOD}seed: 2`, /at line 8, column 1: Map keys must be unique/],
    ['an unknown tag', 'a: !!js/function x', /Unresolved tag/],
    ['an unknown anchor', 'a: *x', /Unresolved alias/],
    ['two documents', `${GOOD}---\n${GOOD}`, /multiple documents/],
    ['nothing', '', /the file: is null/],
    [
      'an alias bomb',
      `a: &a [x,x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]`,
      /alias count/,
    ],
    ['deep brackets', '['.repeat(5000), /nested too deeply/],
    ['deep dashes', '- '.repeat(5000), /nested too deeply/],
  ])('%s', async (_, text, message) => {
    expect(await messageOf(() => parseJobFile(text))).toMatch(message)
    expect(await codeOf(() => parseJobFile(text))).toBe('bad-job')
  })

  it('a file above the limit', async () => {
    expect(await codeOf(() => parseJobFile(GOOD + '#'.repeat(MAX_JOB_FILE_BYTES)))).toBe('over-limit')
  })

  it('random damage, always with a typed error', async () => {
    const seed = 5
    const random = seededRandom(seed)
    const inserts = [
      '{',
      '}',
      '[',
      ']',
      ': ',
      '- ',
      '"',
      "'",
      '\n',
      '&a ',
      '*a ',
      '!',
      '|',
      '? ',
      '-1',
      '1e999',
      '\u0000',
      'ü',
      ',',
      '  ',
    ]
    let rejected = 0
    for (let round = 0; round < 400; round++) {
      let text = GOOD
      for (let i = 0; i < 1 + random.below(3); i++) {
        const at = random.below(text.length)
        text = text.slice(0, at) + random.pick(inserts) + text.slice(at + random.below(4))
      }
      const code = await codeOf(() => parseJobFile(text))
      expect(['accepted', 'bad-job'], `seed ${seed}, round ${round}:\n${text}`).toContain(code)
      if (code !== 'accepted') rejected++
    }
    expect(rejected).toBeGreaterThan(200)
  })
})

describe('the published JSON Schema', () => {
  it('is current: node app/job/schema.ts > docs/job.schema.json', () => {
    const published = readFileSync(new URL('../../docs/job.schema.json', import.meta.url), 'utf8')
    expect(JSON.parse(published)).toEqual(jobJsonSchema())
  })
})

describe('similar', () => {
  it.each([
    ['widht', 'width'],
    ['Steps', 'steps'],
    ['microbatches', 'microBatches'],
    ['learning_rate', 'learningRate'],
    ['xyz', undefined],
    ['', undefined],
  ])('%j', (word, expected) => {
    expect(similar(word, ['width', 'steps', 'microBatches', 'learningRate', 'seed'])).toBe(expected)
  })
})
