/** Text of a job file (YAML or JSON) to a checked `JobFile`; every fault is named by its path, with a next step. */
import { LineCounter, parseDocument } from 'yaml'
import type { z } from 'zod'
import { JOB_FILE, type JobFile } from '#app/job/schema.ts'
import { similar } from '#app/job/similar.ts'
import { fail } from '#proto/errors.ts'

/** Bytes: far above any real job, and small enough that the parser's worst cases end within seconds. */
export const MAX_JOB_FILE_BYTES = 64 * 1024
/** References to anchors that a file may make: enough for convenience, too few to blow up. */
const MAX_ALIASES = 32
/** Deepest nesting of a job file is 4; text nested deeper than this is refused before it is parsed. */
const MAX_NESTING = 32
const MAX_REPORTED = 8
const NEXT = 'docs/job-file.md explains every field; editors can check the file against docs/job.schema.json.'

/**
 * Parses and checks a job file. JSON is a subset of YAML 1.2, so one parser reads both.
 * @param text UTF-8 decoded
 * @throws AssayError `bad-job` listing up to eight faults, `over-limit` for a file above 64 KiB
 */
export function parseJobFile(text: string): JobFile {
  const value = parseYaml(text)
  const result = JOB_FILE.safeParse(value)
  if (result.success) return checkFile(result.data)
  const faults = result.error.issues.flatMap((issue) => explain(issue, value))
  const shown = faults.slice(0, MAX_REPORTED)
  if (faults.length > shown.length) shown.push(`and ${faults.length - shown.length} more`)
  return fail('bad-job', `the job file has ${faults.length === 1 ? 'a fault' : 'faults'}\n${shown.join('\n')}`, {
    next: NEXT,
  })
}

function parseYaml(text: string): unknown {
  if (text.length > MAX_JOB_FILE_BYTES) {
    fail('over-limit', `a job file has at most ${MAX_JOB_FILE_BYTES} bytes`, {
      next: 'Keep data in files of their own and name them in data.path.',
    })
  }
  if (nesting(text) > MAX_NESTING) fail('bad-job', 'the job file is nested too deeply', { next: NEXT })
  const lineCounter = new LineCounter()
  // Only the first fault is told, so no excerpt is drawn for each of what may be thousands.
  const options = { version: '1.2', uniqueKeys: true, merge: false, logLevel: 'error', prettyErrors: false } as const
  const document = parseDocument(text, { ...options, lineCounter })
  const fault = document.errors[0] ?? document.warnings[0]
  if (fault) {
    const { line, col } = lineCounter.linePos(fault.pos[0])
    const what = fault.message.split('\n')[0]?.slice(0, 200)
    fail('bad-job', `the job file is not valid YAML at line ${line}, column ${col}: ${what}`, {
      next: NEXT,
      cause: fault,
    })
  }
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES })
  } catch (cause) {
    return fail('bad-job', `the job file is not usable YAML: ${(cause as Error).message}`, { next: NEXT, cause })
  }
}

/** An upper bound of the nesting depth that costs no recursion: open brackets, or columns of indentation and dashes. */
function nesting(text: string): number {
  let open = 0
  let deepest = 0
  for (const line of text.split('\n')) {
    for (const char of line) {
      if (char === '[' || char === '{') deepest = Math.max(deepest, ++open)
      else if (char === ']' || char === '}') open = Math.max(0, open - 1)
    }
    const lead = /^[ \-?:]*/.exec(line)?.[0] ?? ''
    deepest = Math.max(deepest, Math.ceil(lead.length / 2))
  }
  return deepest
}

type Issue = z.core.$ZodIssue

function name(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the file'
  return path.reduce<string>((all, key) => {
    if (typeof key === 'number') return `${all}[${key}]`
    return all === '' ? String(key) : `${all}.${String(key)}`
  }, '')
}

/** What stands at a path of the parsed file. */
function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((here, key) => {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return undefined
    return (here as Record<PropertyKey, unknown>)[key]
  }, value)
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'a mapping'
  const text = typeof value === 'bigint' ? String(value) : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

const ARTICLES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a pair [from, to]',
  object: 'a mapping of fields',
}

/** One line per fault: where, what is wrong, what is there, what would be right. */
function explain(issue: Issue, root: unknown): string[] {
  const found = at(root, issue.path)
  const where = name(issue.path)
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = knownKeys(issue.path, root)
      return issue.keys.map((key) => {
        const meant = similar(key, known)
        const hint = meant ? `did you mean ${meant}?` : `known are ${known.join(', ')}`
        return `${name([...issue.path, key])}: there is no such field; ${hint}`
      })
    }
    case 'invalid_type':
      if (found === undefined) return [`${where}: is missing; it must be ${ARTICLES[issue.expected] ?? issue.expected}`]
      return [`${where}: is ${show(found)}; it must be ${ARTICLES[issue.expected] ?? issue.expected}`]
    case 'too_small':
    case 'too_big': {
      const small = issue.code === 'too_small'
      const bound = small ? issue.minimum : issue.maximum
      const unit = issue.origin === 'array' ? ' entries' : issue.origin === 'string' ? ' characters' : ''
      return [
        `${where}: is ${show(found)}; it must ${unit ? 'have' : 'be'} at ${small ? 'least' : 'most'} ${bound}${unit}`,
      ]
    }
    case 'invalid_value':
      return [
        `${where}: is ${show(found)}; it must be ${orList(issue.values.map(String))}${suggestion(found, issue.values)}`,
      ]
    case 'invalid_format':
      return [
        `${where}: is ${show(found)}; it ${issue.format === 'url' ? 'must be an http or https address' : issue.message}`,
      ]
    case 'invalid_union':
      return explainUnion(issue, found, where, root)
    default:
      return [`${where}: ${issue.message}`]
  }
}

