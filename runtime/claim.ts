/**
 * An account runs once on a machine. Two processes that share one would sign for each other: the same range twice, which
 * is slashed, or in two roles, so that one judges the other's work. The claim is a local socket, which the system takes
 * back however a process ends.
 */
import { rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail } from '#proto/errors.ts'

/**
 * Claims an account of a chain for this process; the result gives it back.
 * @throws AssayError `bad-config` while another process on this machine has it
 */
export async function claimAccount(account: string, chainId: number): Promise<() => void> {
  const name = `assay-${chainId}-${account}`
  const server = (await listen(addressOf(name))) ?? (await listenAfterDeath(name))
  if (server === undefined) {
    fail('bad-config', `account ${account} runs in another process on this machine`, {
      next: 'Give each role an account of its own (assay key new), and run a folder once.',
    })
  }
  // It keeps nobody alive.
  server.unref()
  return () => void server.close()
}

/** Abstract on Linux and a pipe on Windows, which end with their process; a file elsewhere, which may be left behind. */
function addressOf(name: string): string {
  if (process.platform === 'linux') return `\0${name}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.socket`)
}

/** Undefined where somebody listens, or has listened, already. */
function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(address, () => resolve(server))
  })
}

async function listenAfterDeath(name: string): Promise<Server | undefined> {
  const address = addressOf(name)
  if (process.platform === 'linux' || process.platform === 'win32' || (await answers(address))) return undefined
  await rm(address, { force: true })
  return listen(address)
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
