/** Creates engines by name. */
import { fail } from '#proto/errors.ts'
import { nativeEngine } from './native/engine.ts'
import { referenceEngine } from './reference/engine.ts'
import type { Engine, EngineOptions } from './types.ts'
import { wasmEngine } from './wasm/engine.ts'

export const ENGINES = ['reference', 'wasm', 'native'] as const
export type EngineName = (typeof ENGINES)[number]

/**
 * An engine of the given name.
 * @throws no-engine for an unknown name; bad-input for a bad thread count
 */
export async function createEngine(name: EngineName, options: EngineOptions = {}): Promise<Engine> {
  switch (name) {
    case 'reference':
      return referenceEngine(options)
    case 'wasm':
      return await wasmEngine(options)
    case 'native':
      return await nativeEngine(options)
    default:
      return fail('no-engine', `there is no engine '${name as string}'`, {
        next: `Choose one of ${ENGINES.join(', ')}.`,
      })
  }
}
