/** Fused multiply-add: the emulation through binary64 with rounding to odd, and the probe of the host's own. */
import { evaluate } from '#arith/blocks.ts'
import { Body, type Expr, raw, vec } from '../kernel/ir.ts'
import { encode, type Fma, LANES } from './encode.ts'
import { wasm } from './host.ts'
import { type FunctionBody, ModuleBuilder } from './module.ts'
import { shuffle, simd, v128const } from './opcodes.ts'

export type FmaMode = Fma['mode']

/** Instructions on two binary64 lanes. */
const f64 =
  (code: number) =>
  (...args: Expr[]): Expr =>
    raw('vec', simd(code), ...args)
const f64x2 = {
  lt: f64(0x49),
  gt: f64(0x4a),
  add: f64(0xf0),
  sub: f64(0xf1),
  mul: f64(0xf2),
  /** Words 0 and 1 to binary64. */
  promote: f64(0x5f),
  /** Two binary64 lanes to words 0 and 1; words 2 and 3 are +0. */
  demote: f64(0x5e),
}
const i64x2 = { add: f64(0xce), eq: f64(0xd6) }

/**
 * A function (v128, v128, v128) -> v128 that computes a * b + c in four words, rounded once.
 *
 * As `fma` of arith/blocks.ts, two binary64 lanes at a time: the product p is exact, s + e is p + c exactly (TwoSum), s
 * goes to the odd neighbour of the exact sum where e is not 0, and the demotion to binary32 then rounds correctly, to
 * subnormals and to infinity as well.
 */
export function emulatedFma(): FunctionBody {
  const body = new Body(['vec', 'vec', 'vec'])
  const words = body.params
  const half = (high: boolean): Expr => {
    const [a, b, c] = words.map((word) =>
      body.let(f64x2.promote(high ? raw('vec', shuffle(2, 3, 2, 3), word, word) : word)),
    ) as Expr[] as [Expr, Expr, Expr]
    const p = body.let(f64x2.mul(a, b))
    const s = body.let(f64x2.add(p, c))
    const t = body.let(f64x2.sub(s, p))
    const e = body.let(f64x2.add(f64x2.sub(p, f64x2.sub(s, t)), f64x2.sub(c, t)))
    const zero = vec.const(0)
    const up = body.let(f64x2.gt(e, zero))
    // Neither holds for a NaN e, which an infinite or NaN s brings.
    const inexact = vec.or(up, f64x2.lt(e, zero))
    const one = raw('vec', v128const(1, 0, 1, 0))
    const even = i64x2.eq(vec.and(s, one), zero)
    // +1 moves away from zero: right if e and s (not 0 here) have the same sign; else -1.
    const toward = vec.xor(up, f64x2.gt(s, zero))
    const by = vec.or(toward, one)
    return body.let(f64x2.demote(i64x2.add(s, vec.and(by, vec.and(inexact, even)))))
  }
  const low = half(false)
  body.raw([], raw('vec', shuffle(0, 1, 4, 5), low, half(true)))
  return encode(body, { mode: 'emulated', emulated: -1 })
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
  body.store(at, vec.fma(vec.load(at), vec.load(at, 16), vec.load(at, 32)), LANES, 48)
  module.define(probe, encode(body, { mode: 'fused', emulated: -1 }))
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
