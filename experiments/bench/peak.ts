/** The most a core gives: fused multiply-adds on registers alone. */
import { MAX_PAGES } from '#engine/compiled/memory.ts'
import { Body, i32, vec } from '#engine/kernel/ir.ts'
import { RUN_PARAMS } from '#engine/kernel/module.ts'
import { callable } from '#engine/native/callable.ts'
import { probe } from '#engine/native/features.ts'
import { openHost } from '#engine/native/host.ts'
import { link, TARGETS } from '#engine/native/link.ts'
import { encode } from '#engine/wasm/encode.ts'
import { type SharedMemory, wasm } from '#engine/wasm/host.ts'
import { ModuleBuilder } from '#engine/wasm/module.ts'

/** Independent chains: enough to hide the latency of two units. */
const CHAINS = 12
const ROUNDS = 200_000

/** A loop of nothing but multiply-adds, on one core. */
export interface Spinner {
  readonly run: () => void
  /** Floating-point operations of one run. */
  readonly flops: number
  /** Of native code, which knows only its address: it must outlive the loop. */
  readonly memory?: SharedMemory
}

/** The loop, as a function of the kernel IR with vectors of `lanes`; the first parameter is the number of rounds. */
function loop(lanes: number): Body {
  const body = new Body(RUN_PARAMS)
  const sums = Array.from({ length: CHAINS }, () => body.let(vec.const(0x3f800000)))
  const a = body.let(vec.loadSplat(i32.const(0)))
  const b = body.let(vec.loadSplat(i32.const(4)))
  body.range(i32.const(0), body.params[0]!, 1, () => {
    for (const sum of sums) body.set(sum, vec.fma(a, b, sum))
  })
  sums.forEach((sum, i) => {
    body.store(i32.const(64), sum, 4, 4 * lanes * i)
  })
  return body
}

const memoryOf = (): SharedMemory => new wasm.Memory({ initial: 1, maximum: MAX_PAGES, shared: true })
const flopsOf = (lanes: number): number => 2 * lanes * CHAINS * ROUNDS

/** With the 128 bits of WebAssembly. */
export function spinner(): Spinner {
  const module = new ModuleBuilder({ initial: 1, maximum: MAX_PAGES })
  const index = module.declare([...RUN_PARAMS], [])
  module.define(index, encode(loop(4), { mode: 'fused', emulated: -1 }))
  module.export('spin', index)
  const { exports } = new wasm.Instance(new wasm.Module(module.build()), { env: { memory: memoryOf() } })
  const spin = exports['spin'] as (...parameters: number[]) => void
  return { run: () => spin(ROUNDS, 0, 0, 0), flops: flopsOf(4) }
}

/** With the widest vectors of native code here, or null where there is none. */
export async function nativeSpinner(): Promise<Spinner | null> {
  const found = await probe()
  if (!found.ok) return null
  const host = await openHost()
  const isa = found.features.avx512 ? 'avx512' : 'avx2'
  const { lanes } = TARGETS[isa]
  const { code, run: start } = link({ functions: [loop(lanes)], run: 0, tasks: [], kinds: [], scratch: 0 }, 1, isa)
  const memory = memoryOf()
  const spin = callable(host, memory, host.map(code).address + start)
  return { run: () => spin(ROUNDS, 0, 0, 0), flops: flopsOf(lanes), memory }
}

/** GFLOP/s of one core with 128-bit vectors, the best of several turns. @param now seconds */
export function peak(now: () => number): number {
  const { run, flops } = spinner()
  let best = 0
  for (let turn = 0; turn < 40; turn++) {
    const start = now()
    run()
    best = Math.max(best, flops / (now() - start) / 1e9)
  }
  return best
}
