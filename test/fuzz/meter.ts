/**
 * Counts the memory that code asks for through constructors of buffers and lists: a bound that depends neither on the
 * collector nor on the clock. While a meter runs, the global constructors are wrapped.
 */

const BUFFERS = [
  'ArrayBuffer',
  'SharedArrayBuffer',
  'Uint8Array',
  'Uint16Array',
  'Uint32Array',
  'Int32Array',
  'Float32Array',
  'Float64Array',
  'BigUint64Array',
] as const
const SLOT_BYTES = 8
const TYPED = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array

type AnyConstructor = new (...args: unknown[]) => object

export class Meter {
  /** Bytes asked for since the last `reset`. */
  bytes = 0
  readonly #restore: (() => void)[] = []

  reset(): void {
    this.bytes = 0
  }

  /** Begins to count; call `stop` in a `finally`. */
  start(): void {
    const globals = globalThis as unknown as Record<string, AnyConstructor>
    for (const name of BUFFERS) {
      this.#wrap(globals, name, (made) => (made as ArrayBufferLike).byteLength)
    }
    this.#wrap(globals, 'Array', (made) => SLOT_BYTES * (made as unknown[]).length)
    const { slice } = TYPED
    const count = (made: Uint8Array): Uint8Array => {
      this.bytes += made.byteLength
      return made
    }
    TYPED.slice = function counted(this: Uint8Array, from?: number, to?: number) {
      return count(slice.call(this, from, to)) as Uint8Array<ArrayBuffer>
    }
    this.#restore.push(() => {
      TYPED.slice = slice
    })
  }

  stop(): void {
    for (const restore of this.#restore.splice(0)) restore()
  }

  /** Views on buffers that exist already cost nothing. */
  #wrap(globals: Record<string, AnyConstructor>, name: string, size: (made: object) => number): void {
    const original = globals[name] as AnyConstructor
    const meter = this
    const wrapped: AnyConstructor = new Proxy(original, {
      construct(target, args: unknown[], caller) {
        const made = Reflect.construct(target, args, caller === wrapped ? target : caller) as object
        if (typeof args[0] === 'number' || args[0] instanceof TYPED.constructor) meter.bytes += size(made)
        return made
      },
    })
    globals[name] = wrapped
    this.#restore.push(() => {
      globals[name] = original
    })
  }
}
