/** The native engine: x86-64 code emitted for every kernel, with AVX2 or AVX-512. */
import { fail } from '#proto/errors.ts'
import type { Backend } from '../compiled/backend.ts'
import { CompiledEngine } from '../compiled/engine.ts'
import { MAX_PAGES, PAGE } from '../compiled/memory.ts'
import type { EngineOptions } from '../types.ts'
import type { SharedMemory } from '../wasm/host.ts'
import { callable } from './callable.ts'
import { probe } from './features.ts'
import { type CodeBlock, type Host, openHost } from './host.ts'
import { link, TARGETS } from './link.ts'
import type { Isa } from './machine.ts'

export interface NativeOptions extends EngineOptions {
  /** Default: the widest this machine has. Never changes a bit. */
  readonly isa?: Isa
}

/** Each includes those before it. */
const WIDTH: readonly Isa[] = ['avx2', 'avx512', 'avx512-vnni']

function backend(host: Host, memory: SharedMemory, isa: Isa): Backend {
  const blocks: CodeBlock[] = []
  // All that the memory may ever grow to.
  host.preferLargePages(host.addressOf(new Uint8Array(memory.buffer)), MAX_PAGES * PAGE)
  return {
    name: 'native',
    variant: isa,
    target: TARGETS[isa],
    worker: new URL('./worker.ts', import.meta.url),
    load(module, threads) {
      const { code, run, tasks } = link(module, threads, isa)
      const block = host.map(code)
      blocks.push(block)
      const at = (offset: number) => callable(host, memory, block.address + offset)
      return { run: at(run), tasks: tasks.map(at), portable: block.address + run }
    },
    close() {
      for (const block of blocks.splice(0)) block.close()
    },
  }
}

/**
 * A native engine.
 * @throws no-engine where this machine cannot run it, with the reason; bad-input for a thread count that is not an integer in
 *   1..64
 */
export async function nativeEngine({ isa, ...options }: NativeOptions = {}): Promise<CompiledEngine> {
  const found = await probe()
  if (!found.ok) fail('no-engine', found.why, { next: found.next })
  const { avx512, vnni } = found.features
  const best: Isa = vnni ? 'avx512-vnni' : avx512 ? 'avx512' : 'avx2'
  if (isa !== undefined && WIDTH.indexOf(isa) > WIDTH.indexOf(best)) {
    fail('no-engine', `the processor (or the system) lacks ${isa}`, {
      next: 'Leave the instruction set to the engine.',
    })
  }
  const host = await openHost()
  return await CompiledEngine.start(options, ({ shared }) => backend(host, shared, isa ?? best))
}
