/** Engines for exact jobs: created by name, and refused unless they compute the quick conformance vectors to the bit. */
import { isAssayError } from '#proto/errors.ts'
import { createEngine, ENGINES, type EngineName } from '../index.ts'
import type { Engine, EngineOptions } from '../types.ts'
import { requireExact } from './conform.ts'

/** `auto` is the fastest engine that this machine runs. */
export const ENGINE_CHOICES = ['auto', ...ENGINES] as const
export type ExactEngineName = (typeof ENGINE_CHOICES)[number]

/**
 * An engine that a role may train, replay or judge with.
 * @throws no-engine, bad-input as `createEngine`; not-exact naming the first conformance vector that failed
 */
export async function createExactEngine(choice: ExactEngineName, options: EngineOptions = {}): Promise<Engine> {
  if (choice !== 'auto') return await exactEngine(choice, options)
  try {
    return await exactEngine('native', options)
  } catch (error) {
    if (!isAssayError(error) || (error.code !== 'no-engine' && error.code !== 'not-exact')) throw error
    if (error.code === 'not-exact') process.emitWarning(`${error.message}; the wasm engine computes instead`)
    return await exactEngine('wasm', options)
  }
}

async function exactEngine(name: EngineName, options: EngineOptions): Promise<Engine> {
  const engine = await createEngine(name, options)
  try {
    requireExact(engine)
    return engine
  } catch (error) {
    await engine.close()
    throw error
  }
}
