/**
 * Set-up in front of every command: `node tools/bootstrap.mjs FILE.ts [ARG...]` or `node tools/bootstrap.mjs TOOL [ARG...]`.
 *
 * Finds or installs a fitting Node, installs the packages of package-lock.json, then runs the command with that Node
 * first on PATH; arguments, standard streams, signals and the exit code pass through. When everything is in place this
 * costs one process start. Plain JavaScript without dependencies, because it runs before anything is installed, on
 * Node 20 too. All its own lines go to stderr: stdout belongs to the command.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { constants } from 'node:os'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Node 24 is the first LTS line that runs TypeScript by itself, with SQLite built in and relaxed SIMD enabled. */
const NODE_MAJOR = 24

/** Longest wait for another set-up of the same folder, in milliseconds. */
const LOCK_PATIENCE = 15 * 60 * 1000

/** Age at which an untouched lock counts as left behind, in milliseconds. */
const LOCK_EXPIRY = 10 * 1000

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** A failure the user can act on; printed without a stack. */
class SetupError extends Error {}

const say = (line) => process.stderr.write(`assay: ${line}\n`)

/** Path of the Node to run everything with; installs it into tools/node if the machine's own is too old. */
async function fittingNode() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath
  const folder = join(ROOT, 'tools', 'node')
  const name = `node-${process.platform}-${process.arch}`
  const packaged = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).optionalDependencies
  const own = `install Node.js ${NODE_MAJOR} or newer yourself (https://nodejs.org), put it first on PATH and run the command again`
  if (packaged[name] === undefined) {
    throw new SetupError(
      `Node.js ${process.version} is too old (${NODE_MAJOR} is needed) and none is brought along for ${process.platform}-${process.arch}.\nNext step: ${own}.`,
    )
  }
  const node = join(folder, 'node_modules', name, 'bin', 'node')
  const key = `${name}@${packaged[name]}`
  const fresh = await installed(folder, key, process.execPath, () =>
    say(
      `Node.js ${process.version} is older than ${NODE_MAJOR}; installing Node.js ${packaged[name]} beside it (once, into tools/node)`,
    ),
  )
  // For instance a machine without glibc: better said here than by a cryptic failure of each command.
  if (fresh && spawnSync(node, ['--version']).status !== 0) {
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
    throw new SetupError(`${name} was installed but does not run on this machine.\nNext step: ${own}.`)
  }
  return node
}

/** Makes `folder`/node_modules match the folder's lock file unless its stamp says that it does; true if it had to. */
async function installed(folder, key, node, announce) {
  const stamp = join(folder, 'node_modules', '.assay-stamp')
  const wanted = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .update(key)
    .digest('hex')
  const current = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
  if (current()) return false
  return await locked(async () => {
    if (current()) return false
    announce()
    const started = Date.now()
    await npmCi(folder, node)
    mkdirSync(dirname(stamp), { recursive: true })
    writeFileSync(stamp, wanted)
    say(`done in ${((Date.now() - started) / 1000).toFixed(1)} s`)
    return true
  })
}

/** `npm ci` run by `node`, without install scripts: nothing that is installed here needs one. */
async function npmCi(folder, node) {
  const args = [
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]
  // Inside `npm start` the running npm names itself; otherwise the one on PATH serves.
  const self = process.env.npm_execpath
  const known = self !== undefined && basename(self) === 'npm-cli.js' && existsSync(self)
  const [command, rest] = known ? [node, [self, ...args]] : ['npm', args]
  const { code, output } = await collect(command, rest, folder, node)
  if (code === 0) return
  if (code === 'ENOENT') {
    throw new SetupError(
      'npm was not found.\nNext step: install npm (it comes with Node.js, https://nodejs.org) and run the command again.',
    )
  }
  const offline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|EAI_FAIL/.test(output)
  throw new SetupError(
    `npm ci failed in ${folder}:\n${output.trim().split('\n').slice(-15).join('\n')}\nNext step: ${
      offline
        ? 'the package registry could not be reached; connect this machine to it (see `npm config get registry`) and run the command again.'
        : "read npm's message above; `npm ci` in that folder repeats the installation by hand."
    }`,
  )
}

