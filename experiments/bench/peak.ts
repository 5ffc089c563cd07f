/** The most a core gives with 128-bit vectors: fused multiply-adds on registers alone. */
import { Body, i32, vec } from '#engine/kernel/ir.ts'
import { encode } from '#engine/wasm/encode.ts'
import { wasm } from '#engine/wasm/host.ts'
import { ModuleBuilder } from '#engine/wasm/module.ts'

/** Independent chains: enough to hide the latency of two units. */
const CHAINS = 12
const ROUNDS = 200_000

/** Floating-point operations of one run of the loop. */
export const SPIN_FLOPS = 8 * CHAINS * ROUNDS

/** A loop of nothing but multiply-adds, on one core. */
export function spinner(): () => void {
  const module = new ModuleBuilder({ initial: 1, maximum: 1 })
  const index = module.declare(['i32'], [])
  const body = new Body(['i32'])
  const sums = Array.from({ length: CHAINS }, () => body.let(vec.const(0x3f800000)))
  const a = body.let(vec.loadSplat(i32.const(0)))
  const b = body.let(vec.loadSplat(i32.const(4)))
  body.range(i32.const(0), body.params[0]!, 1, () => {
    for (const sum of sums) body.set(sum, vec.fma(a, b, sum))
  })
  sums.forEach((sum, i) => {
    body.store(i32.const(64), sum, 4, 16 * i)
  })
  module.define(index, encode(body, { mode: 'fused', emulated: -1 }))
  module.export('spin', index)
  const memory = new wasm.Memory({ initial: 1, maximum: 1, shared: true })
  const { exports } = new wasm.Instance(new wasm.Module(module.build()), { env: { memory } })
  const spin = exports['spin'] as (rounds: number) => void
  return () => spin(ROUNDS)
}

/** GFLOP/s of one core, the best of several turns. @param now seconds */
export function peak(now: () => number): number {
  const run = spinner()
  let best = 0
  for (let turn = 0; turn < 40; turn++) {
    const start = now()
    run()
    best = Math.max(best, SPIN_FLOPS / (now() - start) / 1e9)
  }
  return best
}
