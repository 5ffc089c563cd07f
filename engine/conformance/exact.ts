/** Engines for exact jobs: created by name, and refused unless they compute the quick conformance vectors to the bit. */
import { createEngine, type EngineName } from '../index.ts'
import type { Engine, EngineOptions } from '../types.ts'
import { requireExact } from './conform.ts'

/**
 * An engine that a role may train, replay or judge with.
 * @throws no-engine, bad-input as `createEngine`; not-exact naming the first conformance vector that failed
 */
export async function createExactEngine(name: EngineName, options: EngineOptions = {}): Promise<Engine> {
  const engine = await createEngine(name, options)
  try {
    requireExact(engine)
    return engine
  } catch (error) {
    await engine.close()
    throw error
  }
}
