/** Checks of the machine: Node, memory, disk, ports, clock. */
import { constants } from 'node:fs'
import { access, statfs } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { availableParallelism, totalmem } from 'node:os'
import { type Check, failed, ok, warn } from '#app/doctor/check.ts'
import { byteCount } from '#app/terminal/format.ts'

const OLDEST_NODE = [22, 13] as const
const GIB = 2 ** 30

export function checkNode(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const next = 'Use Node 24: npm start brings its own, or install it from nodejs.org.'
  const old = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])
  if (old) return failed('node', `Node ${version} is older than ${OLDEST_NODE.join('.')}`, next)
  return ok('node', `Node ${version}, V8 ${process.versions.v8}, ${availableParallelism()} cores`)
}

/** Memory that this process may use: what is free here, and the limit of its container if there is one. */
export function checkMemory(available = process.availableMemory(), total = totalmem()): Check {
  const detail = `${byteCount(available)} available of ${byteCount(total)}`
  const next = 'Close other programs, or train a smaller model: the devnet needs about 1 GiB.'
  if (available < GIB / 2) return failed('memory', detail, next)
  return available < 1.5 * GIB ? warn('memory', detail, next) : ok('memory', detail)
}

export async function checkDisk(folder: string): Promise<Check> {
  const next = 'Free some space, or work in another folder.'
  try {
    await access(folder, constants.W_OK)
    const { bavail, bsize } = await statfs(folder)
    const free = bavail * bsize
    const detail = `${byteCount(free)} free in ${folder}`
    if (free < GIB / 8) return failed('disk', detail, next)
    return free < GIB ? warn('disk', detail, next) : ok('disk', detail)
  } catch (error) {
    return failed('disk', `${folder} cannot be written to: ${(error as Error).message}`, 'Work in another folder.')
  }
}

/** TCP ports that a devnet takes: chain, HTTP, and one for each of the six processes. */
const PORTS = 8

/** Opens as many ports on the loopback interface as a devnet needs, and talks through one of them. */
export async function checkPorts(): Promise<Check> {
  const servers: Server[] = []
  try {
    for (let i = 0; i < PORTS; i++) servers.push(await listen())
    const address = servers[0]?.address()
    if (address === null || typeof address !== 'object') throw new Error('a server has no port')
    await knock(address.port)
    return ok('ports', `${PORTS} ports free on 127.0.0.1, and they answer`)
  } catch (error) {
    return failed('ports', `ports on 127.0.0.1: ${(error as Error).message}`, 'Allow programs to listen on 127.0.0.1.')
  } finally {
    for (const server of servers) server.close()
  }
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.end('assay'))
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

function knock(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(2000, () => socket.destroy(new Error('no answer within 2 s')))
    socket.once('data', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', reject)
  })
}

/** A clock before this build was made is wrong. */
const EARLIEST = Date.UTC(2025, 0, 1)
const NAP_MS = 100

/** The wall clock must be plausible and run as fast as the monotonic one; timers must not be starved. */
export async function checkClock(): Promise<Check> {
  const wall = Date.now()
  if (wall < EARLIEST) {
    return failed('clock', `the clock says ${new Date(wall).toISOString()}`, 'Set the clock, preferably by NTP.')
  }
  const monotonic = performance.now()
  await new Promise((resolve) => setTimeout(resolve, NAP_MS))
  const passed = performance.now() - monotonic
  const drift = Math.abs(Date.now() - wall - passed)
  const late = passed - NAP_MS
  const detail = `${new Date(wall).toISOString()}, timers late by ${Math.max(0, late).toFixed(0)} ms`
  if (drift > 50)
    return warn('clock', `${detail}; it jumped by ${drift.toFixed(0)} ms`, 'Let the clock be slewed, not stepped.')
  return late > 500 ? warn('clock', detail, 'The machine is overloaded: deadlines may be missed.') : ok('clock', detail)
}
