/** OpenBLAS as a peer of `bench:gemm`: `node openblas.ts LIBRARY`, requests and answers as JSON lines. */
import { createInterface } from 'node:readline'
import koffi from 'koffi'
import { type Sample, timed } from '../rounds.ts'
import { operand, parseShape, probes, type Shape } from '../shapes.ts'

const ROW_MAJOR = 101
const [NORMAL, TRANSPOSED] = [111, 112]

type Call = (...args: (number | bigint)[]) => void

/** `cblas_sgemm` under the names of distributions and of wheels, whose 64-bit builds count in 64 bits. */
function load(path: string): { sgemm: Call; core: string; config: string; threads: number } {
  const library = koffi.load(path)
  for (const [prefix, suffix] of [['', ''] as const, ['scipy_', ''] as const, ['scipy_', '64_'] as const]) {
    const int = suffix === '' ? 'int' : 'int64'
    const name = (base: string): string => `${prefix}${base}${suffix}`
    const parameters = [
      'int',
      'int',
      'int',
      int,
      int,
      int,
      'float',
      'void *',
      int,
      'void *',
      int,
      'float',
      'void *',
      int,
    ]
    try {
      const sgemm = library.func(name('cblas_sgemm'), 'void', parameters) as Call
      return {
        sgemm,
        core: library.func(name('openblas_get_corename'), 'str', [])() as string,
        config: library.func(name('openblas_get_config'), 'str', [])() as string,
        threads: library.func(name('openblas_get_num_threads'), 'int', [])() as number,
      }
    } catch (error) {
      if (suffix !== '') throw error
    }
  }
  throw new Error('unreachable')
}

/** Floats at the start of a cache line, as any allocator of a numerical library gives them. */
function floats(length: number): { values: Float32Array; address: bigint } {
  const bytes = new ArrayBuffer(4 * length + 64)
  const offset = Number(-koffi.address(bytes) & 63n)
  const values = new Float32Array(bytes, offset, length)
  return { values, address: koffi.address(bytes) + BigInt(offset) }
}

const path = process.argv[2] as string
const { sgemm, ...about } = load(path)

function prepare(shape: Shape) {
  const { batch, m, k, n, transposeA, transposeB } = shape
  const [a, b, c] = [floats(batch * m * k), floats(batch * k * n), floats(batch * m * n)]
  for (const { values } of [a, b]) for (let i = 0; i < values.length; i++) values[i] = operand(i)
  const [formA, formB] = [transposeA ? TRANSPOSED : NORMAL, transposeB ? TRANSPOSED : NORMAL]
  const [strideA, strideB] = [transposeA ? m : k, transposeB ? k : n]
  // A batch is a loop over the plain call: the library of the distributions has no other.
  const calls = Array.from({ length: batch }, (_, i) => {
    const at = ({ address }: { address: bigint }, size: number): bigint => address + BigInt(4 * i * size)
    const places = [at(a, m * k), strideA, at(b, k * n), strideB] as const
    return (rows: number): void => sgemm(ROW_MAJOR, formA, formB, rows, n, k, 1, ...places, 0, at(c, m * n), n)
  })
  const run = (rows: number): void => {
    for (const call of calls) call(rows)
  }
  // What the way from JavaScript to the library costs, seen at products of no rows, is none of the library's doing.
  const way = Math.min(...Array.from({ length: 20 }, () => timed(() => run(0), 100).seconds))
  run(m)
  const time = (turns: number): Sample => {
    const { seconds, cpuSeconds } = timed(() => run(m), turns)
    return { seconds: seconds - way, cpuSeconds: cpuSeconds - way }
  }
  return { way, probes: probes(shape).map((at) => c.values[at]), time }
}

let current: ReturnType<typeof prepare> | undefined
const send = (answer: object): void => void process.stdout.write(`${JSON.stringify(answer)}\n`)
send({ library: path, ...about })
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as { op: string; shape: string; calls: number }
  if (request.op === 'gemm') {
    current = prepare(parseShape(request.shape))
    send({ probes: current.probes, callSeconds: current.way })
  } else if (current) {
    send(current.time(request.calls))
  }
}
