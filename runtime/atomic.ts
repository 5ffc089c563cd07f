/** Files that are whole at any moment: written beside their place, made durable, then moved into it. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '#net/files.ts'

export interface WriteOptions {
  /** Permissions of the file; default 0644 less the umask. */
  readonly mode?: number
  /** Whether the file must not be there yet: then it stays as it is, and `EEXIST` is thrown. */
  readonly fresh?: boolean
}

/** Writes a file as a whole, durably: a crash at any moment leaves the old content or the new. Makes its folder. */
export async function writeWhole(file: string, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  const folder = dirname(file)
  // A file that only its owner reads makes no folder that others list.
  await mkdir(folder, { recursive: true, mode: options.mode === 0o600 ? 0o700 : 0o777 })
  const draft = `${file}.${randomBytes(4).toString('hex')}.draft`
  try {
    const handle = await open(draft, 'wx', options.mode ?? 0o644)
    try {
      await handle.writeFile(data)
      await handle.sync()
    } finally {
      await handle.close()
    }
    // A link, unlike a move, refuses to take the place of what is there.
    if (options.fresh) await link(draft, file)
    else await rename(draft, file)
    if (process.platform !== 'win32') await syncFolder(folder)
  } finally {
    await rm(draft, { force: true })
  }
}
