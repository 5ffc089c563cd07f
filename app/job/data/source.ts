/** The raw bytes that a job file points at: a local file or a URL, bounded in size and time, checked against a SHA-256. */
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { toHex } from '#proto/bytes.ts'
import { AssayError, fail } from '#proto/errors.ts'
import { sha256 } from '#proto/hash.ts'

/** Most bytes of one file or download, and of one unpacked gzip. */
export const MAX_SOURCE_BYTES = 1 << 30
/** A download that brings nothing for this long is given up. */
const IDLE_MS = 30_000

export interface Source {
  readonly path?: string | undefined
  readonly url?: string | undefined
  /** Lower-case hex of the SHA-256 of the bytes as they lie there, before any unpacking. */
  readonly sha256?: string | undefined
}

export interface SourceOptions {
  /** Folder that relative paths start from. */
  readonly base: string
  /** Default `MAX_SOURCE_BYTES`. */
  readonly maxBytes?: number
  readonly signal?: AbortSignal
  /** Default 30 s without a byte. */
  readonly idleMs?: number
}

/**
 * Reads a source.
 * @throws AssayError `not-found`, `over-limit`, `network`, `timeout`, `cancelled`, or `bad-data` where the bytes do not have
 *   the SHA-256 that the job states
 */
export async function readSource(source: Source, options: SourceOptions): Promise<Uint8Array> {
  const name = source.path ?? source.url ?? ''
  const bytes = source.url === undefined ? await readPath(name, options) : await download(source.url, options)
  if (source.sha256 !== undefined) {
    const actual = toHex(sha256(bytes))
    if (actual !== source.sha256) {
      fail('bad-data', `${name} has SHA-256 ${actual}, but the job states ${source.sha256}`, {
        next: 'Check that this is the intended file; if it is, correct data.sha256 in the job file.',
      })
    }
  }
  return bytes
}

async function readPath(path: string, { base, maxBytes = MAX_SOURCE_BYTES }: SourceOptions): Promise<Uint8Array> {
  const full = resolve(base, path)
  const next = 'Paths in a job file are relative to the folder of the job file.'
  try {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    const { O_RDONLY, O_NONBLOCK } = (await import('node:fs')).constants
    const file = await open(full, O_RDONLY | O_NONBLOCK)
    try {
      const stat = await file.stat()
      if (!stat.isFile()) fail('bad-data', `${full} is not a regular file`, { next })
      if (stat.size > maxBytes) tooLarge(full, maxBytes)
      const bytes = new Uint8Array(stat.size)
      let at = 0
      while (at < bytes.length) {
        const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, 1 << 26), at)
        if (bytesRead === 0) fail('bad-data', `${full} became shorter while it was read`)
        at += bytesRead
      }
      return bytes
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (cause instanceof AssayError) throw cause
    const code = (cause as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') fail('not-found', `there is no file ${full}`, { next, cause })
    return fail('storage', `${full} cannot be read: ${(cause as Error).message}`, {
      next: 'Check that this user may read the file.',
      cause,
    })
  }
}

async function download(url: string, options: SourceOptions): Promise<Uint8Array> {
  const { maxBytes = MAX_SOURCE_BYTES, idleMs = IDLE_MS, signal } = options
  const idle = new AbortController()
  let timer = setTimeout(() => idle.abort(), idleMs)
  try {
    const response = await fetch(url, { signal: signal ? AbortSignal.any([idle.signal, signal]) : idle.signal })
    if (!response.ok || response.body === null) {
      fail('network', `${url} answered ${response.status} ${response.statusText}`, { next: 'Check data.url.' })
    }
    if (Number(response.headers.get('content-length') ?? 0) > maxBytes) tooLarge(url, maxBytes)
    const parts: Uint8Array[] = []
    let size = 0
    for await (const part of response.body) {
      clearTimeout(timer)
      timer = setTimeout(() => idle.abort(), idleMs)
      size += part.length
      if (size > maxBytes) tooLarge(url, maxBytes)
      parts.push(part)
    }
    return new Uint8Array(Buffer.concat(parts, size))
  } catch (cause) {
    if (cause instanceof AssayError) throw cause
    if (signal?.aborted) fail('cancelled', `the download of ${url} was stopped`)
    if (idle.signal.aborted) {
      fail('timeout', `${url} sent nothing for ${idleMs} ms`, {
        next: 'Try again, or download it yourself and use data.path.',
      })
    }
    const reason = (cause as Error).cause instanceof Error ? ((cause as Error).cause as Error) : (cause as Error)
    return fail('network', `${url} cannot be downloaded: ${reason.message}`, {
      next: 'Check the address and the connection, or download it yourself and use data.path.',
      cause,
    })
  } finally {
    clearTimeout(timer)
  }
}

function tooLarge(name: string, maxBytes: number): never {
  fail('over-limit', `${name} is larger than ${maxBytes} bytes`, { next: 'Use a smaller file or split the data set.' })
}

const gunzipAsync = promisify(gunzip)

/**
 * The bytes of `data`, unpacked where they are gzip (by magic number).
 * @throws AssayError `bad-data` for a damaged archive, `over-limit` for one that unpacks to more than `maxBytes`
 */
export async function unpacked(name: string, data: Uint8Array, maxBytes = MAX_SOURCE_BYTES): Promise<Uint8Array> {
  if (data[0] !== 0x1f || data[1] !== 0x8b) return data
  try {
    return new Uint8Array(await gunzipAsync(data, { maxOutputLength: maxBytes }))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') tooLarge(`${name}, unpacked,`, maxBytes)
    return fail('bad-data', `${name} is damaged gzip: ${(cause as Error).message}`, {
      next: 'Download the file again.',
      cause,
    })
  }
}
