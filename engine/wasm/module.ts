/** A compact encoder for WebAssembly binaries: types, one imported shared memory, functions, exports, code. */

import type { ValType } from '../kernel/ir.ts'

/** A mask is a vector whose lanes are all ones or all zeros. */
const VALTYPE: Readonly<Record<ValType, number>> = { i32: 0x7f, vec: 0x7b, mask: 0x7b }

/** LEB128 of an unsigned integer below 2^32. */
export function u32(value: number): number[] {
  const out: number[] = []
  let rest = value >>> 0
  while (rest >= 0x80) {
    out.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  out.push(rest)
  return out
}

/** LEB128 of a signed 32-bit integer. */
export function s32(value: number): number[] {
  const out: number[] = []
  let rest = value | 0
  for (;;) {
    const byte = rest & 0x7f
    rest >>= 7
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
      out.push(byte)
      return out
    }
    out.push(byte | 0x80)
  }
}

const vector = (items: readonly (readonly number[])[]): number[] => [...u32(items.length), ...items.flat()]

const utf8 = (text: string): number[] => {
  const bytes = new TextEncoder().encode(text)
  return [...u32(bytes.length), ...bytes]
}

/** A function whose code is complete. `locals` excludes parameters; `code` excludes the final `end`. */
export interface FunctionBody {
  readonly locals: readonly ValType[]
  readonly code: readonly number[]
}

/** Where the engine's memory comes from: module `env`, name `memory`; sizes in 64 KiB pages. */
export interface MemoryImport {
  readonly initial: number
  readonly maximum: number
}

interface Declared {
  readonly type: number
  body: FunctionBody | null
}

/** Collects functions and encodes the module. Functions may be declared before they are defined. */
export class ModuleBuilder {
  readonly #memory: MemoryImport
  readonly #types: string[] = []
  readonly #typeBytes: number[][] = []
  readonly #functions: Declared[] = []
  readonly #exports: number[][] = []

  constructor(memory: MemoryImport) {
    this.#memory = memory
  }

  /** Declares a function and returns its index. */
  declare(params: readonly ValType[], results: readonly ValType[]): number {
    const bytes = [0x60, ...vector(params.map((t) => [VALTYPE[t]])), ...vector(results.map((t) => [VALTYPE[t]]))]
    const key = bytes.join()
    let type = this.#types.indexOf(key)
    if (type < 0) {
      type = this.#types.push(key) - 1
      this.#typeBytes.push(bytes)
    }
    return this.#functions.push({ type, body: null }) - 1
  }

  define(index: number, body: FunctionBody): void {
    const declared = this.#functions[index]
    if (!declared || declared.body) throw new Error(`function ${index} is not open for a definition`)
    declared.body = body
  }

  export(name: string, index: number): void {
    this.#exports.push([...utf8(name), 0x00, ...u32(index)])
  }

  /** The bytes of the module. */
  build(): Uint8Array<ArrayBuffer> {
    const { initial, maximum } = this.#memory
    const sharedWithMaximum = 0x03
    const memory = [...utf8('env'), ...utf8('memory'), 0x02, sharedWithMaximum, ...u32(initial), ...u32(maximum)]
    const bodies = this.#functions.map(({ body }, index) => {
      if (!body) throw new Error(`function ${index} was declared and never defined`)
      return encodeBody(body)
    })
    const parts = [
      Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00),
      section(1, vector(this.#typeBytes)),
      section(2, vector([memory])),
      section(3, vector(this.#functions.map(({ type }) => u32(type)))),
      section(7, vector(this.#exports)),
      codeSection(bodies),
    ]
    return concat(parts)
  }
}

function encodeBody(body: FunctionBody): Uint8Array {
  const runs: { type: ValType; count: number }[] = []
  for (const type of body.locals) {
    const last = runs.at(-1)
    if (last?.type === type) last.count++
    else runs.push({ type, count: 1 })
  }
  const locals = vector(runs.map(({ type, count }) => [...u32(count), VALTYPE[type]]))
  const size = u32(locals.length + body.code.length + 1)
  const out = new Uint8Array(size.length + locals.length + body.code.length + 1)
  out.set(size)
  out.set(locals, size.length)
  out.set(body.code, size.length + locals.length)
  out[out.length - 1] = 0x0b
  return out
}

function section(id: number, content: readonly number[]): Uint8Array {
  return Uint8Array.from([id, ...u32(content.length), ...content])
}

function codeSection(bodies: readonly Uint8Array[]): Uint8Array {
  const count = u32(bodies.length)
  const size = bodies.reduce((sum, body) => sum + body.length, count.length)
  return concat([Uint8Array.from([10, ...u32(size), ...count]), ...bodies])
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
