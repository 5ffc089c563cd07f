/** A thread of the WebAssembly engine: an instance of its own of every kernel. */
import type { Run } from '../compiled/backend.ts'
import { serve } from '../compiled/serve.ts'
import { type CompiledModule, wasm } from './host.ts'

await serve(
  async (memory) => (portable) =>
    new wasm.Instance(portable as CompiledModule, { env: { memory } }).exports['run'] as Run,
)
