/** The readable part of `assay run`: what a job is, and how it ended. */
import type { RunResult } from '#app/commands/run.ts'
import type { LoadedJob } from '#app/job/load.ts'
import { curve } from '#app/terminal/curve.ts'
import { byteCount, count, duration, figure, percent, plural, printable, short } from '#app/terminal/format.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'
import type { JobSpec } from '#proto/job.ts'
import { recordCount } from '#proto/job.ts'
import { elements } from '#runtime/tensors.ts'

/** Columns of the labels on the left. */
const MARGIN = 10

/** `label     text`, the label dimmed. */
export function labelled(terminal: Terminal, label: string, text: string): string {
  return `${paint(terminal, 'dim', label.padEnd(MARGIN))}${text}`
}

/** `gpt, width 48, layers 3, heads 3, context 24`: the fields that are not defaults of no interest. */
function modelText(model: JobSpec['model']): string {
  const { type, ...sizes } = model
  const shown = Object.entries(sizes).filter(([name, value]) => !(name === 'dropout' && value === 0))
  return [type, ...shown.map(([name, value]) => `${name} ${Array.isArray(value) ? value.join('-') : value}`)].join(', ')
}

/** What is about to be trained. */
export function describeJob({ spec, specHash, program }: LoadedJob, terminal: Terminal): string[] {
  const parameters = program.gradients.reduce((sum, { type }) => sum + elements(type), 0)
  const { data } = spec
  const held = data.evalTo - data.evalFrom
  const records = `${count(recordCount(data))} records, ${count(data.trainRecords)} to train on, ${count(held)} held out`
  return [
    labelled(terminal, 'job', short(Buffer.from(specHash).toString('hex'))),
    labelled(terminal, 'model', `${modelText(spec.model)}: ${count(parameters)} parameters`),
    labelled(terminal, 'data', `${data.format}, ${byteCount(data.size)}: ${records}`),
    labelled(
      terminal,
      'training',
      `${count(spec.steps)} steps of ${count(spec.batch)} records in ${spec.microBatches} micro-batches, ` +
        `${spec.optimizer.type} at ${figure(spec.optimizer.learningRate, 2)}`,
    ),
  ]
}

/** How it ended: the loss curve and the figures. */
export function describeResult(result: RunResult, terminal: Terminal): string[] {
  const { losses, metrics, text } = result
  const lines = [
    '',
    ...curve(losses, { width: Math.min(terminal.width, 100), unicode: terminal.unicode, first: 1 }),
    '',
  ]
  const perSecond = `${figure(result.stepsPerSecond, 3)} steps/s`
  const how = [result.engine, plural(result.threads, 'thread'), plural(result.replicas, 'replica')].join(', ')
  lines.push(
    labelled(terminal, 'loss', `${figure(result.firstLoss)} -> ${figure(result.finalLoss)}`),
    labelled(terminal, 'time', `${duration(result.seconds * 1000)}, ${perSecond} (${how})`),
  )
  if (metrics) {
    const accuracy = metrics.accuracy === undefined ? '' : `, accuracy ${percent(metrics.accuracy, 2)}`
    lines.push(
      labelled(terminal, 'held out', `loss ${figure(metrics.loss)}${accuracy} on ${count(metrics.records)} records`),
    )
  }
  lines.push(labelled(terminal, 'state', result.stateRoot))
  if (result.weights !== null) lines.push(labelled(terminal, 'weights', result.weights))
  if (text !== null) {
    const [first = '', ...rest] = printable(text, true).split('\n')
    lines.push(labelled(terminal, 'text', first), ...rest.map((line) => ' '.repeat(MARGIN) + line))
  }
  return lines
}
