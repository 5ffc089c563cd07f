/** Fused multiply-add: the emulation through binary64 with rounding to odd, and the probe of the host's own. */
import { evaluate } from '#arith/blocks.ts'
import { wasm } from './host.ts'
import type { Expr } from './ir.ts'
import { Body, f32x4, f64x2, i64x2, v128 } from './ir.ts'
import type { FunctionBody } from './module.ts'
import { ModuleBuilder } from './module.ts'

/** How a kernel computes `ffma`. */
export type FmaMode = 'fused' | 'emulated'

/**
 * A function (v128, v128, v128) -> v128 that computes a * b + c in four words, rounded once.
 *
 * As `fma` of arith/blocks.ts, two binary64 lanes at a time: the product p is exact, s + e is p + c exactly (TwoSum), s
 * goes to the odd neighbour of the exact sum where e is not 0, and the demotion to binary32 then rounds correctly, to
 * subnormals and to infinity as well.
 */
export function emulatedFma(): FunctionBody {
  const body = new Body(['v128', 'v128', 'v128'])
  const words = body.params
  const half = (high: boolean): Expr => {
    const [a, b, c] = words.map((word) =>
      body.let(f64x2.promoteF32x4(high ? v128.shuffle(word, word, [2, 3, 2, 3]) : word)),
    ) as Expr[] as [Expr, Expr, Expr]
    const p = body.let(f64x2.mul(a, b))
    const s = body.let(f64x2.add(p, c))
    const t = body.let(f64x2.sub(s, p))
    const e = body.let(f64x2.add(f64x2.sub(p, f64x2.sub(s, t)), f64x2.sub(c, t)))
    const zero = v128.splat(0)
    const up = body.let(f64x2.gt(e, zero))
    // Neither holds for a NaN e, which an infinite or NaN s brings.
    const inexact = v128.or(up, f64x2.lt(e, zero))
    const one = i64x2.const(1, 0)
    const even = i64x2.eq(v128.and(s, one), zero)
    // +1 moves away from zero: right if e and s (not 0 here) have the same sign; else -1.
    const toward = v128.xor(up, f64x2.gt(s, zero))
    const by = v128.or(toward, one)
    return body.let(f32x4.demoteF64x2(i64x2.add(s, v128.and(by, v128.and(inexact, even)))))
  }
  const low = half(false)
  body.result(v128.shuffle(low, half(true), [0, 1, 4, 5]))
  return body.finish()
}

/** Operands on which separate rounding, flushing to zero or rounding twice give another result than one rounding. */
const CASES: readonly (readonly [number, number, number])[] = [
  [0x3f800800, 0x3f800800, 0xbf800000],
  [0x3f800001, 0x3f800001, 0xbf800002],
  [0x32449585, 0x0da6af77, 0x00000000],
  [0x00800000, 0x3f000000, 0x00000000],
  [0x7f7fffff, 0x40000000, 0xff7fffff],
  [0x00000001, 0x3f000000, 0x00000001],
  [0x3f800001, 0x33800000, 0x3f800000],
  [0xbf800000, 0x00000000, 0x80000000],
  [0x7f800000, 0x3f800000, 0x3f800000],
]

/** Bytes of a module whose `probe(at)` stores the relaxed_madd of the vectors at `at`, +16 and +32 at +48. */
function probeModule(): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ initial: 1, maximum: 1 })
  const probe = module.declare(['i32'], [])
  const body = new Body(['i32'])
  const at = body.params[0]!
  body.store(at, f32x4.relaxedMadd(v128.load(at), v128.load(at, 16), v128.load(at, 32)), 48)
  module.define(probe, body.finish())
  module.export('probe', probe)
  return module.build()
}

/** Turns of the probe: enough for the host to replace its baseline code by optimised code on the way. */
const TURNS = 4000

/**
 * True if this host has relaxed SIMD and its `relaxed_madd` rounds once, in every lane, at the first call and after
 * thousands.
 */
export function fuses(): boolean {
  known ??= probe()
  return known
}

let known: boolean | undefined

function probe(): boolean {
  const bytes = probeModule()
  if (!wasm.validate(bytes)) return false
  const memory = new wasm.Memory({ initial: 1, maximum: 1, shared: true })
  const instance = new wasm.Instance(new wasm.Module(bytes), { env: { memory } })
  const store = instance.exports['probe'] as (at: number) => void
  const words = new Uint32Array(memory.buffer)
  const expected = CASES.map((args) => evaluate('ffma', args))
  for (let turn = 0; turn < TURNS; turn++) {
    for (let lane = 0; lane < 4; lane++) {
      const args = CASES[(turn + lane) % CASES.length]!
      for (let i = 0; i < 3; i++) words[4 * i + lane] = args[i]!
    }
    store(0)
    for (let lane = 0; lane < 4; lane++) {
      if (words[12 + lane] !== expected[(turn + lane) % CASES.length]) return false
    }
  }
  return true
}
