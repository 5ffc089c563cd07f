/** Keeps a local chain: makes its blocks, and saves its state between two of them so that a crash never leaves half of it. */
import { open, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { AssayError, fail } from '#proto/errors.ts'

/** Time between two saves, in milliseconds: what a sudden end of the chain may lose. */
const SAVE_MS = 1_000
/** A long history takes long to save: this many times as long as the last save took lies between two of them. */
const SAVE_SHARE = 8
/** Longest wait for an answer, in milliseconds: a dump of a long history takes a while. */
const ANSWER_MS = 20_000

/**
 * Anvil's own `--block-time` and `--state-interval` know nothing of each other: a block that falls into a dump is in the
 * accounts and not in the history, and a kill that falls into the writing leaves half a file. Here one loop does both in
 * turn, and a save is a whole new file, flushed, that takes the old one's name.
 */
export class ChainKeeper {
  readonly #url: string
  readonly #file: string
  readonly #blockMs: number
  readonly #stopping = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #stopped: Promise<void> | undefined

  /** @param blockMs time between two blocks; 0: others make them */
  constructor(url: string, file: string, blockMs: number) {
    this.#url = url
    this.#file = file
    this.#blockMs = blockMs
  }

  start(): void {
    if (this.#blockMs > 0) this.#loop = this.#run()
  }

  /** Ends the making of blocks: the chain is no more. Whoever comes to its address is another one. */
  halt(): void {
    this.#stopping.abort()
  }

  /** Ends the making of blocks and saves a last time, if the chain still answers. */
  stop(): Promise<void> {
    this.#stopping.abort()
    this.#stopped ??= this.#loop.then(() => this.#save()).catch(() => {})
    return this.#stopped
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let next = performance.now()
    let saveAt = next + SAVE_MS
    while (!signal.aborted) {
      try {
        await ask(this.#url, 'evm_mine', [])
        const before = performance.now()
        if (before >= saveAt) {
          await this.#save()
          const now = performance.now()
          saveAt = now + Math.max(SAVE_MS, SAVE_SHARE * (now - before))
        }
      } catch {
        // A chain that has died is found out by whoever started it; one that stumbles makes its block at the next turn.
      }
      next = Math.max(next + this.#blockMs, performance.now())
      await sleep(Math.max(0, next - performance.now()), undefined, { signal }).catch(() => {})
    }
  }

  async #save(): Promise<void> {
    const dump = String(await ask(this.#url, 'anvil_dumpState', []))
    const fresh = `${this.#file}.new`
    const file = await open(fresh, 'w', 0o600)
    try {
      await file.writeFile(Buffer.from(dump.slice(2), 'hex'))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(fresh, this.#file)
    const folder = await open(dirname(this.#file), 'r')
    // Without it a power failure may bring the old name back; some systems do not let folders be flushed.
    await folder.sync().catch(() => {})
    await folder.close()
  }
}

/**
 * Unpacks a saved state for anvil's `--load-state`, which wants plain JSON; returns that file, or undefined if nothing was
 * saved yet. Anvil reads it before it answers anybody, so that nobody ever sees the chain without its past.
 * @throws AssayError `chain` if the file is damaged
 */
export async function unpackState(file: string): Promise<string | undefined> {
  const packed = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (packed === undefined) return undefined
  const plain = `${file}.json`
  try {
    await writeFile(plain, await promisify(gunzip)(packed), { mode: 0o600 })
  } catch (cause) {
    fail('chain', `${file} holds no chain state`, { next: 'Remove the folder of this network: it starts anew.', cause })
  }
  return plain
}

async function ask(url: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(ANSWER_MS),
  })
  const { result, error } = (await response.json()) as { result?: unknown; error?: { message?: string } }
  if (error !== undefined) throw new AssayError('chain', `${method} failed: ${error.message}`)
  return result
}