function explainUnion(issue: Extract<Issue, { code: 'invalid_union' }>, found: unknown, where: string, root: unknown) {
  const key = issue.discriminator
  if (key !== undefined) {
    const words = discriminators(issue.path)
    if (found === undefined) return [`${where}: is missing; it must be ${orList(words)}`]
    return [`${where}: is ${show(found)}; it must be ${orList(words)}${suggestion(found, words)}`]
  }
  // A choice between a number and text (seed, budget): the branch of the type that is there explains the fault.
  const branch = issue.errors.find((issues) => issues.every(({ code }) => code !== 'invalid_type'))
  if (branch)
    return branch.flatMap((inner) => explain({ ...inner, path: [...issue.path, ...inner.path] } as Issue, root))
  return [`${where}: is ${show(found)}; it must be a number, or a number in quotes`]
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function suggestion(found: unknown, words: readonly unknown[]): string {
  const meant = typeof found === 'string' ? similar(found, words.map(String)) : undefined
  return meant ? `; did you mean ${meant}?` : ''
}

const UNIONS = { model: 'type', optimizer: 'type', data: 'format' } as const

/** The words that tell the variants of a union of the schema apart. */
function discriminators(path: readonly PropertyKey[]): string[] {
  const field = path[0] as keyof typeof UNIONS
  return variants(field).map((variant) => String(variant.shape[UNIONS[field]]?.value))
}

type Variant = { readonly shape: Readonly<Record<string, { readonly value?: unknown }>> }

function variants(field: keyof typeof UNIONS): readonly Variant[] {
  return (JOB_FILE.shape[field] as unknown as { readonly options: readonly Variant[] }).options
}

/** The fields that may stand at a path. */
function knownKeys(path: readonly PropertyKey[], root: unknown): string[] {
  const [field] = path
  if (field === undefined) return Object.keys(JOB_FILE.shape)
  if (field === 'policy') return Object.keys(JOB_FILE.shape.policy.unwrap().shape)
  if (field === 'eval') return Object.keys(JOB_FILE.shape.eval.unwrap().shape)
  const union = field as keyof typeof UNIONS
  const type = at(root, [union, UNIONS[union]])
  const variant = variants(union).find(({ shape }) => shape[UNIONS[union]]?.value === type)
  return Object.keys(variant?.shape ?? {})
}

/** The rules between fields that the JSON Schema cannot say. Those of the job itself are checked by proto/job.ts. */
function checkFile(file: JobFile): JobFile {
  const { data } = file
  const faults: string[] = []
  if ((data.path === undefined) === (data.url === undefined))
    faults.push('data: needs either path or url, and not both')
  if (data.url?.startsWith('http:') && !data.sha256) {
    faults.push('data.sha256: is missing; it is required because an http: address is not authenticated')
  }
  if (data.format === 'idx' && data.labels.startsWith('http:') && !data.labelsSha256) {
    faults.push('data.labelsSha256: is missing; it is required because an http: address is not authenticated')
  }
  if (data.train && data.train[0] !== 0) faults.push(`data.train: starts at ${data.train[0]}; it must start at 0`)
  if (data.train && data.train[1] === 0) faults.push('data.train: is empty; at least one record is needed')
  const range = file.eval?.records
  if (range && range[0] > range[1]) faults.push(`eval.records: [${range.join(', ')}] ends before it starts`)
  if (file.batch % file.microBatches !== 0) {
    faults.push(`batch: ${file.batch} is not a multiple of microBatches, ${file.microBatches}`)
  }
  if (file.model.type === 'gpt' && file.model.width % file.model.heads !== 0) {
    faults.push(`model.width: ${file.model.width} is not a multiple of model.heads, ${file.model.heads}`)
  }
  if (file.model.type === 'cnn' && file.model.kernel % 2 === 0) faults.push('model.kernel: must be odd')
  if ((file.model.type === 'gpt') !== (data.format === 'text')) {
    faults.push(
      `data.format: ${data.format} does not train a ${file.model.type}; text goes with gpt, idx and csv with mlp, idx with cnn`,
    )
  }
  if (file.model.type === 'cnn' && data.format === 'csv') faults.push('data.format: a cnn needs images (idx), not csv')
  if (typeof file.seed === 'string' && BigInt(file.seed) >= 2n ** 64n) faults.push('seed: must be below 2^64')
  if (faults.length === 0) return file
  return fail('bad-job', `the job file has ${faults.length === 1 ? 'a fault' : 'faults'}\n${faults.join('\n')}`, {
    next: NEXT,
  })
}
