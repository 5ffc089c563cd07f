/** The boundaries of the repository as data: who may import whom, and what exact code must not touch. */

/**
 * Layers and what each may import besides itself. A layer is a top-level folder; `contracts/client` is one of its own,
 * and test files of every folder belong to `test`. ARCHITECTURE.md draws the same arrows.
 */
const PURE = ['proto', 'arith', 'graph']
const SHARED = [...PURE, 'engine', 'pinpoint', 'tolerance', 'net', 'client', 'runtime']
const ROLES = ['coordinator', 'solver', 'verifier', 'whistleblower']
const ALL = [...SHARED, ...ROLES, 'app', 'contracts']

export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  arith: ['proto'],
  graph: ['proto', 'arith'],
  engine: PURE,
  net: ['proto'],
  tolerance: ['proto'],
  pinpoint: PURE,
  client: ['proto', 'pinpoint'],
  contracts: ['proto', 'arith', 'pinpoint', 'client'],
  runtime: [...PURE, 'engine', 'pinpoint', 'tolerance', 'net', 'client'],
  // The coordinator holds no tensor, so it has no use for an engine.
  coordinator: SHARED.filter((layer) => layer !== 'engine'),
  solver: SHARED,
  verifier: SHARED,
  whistleblower: SHARED,
  app: [...SHARED, ...ROLES, 'root'],
  experiments: ALL,
  tools: [...ALL, 'experiments'],
  test: [...ALL, 'experiments', 'tools'],
  root: [],
}

/** The layer of a file, by its path from the root with forward slashes. */
export function layerOf(file: string): string {
  if (isTest(file)) return 'test'
  if (file.startsWith('contracts/client/')) return 'client'
  const slash = file.indexOf('/')
  return slash < 0 ? 'root' : file.slice(0, slash)
}

/** Test files, and helpers that only tests may import: `testing.ts` and the generators of vectors, `vectors.ts`. */
export const isTest = (file: string): boolean => file.startsWith('test/') || file.endsWith('.test.ts') || isHelper(file)
export const isHelper = (file: string): boolean => /(^|\/)(testing(-[a-z0-9-]+)?|vectors)(\/|\.ts$)/.test(file)

/** Layers whose results are committed to: nothing there may depend on the host, the moment or chance. */
export const EXACT = ['proto', 'arith', 'graph', 'engine', 'pinpoint', 'tolerance']

/** The members of `Math` that are correctly rounded or integer operations in every engine. */
export const EXACT_MATH = [
  'abs',
  'ceil',
  'clz32',
  'floor',
  'fround',
  'imul',
  'max',
  'min',
  'round',
  'sign',
  'sqrt',
  'trunc',
]

/** Global names that tell the time. */
export const CLOCKS = ['Date', 'performance', 'setTimeout', 'setInterval', 'setImmediate']

/** Members that draw chance, whatever object they belong to. */
export const CHANCE = ['randomBytes', 'randomUUID', 'randomInt', 'randomFillSync', 'getRandomValues']

/** Names whose results follow the host's language or region. */
export const LOCALE = ['Intl', 'localeCompare', 'toLocaleString', 'toLocaleLowerCase', 'toLocaleUpperCase']

/** Modules through which the pure layers would reach the outside. */
export const OUTSIDE = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'fs/promises',
  'http',
  'http2',
  'https',
  'net',
  'os',
  'perf_hooks',
  'readline',
  'sqlite',
  'timers',
  'timers/promises',
  'tls',
].map((name) => `node:${name}`)

/** Engines run worker threads; the layers below them not even that. */
export const outsideOf = (layer: string): readonly string[] => {
  if (layer === 'engine') return OUTSIDE
  return [...PURE, 'tolerance'].includes(layer) ? [...OUTSIDE, 'node:worker_threads'] : []
}

/** Packages that one layer wraps for all others. */
export const WRAPPED: readonly { readonly package: RegExp; readonly layers: readonly string[] }[] = [
  { package: /^(libp2p|@libp2p\/.*|@multiformats\/.*)$/, layers: ['net'] },
  { package: /^ethers$/, layers: ['proto', 'client', 'contracts', 'runtime', 'app', 'experiments'] },
]

export interface Exception {
  readonly rule: string
  readonly file: string
  readonly reason: string
}

/** Places where a rule does not hold, each with its reason; one that is no longer needed is itself an error. */
export const EXCEPTIONS: readonly Exception[] = [
  {
    rule: 'globals',
    file: 'engine/wasm/host.ts',
    reason: 'reaches WebAssembly, for which the compiler has no types without those of a browser',
  },
  {
    rule: 'globals',
    file: 'engine/tfjs/backends.ts',
    reason: 'TensorFlow.js looks for WebGPU where a browser has it, among the globals of its thread',
  },
]
