/** What each party of the network does for one entry, run here in one process so that its processor time can be counted. */
import { SigningKey } from 'ethers'
import type { LoadedJob } from '#app/job/load.ts'
import type { Engine } from '#engine/types.ts'
import { replayDigest } from '#proto/draw.ts'
import { type Entry, entryDigest, keyAddress, signEntry } from '#proto/entry.ts'
import type { Hash } from '#proto/ids.ts'
import { hashTree } from '#proto/merkle.ts'
import { type ReplayRequest, replay } from '#runtime/compute/replay.ts'
import { Dataset } from '#runtime/dataset.ts'
import { judge, lanesRoot } from '#runtime/judge.ts'
import { listRoot, metricsRoot } from '#runtime/tensors.ts'
import { Trainer } from '#runtime/trainer.ts'

/** Training and nothing else. */
export class Bare {
  readonly trainer: Trainer
  readonly job: LoadedJob

  constructor(engine: Engine, job: LoadedJob) {
    this.job = job
    this.trainer = new Trainer(engine, job.program, job.spec, new Dataset(job.spec.data, job.data))
    this.trainer.init()
  }

  train(from: number, to: number): void {
    for (let step = from; step < to; step++) {
      this.trainer.sum(step, 0, 1)
      this.trainer.update(step)
    }
  }

  state(): Uint8Array {
    const bytes = new Uint8Array(this.trainer.stateBytes)
    this.trainer.readState(bytes)
    return bytes
  }
}

/** An entry, and the state that it starts from. */
export interface Claimed {
  readonly entry: Entry
  readonly hash: Hash
  readonly before: Uint8Array
  readonly after: Uint8Array
}

/** A solver with one replica: it hashes the metrics of each step and the state after each entry, and signs. */
export class Solver extends Bare {
  readonly #key = new SigningKey(new Uint8Array(32).fill(7))
  #before: { readonly bytes: Uint8Array; readonly root: Hash } | undefined

  claim(from: number, to: number): Claimed {
    const { program } = this.job
    const before = this.#before ?? this.#rooted()
    const metrics: Hash[] = []
    for (let step = from; step < to; step++) {
      this.trainer.sum(step, 0, 1)
      metrics.push(metricsRoot(program.metrics, this.trainer.update(step)))
    }
    const after = this.#rooted()
    this.#before = after
    const entry: Entry = {
      ...{ jobId: new Uint8Array(32), epoch: 1, replica: 0, window: 0, stepFrom: from, stepTo: to },
      ...{ rootBefore: before.root, rootAfter: after.root },
      ...{ lanesRoot: lanesRoot([]), metricsRoot: hashTree(metrics), solver: keyAddress(this.#key) },
    }
    signEntry(this.#key, entry)
    return { entry, hash: entryDigest(entry), before: before.bytes, after: after.bytes }
  }

  #rooted(): { bytes: Uint8Array; root: Hash } {
    const bytes = this.state()
    return { bytes, root: listRoot(this.job.program.state, bytes) }
  }
}

/** A verifier: it checks the state before a drawn entry, replays its steps, judges, and proves that it has replayed. */
export class Verifier extends Bare {
  /** @returns whether it accepts, and the state that follows from the one before */
  audit({ entry, before }: Claimed): { readonly accept: boolean; readonly after: Uint8Array } {
    const { state } = this.job.program
    if (Buffer.compare(listRoot(state, before), entry.rootBefore) !== 0) return { accept: false, after: before }
    this.trainer.loadState(before)
    const { micro } = this.job.program
    const request: ReplayRequest = {
      ...{ stepFrom: entry.stepFrom, stepTo: entry.stepTo, replicas: 1 },
      activations: [{ microBatch: 0, node: micro.inputs.length + micro.nodes.length - 1 }],
    }
    const replayed = replay(this.trainer, request)
    replayDigest(entry.solver, new Uint8Array(32), replayed.activations[0] as Uint8Array)
    return { accept: judge(replayed, entry, 1, undefined).accept, after: this.state() }
  }
}
