/** Weighted minimax polynomials by the Remez exchange on a fine grid, all in BigInt fixed point. */
import { abs, div, fixed, mul, ONE, PI, toFloat32 } from './fixed.ts'

export interface Problem {
  /** Interval, not containing a zero of `size`. */
  readonly from: bigint
  readonly to: bigint
  /** What `sum(c[i] * x^powers[i])` approximates. */
  readonly target: (x: bigint) => bigint
  /** The error is measured relative to the magnitude of this. */
  readonly size: (x: bigint) => bigint
  readonly powers: readonly number[]
}

export interface Approximation {
  /** Binary32 values, one for each power. */
  readonly coefficients: readonly number[]
  /** Largest |error / size| on the grid, in fixed point. */
  readonly error: bigint
}

interface Point {
  /** x^power for each power. */
  readonly basis: readonly bigint[]
  readonly target: bigint
  readonly weight: bigint
}

/** Odd, so that the centre of a symmetric interval, where errors may vanish identically, is not a point. */
const GRID = 1501

/**
 * Coefficients are rounded to binary32 one at a time in the order of `powers`; after each rounding the others are
 * optimised anew, so that they make up for it.
 */
export function minimax(problem: Problem): Approximation {
  const points = grid(problem)
  const fixedPart: bigint[] = []
  while (fixedPart.length < problem.powers.length) {
    const best = exchange(points, fixedPart)
    fixedPart.push(fixed(toFloat32(best[0]!)))
  }
  const error = points.reduce((max, point) => {
    const e = abs(weighted(point, fixedPart))
    return e > max ? e : max
  }, 0n)
  return { coefficients: fixedPart.map(toFloat32), error }
}

/** Chebyshev's points: dense at the ends, where the extremes crowd. */
function grid({ from, to, target, size, powers }: Problem): Point[] {
  const points: Point[] = []
  for (let i = 0; i <= GRID; i++) {
    const x = from + mul(to - from, (ONE - cosine(div(PI * BigInt(i), ONE * BigInt(GRID)))) / 2n)
    const basis = powers.map((power) => {
      let value = ONE
      for (let k = 0; k < power; k++) value = mul(value, x)
      return value
    })
    points.push({ basis, target: target(x), weight: div(ONE, abs(size(x))) })
  }
  return points
}

function cosine(x: bigint): bigint {
  let term = ONE
  let sum = ONE
  for (let n = 1n; term !== 0n && term !== -1n; n += 2n) {
    term = -mul(mul(term, x), x) / (n * (n + 1n))
    sum += term
  }
  return sum
}

function weighted(point: Point, coefficients: readonly bigint[]): bigint {
  let rest = point.target
  for (const [i, c] of coefficients.entries()) rest -= mul(c, point.basis[i]!)
  return mul(rest, point.weight)
}

/** The minimax coefficients that follow the given ones: one point at a time, so that the levelled error only grows. */
function exchange(points: readonly Point[], given: readonly bigint[]): bigint[] {
  const free = points[0]!.basis.length - given.length
  let reference = Array.from({ length: free + 1 }, (_, i) => Math.round((i * (points.length - 1)) / free))
  for (let round = 0; round < 1000; round++) {
    const solution = level(
      reference.map((i) => points[i]!),
      given,
    )
    const levelled = abs(solution.pop()!)
    const all = [...given, ...solution]
    // The free powers are x^p times a Chebyshev system: the sign of x^p is divided out of the error.
    const errors = points.map((point) => (point.basis[given.length]! < 0n ? -1n : 1n) * weighted(point, all))
    let worst = 0
    for (const [i, error] of errors.entries()) if (abs(error) > abs(errors[worst]!)) worst = i
    if (abs(errors[worst]!) - levelled <= levelled >> 20n) return solution
    reference = enter(reference, worst, errors)
  }
  throw new Error('the exchange does not settle')
}

/** Puts point `at` in the place of the neighbour whose error has the same sign, so that signs still alternate. */
function enter(reference: readonly number[], at: number, errors: readonly bigint[]): number[] {
  const same = (i: number): boolean => errors[i]! > 0n === errors[at]! > 0n
  const right = reference.findIndex((i) => i > at)
  if (right === 0) return same(reference[0]!) ? [at, ...reference.slice(1)] : [at, ...reference.slice(0, -1)]
  if (right < 0) return same(reference.at(-1)!) ? [...reference.slice(0, -1), at] : [...reference.slice(1), at]
  return reference.with(same(reference[right]!) ? right : right - 1, at)
}

/** Solves for the free coefficients and the levelled error E: error at point i = (-1)^i E, up to the sign of x^p. */
function level(reference: readonly Point[], given: readonly bigint[]): bigint[] {
  const rows = reference.map((point, i) => {
    const sign = (i % 2 === 0) === point.basis[given.length]! >= 0n ? ONE : -ONE
    const free = point.basis.slice(given.length).map((b) => mul(b, point.weight))
    return [...free, sign, weighted(point, given)]
  })
  return solve(rows)
}

/** Gauss with partial pivots; each row is coefficients, then the right-hand side. */
function solve(rows: bigint[][]): bigint[] {
  const n = rows.length
  for (let column = 0; column < n; column++) {
    let pivot = column
    for (let r = column + 1; r < n; r++) if (abs(rows[r]![column]!) > abs(rows[pivot]![column]!)) pivot = r
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    const top = rows[column]!
    for (let r = column + 1; r < n; r++) {
      const row = rows[r]!
      const factor = div(row[column]!, top[column]!)
      for (let c = column; c <= n; c++) row[c] = row[c]! - mul(factor, top[c]!)
    }
  }
  const x: bigint[] = new Array(n).fill(0n)
  for (let r = n - 1; r >= 0; r--) {
    let rest = rows[r]![n]!
    for (let c = r + 1; c < n; c++) rest -= mul(rows[r]![c]!, x[c]!)
    x[r] = div(rest, rows[r]![r]!)
  }
  return x
}
