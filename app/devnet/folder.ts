/** The folder of a devnet: whether one may be started in it, and what is fixed for its life. */
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, isFree, randomMnemonic } from '#contracts/anvil.ts'
import { fail } from '#proto/errors.ts'

/** What is fixed for the life of a devnet folder. */
export interface Plan {
  readonly mnemonic: string
  /** Of the chain, of the coordinator's interface, and of each member's peer by its name. */
  readonly ports: Readonly<Record<string, number>>
}

const FILE = 'devnet.json'

/**
 * Whether a devnet may be started in `folder`: it is missing or empty, or holds one that does not run.
 * @throws AssayError `bad-config` for a folder of something else, `wrong-state` if its devnet runs already
 */
export async function checkFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] =>
    error.code === 'ENOENT'
      ? []
      : fail('bad-config', `${folder} is no folder that can be read`, { next: 'Choose another folder.', cause: error }),
  )
  if (names.length === 0) return
  if (!names.includes(FILE)) {
    fail('bad-config', `${folder} holds other files, and no network`, {
      next: 'Choose an empty folder, or one that an earlier network was kept in.',
    })
  }
  const chain = (await readPlan(folder))?.ports.chain
  if (chain === undefined || (await isFree(chain))) return
  fail('wrong-state', `the network in ${folder} runs already: something listens on the port of its chain, ${chain}`, {
    next: 'Use that one, end it first, or choose another folder.',
  })
}

async function readPlan(folder: string): Promise<Plan | undefined> {
  const file = join(folder, FILE)
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Plan
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    return fail('bad-config', `${file} is not readable`, {
      next: 'Choose another folder, or remove this one.',
      cause: error,
    })
  }
}

/** The folder's plan: kept from an earlier run, or made now, with a port for each of `names`. @throws AssayError `bad-config` */
export async function planOf(folder: string, names: readonly string[]): Promise<Plan> {
  const kept = await readPlan(folder)
  const ports = { ...kept?.ports }
  for (const name of names) {
    while (ports[name] === undefined) {
      const port = await freePort()
      if (!Object.values(ports).includes(port)) ports[name] = port
    }
  }
  const plan: Plan = { mnemonic: kept?.mnemonic ?? randomMnemonic(), ports }
  const file = join(folder, FILE)
  // As a whole or not at all: the keys of the network hang on it.
  await writeFile(`${file}.new`, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600 })
  await rename(`${file}.new`, file)
  return plan
}
