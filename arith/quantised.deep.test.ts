/** A million cases of every block of quantised orders, and 20,000 dot products, against exact rationals. */
import { expect, test } from 'vitest'
import { nasty, words } from './hard.ts'
import { interpret } from './interpret.ts'
import { evaluateQuantised, QUANTISED_ARITY, QUANTISED_BOUND, QUANTISED_CODE } from './quantised.ts'
import { quantised } from './testing-programs.ts'
import { exactDot, hardVector, INDEPENDENT_QUANTISED } from './testing-quantised.ts'
import type { QuantisedBlock, QuantisedOrder, Word } from './types.ts'

const SEED = 24_016
const BOUNDS = Object.values(QUANTISED_BOUND)

test.each(Object.keys(QUANTISED_CODE) as QuantisedBlock[])(
  `%s, 1,000,000 cases (seed ${SEED})`,
  { timeout: 3_600_000 },
  (block) => {
    const next = words(SEED + QUANTISED_CODE[block])
    const any = (): Word => (next() % 2 === 0 ? nasty(next) : next() >>> (next() % 32))
    const shift = (): Word => (next() % 4 === 0 ? next() : (next() % 700) - 350) >>> 0
    for (let i = 0; i < 1_000_000; i++) {
      const second = block === 'qshift' && i % 2 === 0 ? BOUNDS[(i >> 1) % 2]! : block === 'f2q' ? shift() : any()
      const args: [Word, Word, Word] = [any(), second, shift()]
      const result = evaluateQuantised(block, args.slice(0, QUANTISED_ARITY[block]))
      const wanted = INDEPENDENT_QUANTISED[block](...args)
      if (result !== wanted) expect({ args, result }).toEqual({ args, result: wanted })
    }
  },
)

test.each(['q16', 'q24'] as const)(
  `%s, 10,000 dot products (seed ${SEED})`,
  { timeout: 3_600_000 },
  (order: QuantisedOrder) => {
    const next = words(SEED)
    for (let i = 0; i < 10_000; i++) {
      const k = 1 + (next() % (i % 10 === 0 ? 800 : 60))
      const [a, b] = [hardVector(next, k, i), hardVector(next, k, next())]
      const [found] = interpret({ ...quantised(order, 1, 1, k), out: { dtype: 'u32', shape: [1, 1] } }, [a, b])
      const wanted = exactDot(order, [...a], [...b])
      if (found !== wanted) expect({ i, k, found }).toEqual({ i, k, found: wanted })
    }
  },
)
