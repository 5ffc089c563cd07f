/**
 * Experiment: in every kind of value behind a step one bit is false, and all that follows is computed from it. Who is right wins.
 * README.md says what is claimed and measured.
 */
import seedrandom from 'seedrandom'
import { traceLength } from '#arith/layout.ts'
import { createExactEngine, ENGINE_CHOICES } from '#engine/conformance/exact.ts'
import { typeOf } from '#graph/part.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { elementsOf } from '#graph/shape.ts'
import { roundsByLevel } from '#pinpoint/play/match.ts'
import { graphOf, itemAt } from '#pinpoint/schedule.ts'
import type { End, Statement } from '#pinpoint/types.ts'
import type { Entry } from '#proto/entry.ts'
import type { Lie } from '#runtime/pinpoint/lie.ts'
import { Runner } from '#runtime/pinpoint/runner.ts'
import { EntryStatement } from '#runtime/pinpoint/statement.ts'
import { imageJob, textJob } from '../bench/jobs.ts'
import { commandLine } from '../lib/command.ts'
import { type Costs, Court } from '../lib/court.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { dispute, fork, forkOf, type Ground, groundOf } from './fork.ts'
import { type Kind, kindsOf } from './kinds.ts'

const USAGE = 'usage: npm run experiment -- fork-sweep [--models mlp,cnn,gpt] [--seed N] [--engine NAME] [--json]'
const values = commandLine(USAGE, {
  models: { type: 'string', default: 'mlp,cnn,gpt' },
  seed: { type: 'string', default: '1' },
  engine: { type: 'string', default: 'auto' },
  json: { type: 'boolean' },
})

const adamw = { type: 'adamw', learningRate: 0.01, warmup: 2 }
const sgd = { type: 'sgd', learningRate: 0.05, momentum: 0.9 }
const CONTEXT = 8

const JOBS = {
  mlp: () =>
    imageJob(
      { model: { type: 'mlp', hidden: [8] }, steps: 4, batch: 8, microBatches: 4, optimizer: sgd, replicas: 1 },
      64,
    ),
  cnn: () =>
    imageJob(
      {
        model: { type: 'cnn', channels: [2, 3], kernel: 3, hidden: 8 },
        ...{ steps: 4, batch: 4, microBatches: 2, optimizer: adamw, arithmetic: 'q16', replicas: 1 },
      },
      64,
    ),
  gpt: () =>
    textJob(
      {
        model: { type: 'gpt', width: 16, layers: 2, heads: 2, context: CONTEXT, dropout: 0.2 },
        ...{ steps: 4, batch: 4, microBatches: 4, optimizer: adamw, replicas: 2 },
      },
      CONTEXT,
      64,
    ),
} as const

type Random = () => number
const below = (random: Random, n: number): number => Math.floor(n * random())

/** Places that are tried until a bit is found that is not lost in rounding. */
const TRIES = 60
/** Ends that a false bit of an input, or of a node, must come to. */
const INPUT_ENDS: readonly (End | undefined)[] = ['input', 'word']

interface Row {
  readonly kind: string
  readonly end: End | undefined
  readonly withheld: number
  readonly served: number
  readonly levels: Record<string, number>
  /** Undefined where the game is not repeated on the chain. */
  readonly gasWithheld: Costs['gas'] | undefined
  readonly gasServed: Costs['gas'] | undefined
  readonly gasDefended: Costs['gas'] | undefined
  /** Of the game in which nothing is served. */
  readonly seconds: number
  readonly disputes: number
  readonly wrong: number
}

function place(ground: Ground, kind: Kind, random: Random): Lie {
  const item = kind.items[below(random, kind.items.length)] as number
  const value = kind.values[below(random, kind.values.length)] as number
  const graph = ground.program[graphOf(itemAt(ground.schedule, item)) ?? 'micro']
  const element = below(random, elementsOf(typeOf(graph, value).shape))
  const bit = below(random, 32)
  const node = graph.nodes[value - graph.inputs.length]
  if (node === undefined) return { item, value, element, bit }
  const types = node.inputs.map((id) => typeOf(graph, id))
  return { item, value, element, bit, micro: below(random, traceLength(elementOf(node, types))) }
}

type Forked = { readonly statement: Statement; readonly entry: Entry }

let window = 0

/** A game, and its moves on the chain. Seconds are those of both players' computations. */
async function game(ground: Ground, asserter: Forked, challenger: Statement, served: boolean) {
  const started = performance.now()
  const { outcome, claim, evidence } = await dispute(ground, asserter, challenger, served, ++window)
  const seconds = (performance.now() - started) / 1000
  // Another replica's sum is the court's to know: games that end in one are not repeated.
  const repeated = outcome.end !== 'inbound' && outcome.by === 'proof'
  const costs = repeated ? await court.replay(claim, evidence, outcome) : undefined
  return { outcome, seconds, gas: costs?.gas }
}

