/** The WebAssembly engine: needs nothing but Node. */
import { fail } from '#proto/errors.ts'
import type { Backend, Run } from '../compiled/backend.ts'
import { CompiledEngine } from '../compiled/engine.ts'
import type { EngineOptions } from '../types.ts'
import { type FmaMode, fuses } from './fma.ts'
import { type SharedMemory, wasm } from './host.ts'
import { link, TARGET } from './link.ts'

export interface WasmOptions extends EngineOptions {
  /** Default: `fused` where the host's relaxed SIMD rounds once, else `emulated`. Never changes a bit. */
  readonly fma?: FmaMode
}

function backend(memory: SharedMemory, fma: FmaMode): Backend {
  return {
    name: 'wasm',
    variant: fma,
    target: TARGET,
    worker: new URL('./worker.ts', import.meta.url),
    load(kernels, threads) {
      const module = new wasm.Module(link(kernels, threads, fma))
      const { exports } = new wasm.Instance(module, { env: { memory } })
      return {
        run: exports['run'] as Run,
        tasks: kernels.tasks.map((_, i) => exports[`task${i}`] as Run),
        portable: module,
      }
    },
    close() {},
  }
}

/**
 * A WebAssembly engine.
 * @throws bad-input for a thread count that is not an integer in 1..64; unsupported for a fused multiply-add that the host
 *   does not have
 */
export async function wasmEngine({ fma, ...options }: WasmOptions = {}): Promise<CompiledEngine> {
  const fused = fuses()
  if (fma === 'fused' && !fused) fail('unsupported', 'this host has no relaxed SIMD that rounds a * b + c once')
  const mode = fma ?? (fused ? 'fused' : 'emulated')
  return await CompiledEngine.start(options, ({ shared }) => backend(shared, mode))
}
