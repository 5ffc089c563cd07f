/** The job file: what a person writes, checked field by field. Published as docs/job.schema.json, explained in docs/job-file.md. */
import { z } from 'zod'

const whole = (min: number, max: number) => z.int().min(min).max(max)
const MAX_U32 = 2 ** 32 - 1
const MAX_SIZE = 65_536

const activation = z.enum(['relu', 'gelu', 'tanh']).default('relu').describe('Nonlinearity between layers.')

const gpt = z.strictObject({
  type: z.literal('gpt'),
  width: whole(1, MAX_SIZE).describe('Size of the residual stream; a multiple of heads.'),
  layers: whole(1, 256).describe('Transformer blocks.'),
  heads: whole(1, 256).describe('Attention heads of a block.'),
  context: whole(1, MAX_SIZE).describe(
    'Bytes that a prediction can look back on; also the length of a training record.',
  ),
  dropout: z.number().min(0).max(0.99).default(0).describe('Share of activations dropped in training.'),
})
const mlp = z.strictObject({
  type: z.literal('mlp'),
  hidden: z.array(whole(1, MAX_SIZE)).max(16).describe('Sizes of the hidden layers.'),
  activation,
})
const cnn = z.strictObject({
  type: z.literal('cnn'),
  channels: z
    .array(whole(1, 4096))
    .min(1)
    .max(8)
    .describe('Channels of each convolution; each one is followed by 2 x 2 pooling.'),
  kernel: whole(1, 11).default(3).describe('Side of the square kernels; odd.'),
  hidden: whole(1, MAX_SIZE).default(64).describe('Size of the layer between the convolutions and the classes.'),
  activation,
})

const path = z.string().min(1).max(4096)
const url = z.url({ protocol: /^https?$/ }).max(4096)
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits')
  .describe('SHA-256 of the file as it lies there (packed, if it is packed). Required for http: addresses.')
const range = z.tuple([whole(0, 2 ** 40), whole(0, 2 ** 40)])
const source = {
  path: path.optional().describe('File, relative to the job file. Either path or url.'),
  url: url.optional().describe('Address to download the file from. Either path or url.'),
  sha256: sha256.optional(),
  train: range
    .optional()
    .describe('Records to train on, [0, end). Default: all before those of eval, or all if there are none.'),
}
const classes = whole(1, MAX_SIZE).optional().describe('Number of classes. Default: the largest label plus one.')

const text = z.strictObject({ format: z.literal('text'), ...source })
const idx = z.strictObject({
  format: z.literal('idx'),
  ...source,
  labels: path.describe('File of the labels, relative to the job file, or its http(s) address.'),
  labelsSha256: sha256.optional(),
  classes,
})
const csv = z.strictObject({
  format: z.literal('csv'),
  ...source,
  header: z
    .boolean()
    .optional()
    .describe('Whether the first row holds names. Default: it does if no cell is a number.'),
  classes,
})

const learningRate = z.number().min(0).max(1e6).describe('Step size.')
const weightDecay = (value: number) => z.number().min(0).max(1e6).default(value).describe('Decoupled weight decay.')
const warmup = whole(0, MAX_U32).default(0).describe('Steps over which the learning rate rises linearly.')
const momentLike = (value: number, what: string) => z.number().min(0).max(1).default(value).describe(what)

const sgd = z.strictObject({
  type: z.literal('sgd'),
  learningRate,
  momentum: momentLike(0, 'Share of the last update that is kept.'),
  weightDecay: weightDecay(0),
  warmup,
})
const adamw = z.strictObject({
  type: z.literal('adamw'),
  learningRate,
  beta1: momentLike(0.9, 'Decay of the first moment.'),
  beta2: momentLike(0.999, 'Decay of the second moment.'),
  epsilon: z.number().min(0).max(1).default(1e-8).describe('Added to the denominator.'),
  weightDecay: weightDecay(0.01),
  warmup,
})

const policy = z.strictObject({
  sampleRate: z.number().min(0).max(1).default(0.2).describe('Share of entries that verifiers replay; 1 replays all.'),
  entrySteps: whole(1, MAX_U32)
    .optional()
    .describe('Steps of an entry. Default: such that the job has about 24 entries.'),
  entriesPerWindow: whole(1, 64).optional().describe('Step ranges of a window. Default: about four windows a job.'),
  depth: whole(1, 8).default(2).describe('Windows that may be open at a time.'),
})

/** 18 decimals: the unit is the ether of the chain. */
const budget = z
  .union([
    z.number().min(0).max(1e9),
    z.string().regex(/^\d{1,18}(\.\d{1,18})?$/, 'must be a decimal number such as "1.5"'),
  ])
  .describe('Most that the job may cost, in ether of the chain. Default: no limit.')

export const JOB_FILE = z.strictObject({
  $schema: z.string().max(4096).optional().describe('Where editors find this schema; ignored otherwise.'),
  model: z.discriminatedUnion('type', [gpt, mlp, cnn]).describe('What is trained.'),
  data: z.discriminatedUnion('format', [text, idx, csv]).describe('What it is trained on.'),
  eval: z
    .strictObject({ records: range.describe('Records to evaluate on, [start, end).') })
    .optional()
    .describe('Held-out records. Default: the last tenth, at most 1000. An empty range turns evaluation off.'),
  steps: whole(1, MAX_U32).describe('Optimizer steps.'),
  batch: whole(1, 2 ** 20).describe('Records of a step.'),
  microBatches: whole(1, 4096).default(4).describe('Parts of a batch; batch must be a multiple.'),
  lanes: whole(1, 256).optional().describe('Parallel sums of a step, a power of two. Default: min(16, microBatches).'),
  optimizer: z.discriminatedUnion('type', [sgd, adamw]).describe('How gradients change the weights.'),
  arithmetic: z
    .enum(['f32', 'q16', 'q24'])
    .default('f32')
    .describe('How products of matrices are computed: 32-bit floats, or scaled integers of 16 or 24 bits.'),
  recompute: z
    .enum(['none', 'blocks'])
    .default('none')
    .describe(
      'Activations computed again in the backward pass instead of kept: less memory, about a quarter more work.',
    ),
  seed: z
    .union([whole(0, Number.MAX_SAFE_INTEGER), z.string().regex(/^\d{1,20}$/, 'must be a whole number below 2^64')])
    .default(0)
    .describe('Fixes everything random. Larger than 2^53: write it in quotes.'),
  replicas: whole(1, 256)
    .optional()
    .describe('Solvers that share the work, a power of two. Default: 2. Never changes the result.'),
  policy: policy.prefault({}).describe('How the work is verified.'),
  budget: budget.optional(),
})

/** A checked job file with its defaults filled in. */
export type JobFile = z.output<typeof JOB_FILE>

export const SCHEMA_ID = 'job.schema.json'

/** JSON Schema (2020-12) of the job file. */
export function jobJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(JOB_FILE, { io: 'input' })
  return { $schema, $id: SCHEMA_ID, title: 'Assay job file', ...schema }
}

// `node app/job/schema.ts > docs/job.schema.json` publishes it; a test holds the two together.
if (import.meta.main) process.stdout.write(`${JSON.stringify(jobJsonSchema(), null, 2)}\n`)
