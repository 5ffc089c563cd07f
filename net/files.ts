/** Whole reads and writes at an offset, and file-system errors as `AssayError`. */
import { type FileHandle, open } from 'node:fs/promises'
import { AssayError, check } from '#proto/errors.ts'

/** Fills `into` from `position`. Throws `bad-encoding` when the file is shorter. */
export async function readAt(file: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done)
    check(bytesRead > 0, 'bad-encoding', `the file ends at byte ${position + done}`)
    done += bytesRead
  }
}

/** The last `size` bytes. */
export async function readTail(file: FileHandle, size: number): Promise<Uint8Array> {
  const { size: length } = await file.stat()
  check(length >= size, 'bad-encoding', `a file of ${length} bytes is too short`)
  const tail = new Uint8Array(size)
  await readAt(file, tail, length - size)
  return tail
}

export async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** Makes the entries of a folder durable: a rename is not, before its folder is. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** What to do about the failures of disks that a person can mend. */
const NEXT: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free some space, or move the folder to a larger disk. Work goes on by itself.',
  EDQUOT: 'The disk quota is used up: free some space, or raise it. Work goes on by itself.',
  EFBIG: 'The file is above the limit of this process or file system: raise it.',
  EROFS: 'The disk is mounted read-only: check it, and mount it for writing.',
  EACCES: 'Give this process the right to write there.',
  EMFILE: 'This process may not open more files: raise its limit (ulimit -n).',
}

/** An `AssayError` as it is, anything else as `storage`. */
export function storageError(error: unknown, context: string): AssayError {
  if (error instanceof AssayError) return error
  const reason = error instanceof Error ? error.message : String(error)
  const next = NEXT[String((error as NodeJS.ErrnoException | null)?.code)]
  return new AssayError('storage', `${context}: ${reason}`, { cause: error, ...(next && { next }) })
}
