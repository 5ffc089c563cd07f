/** The part of the host's WebAssembly API that the engine uses, typed here because the ES library does not declare it. */

/** A compiled module; it can be posted to worker threads. */
export interface CompiledModule {
  readonly compiled?: never
}

export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
  grow(pages: number): number
}

interface Host {
  validate(bytes: Uint8Array<ArrayBuffer>): boolean
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => CompiledModule
  readonly Instance: new (
    module: CompiledModule,
    imports: { readonly env: { readonly memory: SharedMemory } },
  ) => { readonly exports: Readonly<Record<string, unknown>> }
  readonly Memory: new (descriptor: { initial: number; maximum: number; shared: true }) => SharedMemory
}

export const wasm: Host = (globalThis as unknown as { readonly WebAssembly: Host }).WebAssembly
