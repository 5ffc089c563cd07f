/** For tests: a grid of replicas and stages on one engine, whose cells run in any order that their schedules allow. */
import type { Engine } from '#engine/types.ts'
import { type Plan, partition } from '#graph/partition/plan.ts'
import type { Program } from '#graph/types.ts'
import { exchangesOf } from '#proto/lanes.ts'
import { passesOf, type StagePass, turnsOf } from '#proto/machines/stage.ts'
import type { SeededRandom } from '#proto/testing.ts'
import type { Feed } from '#runtime/feed.ts'
import { listBytes } from '#runtime/tensors.ts'
import { type Border, bordersOf, GIVES, TAKES } from './bundles.ts'
import { giveShared, runPass, takeShared } from './cell.ts'
import { bytesOf, StageTrainer, type Words } from './stage.ts'

export interface TestGridOptions {
  readonly microBatches: number
  readonly lanes: number
  readonly replicas: number
  readonly eager: number
  readonly feed: Pick<Feed, 'seeds' | 'inputs'>
}

interface TestCell {
  readonly replica: number
  readonly stage: number
  readonly trainer: StageTrainer
  readonly passes: readonly StagePass[]
}

export class TestGrid {
  /** Bytes that crossed borders: of micro-batches, and of what is shared once a step. */
  readonly traffic = { transfers: 0, shares: 0 }
  readonly #program: Program
  readonly #options: TestGridOptions
  readonly #borders: readonly Border[]
  readonly #cells: readonly TestCell[]

  constructor(engine: Engine, program: Program, plan: Plan, options: TestGridOptions) {
    const { microBatches, lanes, replicas, eager } = options
    this.#program = program
    this.#options = options
    this.#borders = bordersOf(program, plan)
    const stages = plan.stages.length
    this.#cells = Array.from({ length: replicas * stages }, (_, i) => {
      const [replica, stage] = [Math.floor(i / stages), i % stages]
      const trainer = new StageTrainer(engine, program, plan, stage)
      trainer.init(options.feed.seeds.init)
      const turns = turnsOf(replica, microBatches, lanes, replicas)
      return { replica, stage, trainer, passes: passesOf({ stage, stages, eager }, turns) }
    })
  }

  step(step: number, random: SeededRandom): void {
    this.#share('state')
    for (let replica = 0; replica < this.#options.replicas; replica++) this.#passes(step, replica, random)
    this.#exchange()
    this.#share('sum')
    for (const { trainer } of this.#cells) trainer.update(step)
  }

  /** The state tensors, in canonical order, as a replica has them. */
  state(replica = 0): Words[] {
    return this.#program.state.map((_, i) => {
      const cell = this.#cells.find((one) => one.replica === replica && one.trainer.stage.state.includes(i))
      if (!cell) throw new Error(`state tensor ${i} lives nowhere`)
      return cell.trainer.state(i)
    })
  }

  /** Goes on from the state that another grid has reached. */
  load(state: readonly Words[]): void {
    for (const { trainer } of this.#cells) {
      trainer.load(Buffer.concat(trainer.stage.state.map((i) => bytesOf(state[i] as Words))))
    }
  }

  #passes(step: number, replica: number, random: SeededRandom): void {
    const cells = this.#cells.filter((cell) => cell.replica === replica)
    const done = cells.map(() => 0)
    const made = new Map<string, Uint8Array>()
    const key = ({ kind, from, to }: Border, microBatch: number): string => `${kind} ${from} ${to} ${microBatch}`
    const inputs = ({ stage, passes }: TestCell, at: number): { border: Border; name: string }[] =>
      this.#borders
        .filter((border) => border.to === stage && TAKES[border.kind] === passes[at]?.pass)
        .map((border) => ({ border, name: key(border, passes[at]?.microBatch as number) }))
    for (;;) {
      const ready = cells.filter((cell, i) => {
        const at = done[i] as number
        return at < cell.passes.length && inputs(cell, at).every(({ name }) => made.has(name))
      })
      if (ready.length === 0) break
      const cell = random.pick(ready)
      const at = done[cell.stage] as number
      const pass = cell.passes[at] as StagePass
      const taken = inputs(cell, at).map(({ border, name }) => ({ border, bytes: made.get(name) as Uint8Array }))
      const given = this.#borders
        .filter(({ from, kind }) => from === cell.stage && GIVES[kind] === pass.pass)
        .map((border) => ({ border, bytes: new Uint8Array(border.bytes) }))
      runPass(cell.trainer, this.#options.feed, { ...pass, step, taken, given })
      for (const { border, bytes } of given) made.set(key(border, pass.microBatch), bytes)
      this.traffic.transfers += given.reduce((sum, { bytes }) => sum + bytes.length, 0)
      done[cell.stage] = at + 1
    }
    if (done.some((n, i) => n < (cells[i]?.passes.length ?? 0))) throw new Error(`stages wait for each other: ${done}`)
  }

  #exchange(): void {
    const rounds = exchangesOf(0, this.#options.replicas).length
    for (let round = 0; round < rounds; round++) {
      const sums = this.#cells.map(({ trainer }) => {
        const sum = new Uint8Array(listBytes(trainer.sumPorts))
        trainer.readSum(sum)
        return sum
      })
      for (const { replica, stage, trainer } of this.#cells) {
        const { partner, lower } = exchangesOf(replica, this.#options.replicas)[round] as {
          partner: number
          lower: boolean
        }
        const at = this.#cells.findIndex((cell) => cell.replica === partner && cell.stage === stage)
        trainer.join(sums[at] as Uint8Array, lower)
      }
    }
  }

  #share(kind: 'state' | 'sum'): void {
    for (const border of this.#borders.filter((one) => one.kind === kind)) {
      for (const { replica, trainer } of this.#cells.filter(({ stage }) => stage === border.from)) {
        const bundle = { border, bytes: new Uint8Array(border.bytes) }
        giveShared(trainer, bundle)
        const taker = this.#cells.find((cell) => cell.replica === replica && cell.stage === border.to) as TestCell
        takeShared(taker.trainer, bundle)
        this.traffic.shares += border.bytes
      }
    }
  }
}

/** The program in as many stages, cut at random places. */
export function cutAnywhere(program: Program, places: number, random: SeededRandom): Plan {
  const stages = Math.min(places, 2 + random.below(3))
  const all = random.shuffle(Array.from({ length: places - 1 }, (_, i) => i + 1))
  return partition(program, stages, { cuts: all.slice(0, stages - 1).sort((a, b) => a - b) })
}