/** All games about one fork: an honest challenger against it, an honest asserter against somebody who believes it. */
async function games(ground: Ground, name: string, forked: Forked, ends: readonly (End | undefined)[]): Promise<Row> {
  const withheld = await game(ground, forked, ground.statement, false)
  const served = await game(ground, forked, ground.statement, true)
  const defended = await game(ground, ground, forked.statement, true)
  const right = [
    withheld.outcome.winner === 'challenger' && ends.includes(withheld.outcome.end),
    served.outcome.winner === 'challenger' && served.outcome.by === 'proof' && ends.includes(served.outcome.end),
    defended.outcome.winner === 'asserter',
  ]
  return {
    kind: name,
    end: served.outcome.end,
    withheld: withheld.outcome.rounds,
    served: served.outcome.rounds,
    levels: roundsByLevel(withheld.outcome),
    gasWithheld: withheld.gas,
    gasServed: served.gas,
    gasDefended: defended.gas,
    seconds: Number(withheld.seconds.toFixed(3)),
    disputes: right.length,
    wrong: right.filter((one) => !one).length,
  }
}

async function sweep(ground: Ground, model: string, random: Random, rows: Row[]): Promise<string[]> {
  const lost: string[] = []
  const done = (row: Row): void => {
    rows.push(row)
    if (jsonOnly()) return
    const verdicts = row.wrong === 0 ? 'right' : 'WRONG'
    const gas =
      row.gasWithheld && `, gas ${row.gasWithheld.asserter} asserter, ${row.gasWithheld.challenger} challenger`
    console.log(
      `  ${row.kind.padEnd(32)} ${String(row.end).padEnd(8)} rounds ${row.withheld} withheld, ${row.served} served${gas ?? ''}, ` +
        `${row.seconds} s, ${verdicts}`,
    )
  }
  for (const kind of kindsOf(ground)) {
    const name = `${model} ${kind.name}`
    const node =
      (kind.values[0] as number) >=
      ground.program[graphOf(itemAt(ground.schedule, kind.items[0] as number)) ?? 'micro'].inputs.length
    let found: Forked | undefined
    for (let i = 0; found === undefined && i < TRIES; i++) found = await fork(ground, place(ground, kind, random))
    if (found === undefined) lost.push(name)
    else done(await games(ground, name, found, node ? ['block'] : INPUT_ENDS))
  }
  const { replicas } = ground.source
  if (replicas > 1) {
    const own = new EntryStatement({ ...ground.source, received: spoilt(ground, random) }, ground.runner)
    // It claims, and shows, what its partners have sent, and has gone on with something else.
    const found = await forkOf(ground, {
      preimage: (list, height, index) =>
        (list.level === 'results' && list.of === 'sum' ? ground.statement : own).preimage(list, height, index),
    })
    if (found !== undefined) done(await games(ground, `${model} lanes: inbound`, found, ['inbound']))
  }
  return lost
}

/** A partner's sum of the first step with one bit flipped. */
function spoilt({ program }: Ground, random: Random): (step: number, replica: number) => Uint8Array | undefined {
  const ports = [...program.gradients, ...program.metrics]
  const sum = new Uint8Array(ports.reduce((bytes, { type }) => bytes + 4 * elementsOf(type.shape), 0))
  sum[below(random, sum.length)] = 1 << below(random, 8)
  return (step) => (step === 0 ? sum : undefined)
}

const choice = ENGINE_CHOICES.find((name) => name === values.engine)
if (choice === undefined) throw new Error(`--engine is one of ${ENGINE_CHOICES.join(', ')}`)
const rows: Row[] = []
const lost: string[] = []
const court = await Court.start()
try {
  for (const model of values.models.split(',')) {
    const make = JOBS[model as keyof typeof JOBS]
    if (make === undefined) throw new Error(`--models are among ${Object.keys(JOBS).join(', ')}`)
    const engine = await createExactEngine(choice)
    try {
      if (!jsonOnly()) console.log(model)
      const ground = await groundOf(new Runner(engine), make(), 2)
      lost.push(...(await sweep(ground, model, seedrandom(`${values.seed} ${model}`), rows)))
    } finally {
      await engine.close()
    }
  }
} finally {
  await court.stop()
}
const most = (of: (row: Row) => number | undefined): number => Math.max(...rows.map((row) => of(row) ?? 0))
const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0)
report({
  name: 'fork-sweep',
  figures: {
    nodeKinds: rows.length,
    disputes: sum(({ disputes }) => disputes),
    wrongVerdicts: sum(({ wrong }) => wrong),
    mostRoundsWithheld: most(({ withheld }) => withheld),
    mostRoundsServed: most(({ served }) => served),
    mostGasChallenger: most(({ gasWithheld }) => gasWithheld?.challenger),
    mostGasAsserter: most(({ gasDefended }) => gasDefended?.asserter),
    kindsWithoutEffect: lost.length,
  },
  thresholds: { wrongVerdicts: { equals: 0 }, mostRoundsServed: { max: 9 } },
  details: { rows, withoutEffect: lost },
})
