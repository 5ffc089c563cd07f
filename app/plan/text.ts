/** A plan for people: what was chosen, who takes what, and why no other grid. */
import type { ConsideredResult, PlanResult, StageResult } from '#app/plan/result.ts'
import { labelled } from '#app/report.ts'
import { byteCount, count, duration, figure, percent, plural } from '#app/terminal/format.ts'
import { table } from '#app/terminal/table.ts'
import type { Terminal } from '#app/terminal/terminal.ts'

const PARTS = {
  work: 'computing',
  bubble: 'bubble',
  transfers: 'transfers',
  exchange: 'sums',
  update: 'update',
} as const

const time = (seconds: number): string =>
  seconds < 0.9995 ? `${figure(1000 * seconds, 3)} ms` : duration(1000 * seconds)

export function describePlan(result: PlanResult, terminal: Terminal, explain: boolean): string[] {
  const { replicas, stages, cells, eager, seconds, parts, bubble, bytes, considered } = result
  const line = (label: string, text: string): string => labelled(terminal, label, text)
  const alone = considered.find((one) => one.replicas === 1 && one.stages === 1)?.seconds ?? null
  const size = { width: terminal.width, unicode: terminal.unicode }
  const shares = (Object.keys(PARTS) as (keyof typeof PARTS)[])
    .filter((part) => parts[part] > 0)
    .map((part) => `${PARTS[part]} ${percent(parts[part] / seconds)}`)
  const speedup = alone === null || cells.length === 1 ? '' : `, ${figure(alone / seconds, 3)} times as fast as alone`
  const lines = [
    line('plan', `${grid(replicas, stages.length)}, on ${cells.length} of ${plural(result.bidders, 'bidder')}`),
    line('step', `${time(seconds)} predicted${speedup}`),
    line('', shares.join(', ')),
    ...(eager > 0 ? [line('ahead', `stages run ahead of 1F1B, eager ${eager}: it fills the time of transfers`)] : []),
    line('bubble', `${percent(bubble)} of the slots of the pipeline`),
    line(
      'sends',
      `${byteCount(bytes.transfers + bytes.shares)} a step between stages, ${byteCount(bytes.sums)} of sums`,
    ),
    '',
    ...table(
      [
        { title: 'stage', align: 'right' },
        { title: 'forward', align: 'right' },
        { title: 'tensors', flexible: true },
        { title: 'parameters', align: 'right' },
        { title: 'sends up', align: 'right' },
        { title: 'down', align: 'right' },
      ],
      stages.map(stageRow),
      size,
    ),
    '',
    ...table(
      [
        { title: 'replica', align: 'right' },
        { title: 'stage', align: 'right' },
        { title: 'bidder', flexible: true },
        { title: 'memory', align: 'right' },
        { title: 'of', align: 'right' },
        { title: 'micro-batch', align: 'right' },
        { title: 'load', align: 'right' },
      ],
      cells.map(({ replica, stage, bidder, memory, memoryLimit, computeSeconds }) => [
        ...[String(replica), String(stage), bidder, byteCount(memory), byteCount(memoryLimit), time(computeSeconds)],
        percent(computeSeconds / cells.reduce((most, cell) => Math.max(most, cell.computeSeconds), 0), 0),
      ]),
      size,
    ),
  ]
  if (!explain) return lines
  return [
    ...lines,
    '',
    ...table(
      [
        { title: 'replicas', align: 'right' },
        { title: 'stages', align: 'right' },
        { title: 'step', align: 'right' },
        { title: 'times', align: 'right' },
        { title: 'why', flexible: true },
      ],
      considered.map((one) => consideredRow(one)),
      size,
    ),
  ]
}

const grid = (replicas: number, stages: number): string =>
  `${plural(replicas, 'replica')} of ${plural(stages, 'stage')}`

/** `wte .. h2.mlp.down.bias`, as tensors follow each other along the model. */
function stageRow({ stage, forward, tensors, parameters, sends }: StageResult): string[] {
  const [first, last] = [forward[0]?.first ?? 0, (forward.at(-1)?.end ?? 1) - 1]
  const named = tensors.length > 1 ? `${tensors[0]} .. ${tensors.at(-1)}` : (tensors[0] ?? 'none')
  return [
    ...[String(stage), `${first}..${last}`, named, count(parameters)],
    ...[byteCount(sends.forward), byteCount(sends.backward)],
  ]
}

function consideredRow({
  replicas,
  stages,
  seconds,
  factor,
  loses,
  losesSeconds,
  shortage,
}: ConsideredResult): string[] {
  const head = [String(replicas), String(stages)]
  if (shortage !== null) {
    const { stage, bidder, missing } = shortage
    return [...head, '-', '-', `stage ${stage} lacks ${byteCount(missing)} at ${bidder}`]
  }
  const why = loses === null || loses === 'memory' ? 'chosen' : `${PARTS[loses]}: ${time(losesSeconds ?? 0)} more`
  return [...head, time(seconds ?? 0), figure(factor ?? 1, 3), why]
}
