/** Text from a trained GPT: one byte after the other, by the prediction graph of its program. */
import seedrandom from 'seedrandom'
import type { Buffer, Engine } from '#engine/types.ts'
import { buildPrediction } from '#graph/program.ts'
import type { Program } from '#graph/types.ts'
import { check } from '#proto/errors.ts'
import type { JobSpec } from '#proto/job.ts'
import { sliceList } from '#runtime/tensors.ts'

export interface GenerateOptions {
  readonly engine: Engine
  readonly program: Program
  readonly spec: JobSpec
  /** State tensors end to end. */
  readonly state: Uint8Array
  /** Bytes to go on from; at least one. */
  readonly prompt: Uint8Array
  /** Bytes to generate. */
  readonly length: number
  /** 0 takes the likeliest byte; 1 draws from the model's own distribution. Default 0.8. */
  readonly temperature?: number
  /** Seed of the draws. Default 0. */
  readonly seed?: number
}

/**
 * Generates bytes after a prompt, without the prompt. The last `context` bytes are what a prediction sees. Nothing here is
 * committed, so the draw may use the host's arithmetic.
 * @throws AssayError `unsupported` for a model that is no gpt, `bad-input` for an empty prompt
 */
export function generateText(options: GenerateOptions): Uint8Array {
  const { engine, program, spec, state, prompt, length, temperature = 0.8, seed = 0 } = options
  const { model } = spec
  check(model.type === 'gpt', 'unsupported', `a ${model.type} generates no text`)
  check(prompt.length > 0, 'bad-input', 'the prompt is empty')
  const random = seedrandom(String(seed))
  const graph = buildPrediction(spec, 1)
  const kernel = engine.compile(graph)
  const inputs = graph.inputs.map((port) => engine.alloc(port.type))
  const outputs = [engine.alloc({ dtype: 'f32', shape: [model.context, spec.data.classes] })]
  try {
    const parameters = sliceList(program.state, state).slice(0, inputs.length - 1)
    for (const [i, { bytes }] of parameters.entries()) {
      const words = (inputs[i] as Buffer).words()
      new Uint8Array(words.buffer, words.byteOffset, words.byteLength).set(bytes)
    }
    const text = [...prompt]
    for (let i = 0; i < length; i++) {
      const seen = text.slice(-model.context)
      const records = (inputs.at(-1) as Buffer).words()
      records.fill(0)
      records.set(seen)
      kernel.run(inputs, outputs)
      const words = (outputs[0] as Buffer).words()
      const logits = new Float32Array(words.buffer, words.byteOffset, words.length)
      const row = logits.subarray((seen.length - 1) * spec.data.classes, seen.length * spec.data.classes)
      text.push(draw(row, temperature, random))
    }
    return Uint8Array.from(text.slice(prompt.length))
  } finally {
    for (const buffer of [...inputs, ...outputs]) engine.free(buffer)
  }
}

/** Index drawn with probabilities softmax(logits / temperature); the largest at temperature 0. NaN logits count as -Infinity. */
export function draw(logits: Float32Array, temperature: number, random: () => number): number {
  let best = 0
  for (let i = 1; i < logits.length; i++)
    if ((logits[i] as number) > (logits[best] as number) || Number.isNaN(logits[best])) best = i
  if (temperature <= 0) return best
  const top = logits[best] as number
  const weights = Array.from(logits, (logit) => (Number.isNaN(logit) ? 0 : Math.exp((logit - top) / temperature)))
  let ticket = random() * weights.reduce((sum, weight) => sum + weight, 0)
  for (const [i, weight] of weights.entries()) {
    ticket -= weight
    if (ticket < 0) return i
  }
  return best
}

/** Bytes of the sample that a summary shows. */
const SAMPLE_BYTES = 240

/** A sample for a summary: what a gpt makes of the first bytes of its data set; null for other models. */
export function sampleText(
  options: Omit<GenerateOptions, 'prompt' | 'length'> & { readonly data: Uint8Array },
): string | null {
  const { model } = options.spec
  if (model.type !== 'gpt') return null
  const prompt = options.data.subarray(0, Math.min(16, model.context))
  const bytes = generateText({ ...options, prompt, length: SAMPLE_BYTES })
  return new TextDecoder().decode(Uint8Array.of(...prompt, ...bytes))
}
