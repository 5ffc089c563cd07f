/** What all trials share: an engine, a chain, and the grounds of jobs that were computed already. */
import { createEngine } from '#engine/index.ts'
import type { Engine } from '#engine/types.ts'
import type { Actor } from './cast.ts'
import { Chain } from './chain.ts'
import { Ground } from './ground.ts'
import { trial, type Verdict } from './trial.ts'

export class Stage {
  readonly #engine: Engine
  readonly #chain: Chain
  readonly #grounds = new Map<string, Ground>()

  private constructor(engine: Engine, chain: Chain) {
    this.#engine = engine
    this.#chain = chain
  }

  static async open(): Promise<Stage> {
    const engine = await createEngine('wasm')
    try {
      return new Stage(engine, await Chain.start())
    } catch (error) {
      await engine.close()
      throw error
    }
  }

  /** See `trial`. */
  async trial(actor: Actor, seed: string): Promise<Verdict> {
    const key = `${actor.windows} ${actor.replicas}`
    const ground = this.#grounds.get(key) ?? new Ground(this.#engine, actor)
    this.#grounds.set(key, ground)
    return await trial(this.#chain, ground, actor, seed)
  }

  async close(): Promise<void> {
    await this.#chain.stop()
    await this.#engine.close()
  }
}
