/** Mistakes that somebody could make in the arithmetic or its orders, and the tests that must notice each of them. */

export interface Patch {
  readonly name: string
  /** What the mutant gets wrong. */
  readonly about: string
  readonly file: string
  /** Text that occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** Parts of paths of the test files to run. */
  readonly tests: readonly string[]
}

export const PATCHES: readonly Patch[] = [
  {
    name: 'separate-mul-add',
    about: 'fma rounds the product before it adds',
    file: 'arith/blocks.ts',
    find: 'const p = a * b',
    replace: 'const p = Math.fround(a * b)',
    tests: ['arith/'],
  },
  {
    name: 'double-rounding',
    about: 'fma rounds to binary64 and again to binary32, without rounding to odd',
    file: 'arith/blocks.ts',
    find: 'if (e > 0 || e < 0) {',
    replace: 'if (e > 0 && e < 0) {',
    tests: ['arith/'],
  },
  {
    name: 'no-canonical-store',
    about: 'a subnormal or foreign NaN is stored as it is',
    file: 'arith/machine.ts',
    find: 'const stored = canonical(value)',
    replace: 'const stored = value',
    tests: ['arith/'],
  },
  {
    name: 'negative-zero',
    about: 'canonical words lose the sign of zero',
    file: 'arith/blocks.ts',
    find: 'return magnitude < 0x00800000 ? (word & 0x80000000) >>> 0 : word',
    replace: 'return magnitude < 0x00800000 ? 0 : word',
    tests: ['arith/'],
  },
  {
    name: 'max-of-zeros',
    about: 'the maximum of +0 and -0 is -0',
    file: 'arith/blocks.ts',
    find: 'if (x === y) u32[d] = u32[a]! & u32[b]!',
    replace: 'if (x === y) u32[d] = u32[a]! | u32[b]!',
    tests: ['arith/'],
  },
  {
    name: 'chain-length',
    about: 'a contraction starts a new chain every 256 terms',
    file: 'arith/interpret.ts',
    find: 'export const CHAIN = 512',
    replace: 'export const CHAIN = 256',
    tests: ['arith/'],
  },
  {
    name: 'k-order',
    about: 'the values of the chains are joined in descending order',
    file: 'arith/interpret.ts',
    find: 'total = start === 0 ? acc : machine.join(total, acc)',
    replace: 'total = start === 0 ? acc : machine.join(acc, total)',
    tests: ['arith/'],
  },
  {
    name: 'lane-count',
    about: 'a reduction has 16 lanes',
    file: 'arith/interpret.ts',
    find: 'export const LANES = 32',
    replace: 'export const LANES = 16',
    tests: ['arith/'],
  },
  {
    name: 'neighbour-tree',
    about: 'the lanes of a reduction join with their neighbours instead of in halves',
    file: 'arith/interpret.ts',
    find: 'for (let i = 0; i < half; i++) lane[i] = machine.join(lane[i]!, lane[i + half]!)',
    replace: 'for (let i = 0; i < half; i++) lane[i] = machine.join(lane[2 * i]!, lane[2 * i + 1]!)',
    tests: ['arith/'],
  },
  {
    name: 'wasm-fma-fallback',
    about: 'the emulated fma of the wasm engine does not round to odd',
    file: 'engine/wasm/fma.ts',
    find: 'vec.and(by, vec.and(inexact, even))',
    replace: 'vec.and(by, vec.and(vec.const(0), vec.and(inexact, even)))',
    tests: ['engine/'],
  },
  {
    name: 'tile-k-order',
    about: 'the matrix product of compiled engines takes each four k in descending order',
    file: 'engine/kernel/tile.ts',
    find: 'for (let step = 0; step < count; step++) {',
    replace: 'for (let step = count - 1; step >= 0; step--) {',
    tests: ['engine/'],
  },
  {
    name: 'tile-no-canonical',
    about: 'the matrix product of compiled engines stores subnormals',
    file: 'engine/kernel/tile.ts',
    find: 'body.set(sum, vec.canon(sum))',
    replace: 'body.set(sum, sum)',
    tests: ['engine/'],
  },
  {
    name: 'quantised-bound',
    about: 'a quantised value may be one larger than its bytes hold',
    file: 'arith/quantised.ts',
    find: 'q16: 32_639',
    replace: 'q16: 32_640',
    tests: ['arith/'],
  },
  {
    name: 'quantised-ties',
    about: 'a largest value halfway above the bound is thought to round down to it',
    file: 'arith/quantised.ts',
    find: 'reached < limit || (reached === limit && bound % 2 === 0)',
    replace: 'reached <= limit',
    tests: ['arith/'],
  },
  {
    name: 'quantised-carry',
    about: 'the two-word sum of a trace loses its carries',
    file: 'arith/quantised-trace.ts',
    find: "run('iadd', here(6), here(5))",
    replace: "run('iadd', here(6), bits(0))",
    tests: ['arith/'],
  },
  {
    name: 'quantised-tiny',
    about: 'compiled engines scale subnormal blocks as if they were normal',
    file: 'engine/kernel/quantised-pack.ts',
    find: 'vec.select(tiny, vec.const(24), vec.const(0))',
    replace: 'vec.select(tiny, vec.const(0), vec.const(0))',
    tests: ['engine/compiled/quantised'],
  },
  {
    name: 'quantised-not-finite',
    about: 'compiled engines compute with infinities and NaN as if they had a scale',
    file: 'engine/kernel/quantised-pack.ts',
    find: 'vec.select(finite, vec.const(ONE), vec.const(NAN))',
    replace: 'vec.select(finite, vec.const(ONE), vec.const(ONE))',
    tests: ['engine/compiled/quantised'],
  },
  {
    name: 'wrong-lane',
    about: 'a replica owns a run of lanes instead of every R-th',
    file: 'proto/lanes.ts',
    find: 'replica + i * replicas)',
    replace: 'replica * (lanes / replicas) + i)',
    tests: ['proto/lanes'],
  },
  {
    name: 'uneven-lanes',
    about: 'micro-batches are dealt to lanes from the other end',
    file: 'proto/lanes.ts',
    find: 'const first = Math.floor((lane * microBatches) / lanes)',
    replace: 'const first = Math.ceil((lane * microBatches) / lanes)',
    tests: ['proto/lanes', 'proto/vectors'],
  },
  {
    name: 'doubling-order',
    about: 'replicas exchange with their neighbours first',
    file: 'proto/lanes.ts',
    find: 'for (let level = replicas / 2; level >= 1; level /= 2) {',
    replace: 'for (let level = 1; level < replicas; level *= 2) {',
    tests: ['proto/lanes'],
  },
  {
    name: 'permutation-rounds',
    about: 'the order of records has one Feistel round less',
    file: 'proto/permutation.ts',
    find: 'export const PERMUTATION_ROUNDS = 8',
    replace: 'export const PERMUTATION_ROUNDS = 7',
    tests: ['proto/permutation', 'proto/vectors'],
  },
  {
    name: 'permutation-shift',
    about: 'the order of records is off by one',
    file: 'proto/permutation.ts',
    find: 'Math.floor(position / n), position % n, n)',
    replace: 'Math.floor(position / n), (position + 1) % n, n)',
    tests: ['proto/permutation', 'proto/vectors'],
  },
  {
    name: 'draw-bytes',
    about: 'sampling reads the last bytes of the hash instead of the first',
    file: 'proto/draw.ts',
    find: '.b32(entryHash)).subarray(0, 8)) < rate',
    replace: '.b32(entryHash)).subarray(24, 32)) < rate',
    tests: ['proto/draw', 'proto/vectors'],
  },
  {
    name: 'threefry-rounds',
    about: 'random bits come from 18 rounds instead of 20',
    file: 'graph/nn/random.ts',
    find: '10 * half, 10 * half + 10)[word]',
    replace: '10 * half, 10 * half + 9)[word]',
    tests: ['test/golden'],
  },
  {
    name: 'adamw-correction',
    about: 'AdamW corrects the second moment by the power of the first',
    file: 'graph/optimizers/adamw.ts',
    find: 'const correct2 = b.div(1, b.sub(1, power2))',
    replace: 'const correct2 = b.div(1, b.sub(1, power1))',
    tests: ['test/golden'],
  },
  {
    name: 'lane-descending',
    about: 'a lane adds its micro-batches in descending order',
    file: 'runtime/trainer.ts',
    find: 'microBatchesOfLane(lane, this.spec.microBatches, this.spec.lanes)) {',
    replace: 'microBatchesOfLane(lane, this.spec.microBatches, this.spec.lanes).reverse()) {',
    tests: ['test/golden'],
  },
  {
    name: 'lane-tree',
    about: 'lanes join with their neighbours first',
    file: 'runtime/trainer.ts',
    find: 'const low = this.#subtree(step, lane, 2 * level)',
    replace: 'const low = this.#subtree(step, lane, this.spec.lanes)',
    tests: ['test/golden'],
  },
  {
    name: 'record-position',
    about: 'every step trains on the records of the step after it',
    file: 'runtime/feed.ts',
    find: 'const position = step * this.#spec.batch + microBatch * count + i',
    replace: 'const position = (step + 1) * this.#spec.batch + microBatch * count + i',
    tests: ['test/golden'],
  },
]

/** The text of the patch's file with the mistake in it. Throws unless the place is found exactly once. */
export function patched({ name, file, find, replace }: Patch, text: string): string {
  const places = text.split(find).length - 1
  if (places !== 1) throw new Error(`mutant ${name}: its text occurs ${places} times in ${file}`)
  return text.replace(find, () => replace)
}
