/** What an engine and its thread say to each other. The engine asks and waits; the thread answers in order. */
import type { MessagePort } from 'node:worker_threads'
import type { TensorType } from '#arith/types.ts'
import type { Graph } from '#graph/types.ts'
import type { ErrorCode } from '#proto/errors.ts'
import type { BackendName } from './backends.ts'

export interface ThreadStart {
  readonly backend: BackendName
  readonly port: MessagePort
  /** One word, counted up after every answer: the engine sleeps on it. */
  readonly signal: Int32Array<SharedArrayBuffer>
  /** Most bytes of tensors on the backend. */
  readonly limit: number
}

export interface BufferSpec {
  readonly id: number
  readonly type: TensorType
  readonly words: Uint32Array<SharedArrayBuffer>
}

export type Request =
  | { readonly do: 'alloc'; readonly buffer: BufferSpec }
  | { readonly do: 'free'; readonly id: number }
  /** Brings a buffer's words up to date. */
  | { readonly do: 'read'; readonly id: number }
  | { readonly do: 'compile'; readonly id: number; readonly graph: Graph }
  | {
      readonly do: 'run'
      readonly kernel: number
      /** Buffers that the caller may have written to since the last request. */
      readonly touched: readonly number[]
      readonly inputs: readonly number[]
      readonly outputs: readonly number[]
    }

/** Bytes of tensors on the backend, and most bytes ever at once. */
export interface Usage {
  readonly bytes: number
  readonly peak: number
}

/** `read`: buffers whose words are up to date, of those that a run wrote. */
export type Answer =
  | { readonly ok: true; readonly usage: Usage; readonly kernel?: KernelReport; readonly read?: readonly number[] }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly next?: string }

/** How the nodes of a graph were divided. */
export interface KernelReport {
  /** Operations of the backend. */
  readonly device: number
  /** Nodes that the exact engine computes before the backend starts. */
  readonly prelude: number
  /** Nodes, as `id op`, for which the backend has to wait for the exact engine. */
  readonly waits: readonly string[]
}

export type Hello =
  | { readonly ok: true; readonly about: string }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string; readonly next?: string }
