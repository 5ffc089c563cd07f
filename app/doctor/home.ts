/** Checks of the folders of processes: keys, permissions, databases, the disk they lie on. Nothing is opened or changed. */
import { readdir, readFile, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Check, failed, ok, warn } from '#app/doctor/check.ts'
import { byteCount } from '#app/terminal/format.ts'
import { DEVNET_CHAIN_ID } from '#contracts/anvil.ts'
import { isAssayError } from '#proto/errors.ts'
import { LAYOUT } from '#runtime/database.ts'
import { describeKey, exists } from '#runtime/keys.ts'

const GIB = 2 ** 30
/** How deep folders are searched for those of processes: `.assay/devnet/solver-1`. */
const DEPTH = 3
/** File systems that a restart empties, by the magic number of statfs (Linux). */
const IN_MEMORY = new Set([0x01021994, 0x858458f6])

/** Folders under `root` that hold the key or the database of a process. */
export async function findHomes(root: string, depth = DEPTH): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => [])
  const names = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name))
  if (names.has('key') || names.has('state.sqlite')) return [root]
  if (depth === 0) return []
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name))
  const found = await Promise.all(folders.map((folder) => findHomes(folder, depth - 1)))
  return found.flat().sort()
}

/** Everything about the homes under `root`; one line if there are none. */
export async function* checkHomes(root: string, devnet: boolean): AsyncGenerator<Check> {
  const homes = await findHomes(root)
  if (homes.length === 0) {
    yield ok('folders', `no process has a folder in ${root} yet`)
    return
  }
  yield await checkKeys(homes, devnet)
  yield await checkAccounts(homes)
  yield await checkDatabases(homes)
  for (const home of await firstOfEachDisk(homes)) yield await checkHomeDisk(home)
}

/** Keys that others can read cannot be trusted; bare ones are for devnets. */
export async function checkKeys(homes: readonly string[], devnet: boolean): Promise<Check> {
  const bare: string[] = []
  const shut: string[] = []
  for (const home of homes) {
    const file = join(home, 'key')
    try {
      const key = await describeKey(file)
      ;(key.encrypted ? shut : bare).push(file)
      const { mode } = await stat(home)
      if ((mode & 0o022) !== 0 && process.platform !== 'win32') {
        return failed('keys', `others can replace files in ${home}`, `chmod 700 ${home}`)
      }
    } catch (error) {
      if (isAssayError(error, 'not-found')) continue
      return failed('keys', (error as Error).message, (isAssayError(error) && error.next) || 'Repair or replace it.')
    }
  }
  const detail = `${shut.length} encrypted, ${bare.length} bare`
  if (bare.length === 0 || devnet) return ok('keys', devnet && bare.length > 0 ? `${detail}: a devnet` : detail)
  return warn('keys', `${detail}: whoever reads the file has the account`, `assay key encrypt ${bare[0]}`)
}

/** An account in two roles would judge its own work; in two processes it would sign twice. */
export async function checkAccounts(homes: readonly string[]): Promise<Check> {
  const owners = new Map<string, string>()
  for (const home of homes) {
    const { account } = await describeKey(join(home, 'key')).catch(() => ({ account: undefined }))
    if (account === undefined) continue
    const other = owners.get(account)
    if (other !== undefined) {
      const detail = `${other} and ${home} share the account ${account}`
      return failed('accounts', detail, 'Give each process an account of its own: assay key new.')
    }
    owners.set(account, home)
  }
  return ok('accounts', `${owners.size} of ${homes.length} folders have one, each its own`)
}

/** Layouts of the databases: an older one is brought up to date at the next start, a newer one is refused. */
export async function checkDatabases(homes: readonly string[]): Promise<Check> {
  const older: string[] = []
  for (const home of homes) {
    const file = join(home, 'state.sqlite')
    const layout = (await exists(file)) ? layoutOf(file) : undefined
    if (layout === undefined) continue
    if (typeof layout === 'string')
      return failed('databases', `${file}: ${layout}`, 'Check the disk; keep a copy of the file.')
    if (layout > LAYOUT) {
      return failed(
        'databases',
        `${file} has layout ${layout}, this build knows ${LAYOUT}`,
        'Use the newer build that wrote it.',
      )
    }
    if (layout < LAYOUT) older.push(file)
  }
  if (older.length === 0) return ok('databases', `layout ${LAYOUT}`)
  return warn('databases', `${older.join(', ')}: an older layout`, 'It is brought up to date at the next start.')
}

/** The layout, or what is wrong with the file. */
function layoutOf(file: string): number | string {
  try {
    const db = new DatabaseSync(file, { readOnly: true })
    try {
      return Number(db.prepare('PRAGMA user_version').get()?.user_version)
    } finally {
      db.close()
    }
  } catch (error) {
    return (error as Error).message
  }
}

async function firstOfEachDisk(homes: readonly string[]): Promise<string[]> {
  const disks = new Map<number, string>()
  for (const home of homes) {
    const { dev } = await stat(home)
    if (!disks.has(dev)) disks.set(dev, home)
  }
  return [...disks.values()]
}

/** What was signed must outlive a restart, and needs space. */
export async function checkHomeDisk(home: string): Promise<Check> {
  const { type, bavail, bsize } = await statfs(home)
  const free = bavail * bsize
  const detail = `${byteCount(free)} free under ${home}`
  if (IN_MEMORY.has(type)) {
    const next = 'Move the folder to a disk: a process that forgets what it signed may sign twice, and is slashed.'
    return warn('storage', `${detail}, in memory: a restart of the machine empties it`, next)
  }
  if (free < GIB / 8) return failed('storage', detail, 'Free some space: signatures could not be kept.')
  if (free < 2 * GIB) return warn('storage', detail, 'Free some space, or set --max-storage.')
  return ok('storage', detail)
}

/** Whether a network file is of a devnet; true where there is none. */
export async function isDevnetFile(file: string): Promise<boolean> {
  try {
    return (JSON.parse(await readFile(file, 'utf8')) as { chainId?: unknown }).chainId === DEVNET_CHAIN_ID
  } catch {
    return true
  }
}
