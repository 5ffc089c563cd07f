/** Entries of native code as functions of one thread. */
import type { Run } from '../compiled/backend.ts'
import type { SharedMemory } from '../wasm/host.ts'
import type { Host } from './host.ts'
import { ENTRY_ARGUMENTS } from './link.ts'

/** The entry at `address`. The memory keeps its address when it grows. */
export function callable(host: Host, memory: SharedMemory, address: number): Run {
  const base = host.addressOf(new Uint8Array(memory.buffer))
  const entry = host.bind(address, ENTRY_ARGUMENTS)
  return (thread, scratch, arena, table) => {
    if (entry(base, thread, scratch, arena, table) !== 0) throw new Error('a thread of this engine has failed')
  }
}
