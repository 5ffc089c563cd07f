/** Lets JavaScript run machine code: executable memory and calls, through koffi, an optional dependency. */
import { check, fail } from '#proto/errors.ts'

const { platform, arch } = process

/** mmap and mprotect of Linux. */
const [READ, WRITE, EXECUTE] = [1, 2, 4] as const
const PRIVATE_ANONYMOUS = 0x22
/** Of madvise. */
const HUGE_PAGES = 14
const PAGE = 4096

const INSTALL = 'Install the optional dependencies (npm install --include=optional), or use another engine.'

/** Machine code in memory, for all threads of the process. */
export interface CodeBlock {
  /** Where it starts, a multiple of 4096. */
  readonly address: number
  /** Unmaps it. No thread may be inside or call it afterwards. */
  close(): void
}

/** Arguments are integers or addresses of 64 bits; so is the result, which must be a safe integer. */
export type NativeFunction = (...args: readonly number[]) => number

/**
 * The gate to machine code of one thread: every thread that calls native code opens its own. Addresses are plain numbers
 * (user space has 47 bits) and may be sent to other threads.
 */
export interface Host {
  /**
   * Maps `code` readable and executable, never writable at the same time.
   * @throws no-engine if the system forbids it
   */
  map(code: Uint8Array): CodeBlock
  /**
   * The function at `address` with the System V calling convention and `count` integer arguments. A call costs about
   * 0.3 us and another 0.06 us for each argument, so work is handed over in large pieces.
   */
  bind(address: number, count: number): NativeFunction
  /**
   * Address of the first byte of a view. It stays true as long as the buffer lives, also when a shared WebAssembly memory
   * grows; a view of a buffer that is not shared must have more than 64 bytes, since V8 moves smaller ones about.
   */
  addressOf(bytes: Uint8Array): number
  /** Asks the system for large pages in a range of addresses: fewer misses of address translation. It may refuse. */
  preferLargePages(address: number, bytes: number): void
}

/** Why machine code of this engine cannot run on such a machine, or undefined. */
export function unsupported(system: string = platform, processor: string = arch): string | undefined {
  if (system === 'linux' && processor === 'x64') return undefined
  return `native code is emitted for Linux on x64 only, and this is ${system} on ${processor}`
}

/**
 * Opens the gate for this thread.
 * @throws no-engine on other systems than Linux on x64, and where koffi is not installed
 */
export async function openHost(): Promise<Host> {
  const why = unsupported()
  if (why !== undefined) fail('no-engine', why, { next: 'Use the wasm engine.' })
  return hostOf(await loadKoffi())
}

type Koffi = typeof import('koffi')

async function loadKoffi(): Promise<Koffi> {
  try {
    return await import('koffi')
  } catch (cause) {
    fail('no-engine', 'the package koffi, through which native code is called, is not installed', {
      next: INSTALL,
      cause,
    })
  }
}

function hostOf(koffi: Koffi): Host {
  const library = koffi.load(null)
  const mmap = library.func('mmap', 'int64_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t'])
  const mprotect = library.func('mprotect', 'int', ['uintptr_t', 'size_t', 'int'])
  const munmap = library.func('munmap', 'int', ['uintptr_t', 'size_t'])
  const madvise = library.func('madvise', 'int', ['uintptr_t', 'size_t', 'int'])
  const memcpy = library.func('memcpy', 'void', ['uintptr_t', 'void *', 'size_t'])
  const prototypes = new Map<number, ReturnType<Koffi['proto']>>()
  const refuse = (what: string): never =>
    fail('no-engine', `the system does not ${what} (error ${koffi.errno()})`, {
      next: 'Allow the process to make memory executable (SELinux execmem, seccomp), or use the wasm engine.',
    })

  return {
    map(code) {
      check(code.length > 0, 'internal', 'no code to map')
      const size = Math.ceil(code.length / PAGE) * PAGE
      const address = Number(mmap(0, size, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0))
      if (address < 0) refuse(`give ${size} bytes for code`)
      memcpy(address, code, code.length)
      if (mprotect(address, size, READ | EXECUTE) !== 0) {
        munmap(address, size)
        refuse('make code executable')
      }
      let open = true
      return {
        address,
        close() {
          if (open) munmap(address, size)
          open = false
        },
      }
    },

    bind(address, count) {
      const known = prototypes.get(count)
      const prototype =
        known ??
        koffi.proto(
          'int64_t',
          Array.from({ length: count }, () => 'int64_t'),
        )
      prototypes.set(count, prototype)
      return koffi.decode(address, prototype) as NativeFunction
    },

    addressOf: (bytes) => Number(koffi.address(bytes)),

    preferLargePages(address, bytes) {
      madvise(address, bytes, HUGE_PAGES)
    },
  }
}
