/** The engine's one shared memory and its allocator: first fit, 64-byte blocks, neighbours merged when freed. */
import { fail } from '#proto/errors.ts'
import { type SharedMemory, wasm } from '../wasm/host.ts'

export const PAGE = 65536
/** 4 GiB, all that 32-bit addresses reach. */
export const MAX_PAGES = 65536
const LINE = 64
/** The first bytes are the engine's control words; a vector load may also reach a few bytes before a tensor. */
const RESERVED = 1024
/** Vector loads may reach a few vectors past the last tensor. */
const SLACK = 1024

interface Span {
  start: number
  end: number
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to

export class Memory {
  readonly shared: SharedMemory
  /** Free spans in ascending order, never touching each other. */
  readonly #free: Span[] = []
  readonly #held = new Map<number, number>()
  #top = RESERVED
  #limit = PAGE - SLACK
  #bytes = 0
  #peak = 0

  /** @throws no-engine if the host cannot reserve 4 GiB of addresses */
  constructor() {
    try {
      this.shared = new wasm.Memory({ initial: 1, maximum: MAX_PAGES, shared: true })
    } catch (cause) {
      fail('no-engine', 'the host does not reserve the address space of a WebAssembly memory', {
        next: 'Close other engines of this process, or raise its limit of virtual memory (ulimit -v).',
        cause,
      })
    }
  }

  /** Bytes of all blocks held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Most bytes that were held at once. */
  get peak(): number {
    return this.#peak
  }

  /**
   * Address of `bytes` bytes of zeros, a multiple of 64.
   * @throws over-limit if the memory would pass 4 GiB, or the host has no more
   */
  alloc(bytes: number): number {
    const size = Math.max(LINE, roundUp(bytes, LINE))
    const index = this.#free.findIndex((span) => span.end - span.start >= size)
    const span = this.#free[index]
    let address: number
    if (span) {
      address = span.start
      span.start += size
      if (span.start === span.end) this.#free.splice(index, 1)
    } else {
      address = this.#top
      this.#reserve(address + size)
      this.#top = address + size
    }
    this.#held.set(address, size)
    this.#bytes += size
    this.#peak = Math.max(this.#peak, this.#bytes)
    new Uint8Array(this.shared.buffer, address, size).fill(0)
    return address
  }

  free(address: number): void {
    const size = this.#held.get(address)
    if (size === undefined) fail('internal', `no block at ${address}`)
    this.#held.delete(address)
    this.#bytes -= size
    const at = this.#free.findIndex((span) => span.start > address)
    const index = at < 0 ? this.#free.length : at
    this.#free.splice(index, 0, { start: address, end: address + size })
    this.#merge(index)
    if (index > 0) this.#merge(index - 1)
    const last = this.#free.at(-1)
    if (last?.end === this.#top) {
      this.#top = last.start
      this.#free.pop()
    }
  }

  words(address: number, count: number): Uint32Array {
    return new Uint32Array(this.shared.buffer, address, count)
  }

  #merge(index: number): void {
    const [span, next] = [this.#free[index], this.#free[index + 1]]
    if (!span || !next || span.end !== next.start) return
    span.end = next.end
    this.#free.splice(index + 1, 1)
  }

  #reserve(end: number): void {
    if (end <= this.#limit) return
    const pages = roundUp(end - this.#limit, PAGE) / PAGE
    const next = 'Use a smaller model, batch or context, or more micro-batches.'
    if (this.#limit + SLACK + pages * PAGE > MAX_PAGES * PAGE) {
      fail('over-limit', 'the tensors of this program need more than the 4 GiB of a WebAssembly memory', { next })
    }
    try {
      this.shared.grow(pages)
    } catch (cause) {
      fail('over-limit', `the machine has no memory for another ${pages * PAGE} bytes`, { next, cause })
    }
    this.#limit += pages * PAGE
  }
}