/** Runs a command to its end with its output held back; `code` is 'ENOENT' if there is no such command. */
function collect(command, args, cwd, node) {
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd,
      env: environment(node),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const stop = forward(child)
    child.on('error', (error) => done({ code: error.code, output }))
    child.on('close', (code, signal) => {
      const interrupted = stop() ?? signal
      if (interrupted) process.exit(128 + constants.signals[interrupted])
      done({ code, output })
    })
  })
}

/** Runs `work` alone among all set-ups of this folder; a lock left behind by a killed one is removed. */
async function locked(work) {
  const path = join(ROOT, '.tmp', 'bootstrap.lock')
  mkdirSync(dirname(path), { recursive: true })
  const deadline = Date.now() + LOCK_PATIENCE
  let told = false
  while (!acquire(path)) {
    if (Date.now() > deadline) {
      throw new SetupError(`another set-up of this folder has not ended.\nNext step: end it, or delete ${path}.`)
    }
    if (!told) say('waiting for another set-up of this folder to end')
    told = true
    await sleep(200)
  }
  const beat = setInterval(() => utimesSync(path, new Date(), new Date()), 1000)
  const release = () => {
    clearInterval(beat)
    rmSync(path, { force: true })
  }
  process.on('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}

/** True if this process now holds the lock file. */
function acquire(path) {
  try {
    writeFileSync(path, `held by process ${process.pid}\n`, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (stale(path)) removeStale(path)
    return false
  }
}

/** A holder touches its lock every second; process ids would lie after a restart of a container. */
function stale(path) {
  const status = statSync(path, { throwIfNoEntry: false })
  return status !== undefined && Date.now() - status.mtimeMs > LOCK_EXPIRY
}

/** Renames before deleting, so that of several waiters none can delete a lock that another has just taken. */
function removeStale(path) {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
    if (!stale(aside)) linkSync(aside, path)
  } catch {
    // Another waiter was first; the next attempt sees what it left.
  }
  rmSync(aside, { force: true })
}

function environment(node) {
  const path = process.env.PATH ?? ''
  return { ...process.env, PATH: [dirname(node), join(ROOT, 'node_modules', '.bin'), path].join(delimiter) }
}

/**
 * Passes signals on to `child` until the returned function is called; that tells which signal came last, if any. A
 * terminal sends Ctrl-C to every process in the foreground by itself, so there it must not reach the child twice. The
 * shell that npm puts between passes nothing on: when npm ends, the child is told to.
 */
function forward(child) {
  let last
  const handler = (signal) => {
    last = signal
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  }
  for (const signal of SIGNALS) process.on(signal, handler)
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return
    clearInterval(watch)
    if (last === undefined) handler('SIGTERM')
  }, 250)
  return () => {
    clearInterval(watch)
    for (const signal of SIGNALS) process.off(signal, handler)
    return last
  }
}

/** Runs the command in the user's folder with all streams shared; ends this process as the command ended. */
function hand(command, args, node) {
  const script = /\.[cm]?[jt]s$/.test(command)
  const child = script
    ? spawn(node, [command, ...args], { env: environment(node), stdio: 'inherit' })
    : spawn(command, args, { env: environment(node), stdio: 'inherit' })
  const stop = forward(child)
  child.on('error', (error) => {
    say(`cannot run ${command}: ${error.message}`)
    process.exit(127)
  })
  child.on('exit', (code, signal) => {
    stop()
    if (signal) process.kill(process.pid, signal)
    else process.exit(code ?? 1)
  })
}

/**
 * Sets everything up, then runs `command` with `args`: a script file under the fitting Node, or a tool of node_modules.
 * Never throws; ends the process.
 */
export async function run(command, args) {
  try {
    const node = await fittingNode()
    await installed(ROOT, `${process.platform}-${process.arch}`, node, () =>
      say('installing packages (once, about half a minute)'),
    )
    hand(command, args, node)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    say(error.message)
    process.exit(1)
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  const [command, ...args] = process.argv.slice(2)
  if (command === undefined) {
    say('usage: node tools/bootstrap.mjs FILE.ts|TOOL [ARG...]')
    process.exit(2)
  }
  await run(command, args)
}
