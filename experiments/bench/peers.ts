/**
 * What the engines are compared with: libraries that the product does not need, each in a process of its own that answers
 * one JSON line for each it reads. A peer that is not on this machine is said to be missing, and its figures are null.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Sample } from './rounds.ts'

export interface PeerOptions {
  /** The Python that has PyTorch. */
  readonly python: string
  /** The OpenBLAS library; looked for if undefined. */
  readonly openblas: string | undefined
  readonly threads: number
}

type Answer = Readonly<Record<string, unknown>>

/** A peer's process. */
export class Peer {
  readonly name: string
  /** What it says of itself: version, threads, code path. */
  readonly about: Answer
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(name: string, child: ChildProcess, lines: AsyncIterator<string>, about: Answer) {
    this.name = name
    this.#child = child
    this.#lines = lines
    this.about = about
  }

  /** @throws Error with the reason if it does not start */
  static async start(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Peer> {
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
    let complaint = ''
    child.stderr?.on('data', (text) => {
      complaint = (complaint + String(text)).slice(-2000)
    })
    child.stdin?.on('error', () => {})
    const failed = new Promise<never>((_, reject) => {
      child.on('error', reject)
      child.on('close', () => reject(new Error(complaint.trim().split('\n').at(-1) || `${command} ended`)))
    })
    failed.catch(() => {})
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
    const next = async (): Promise<IteratorResult<string>> => {
      const line = await Promise.race([lines.next(), failed])
      // The output ends before the process does, which knows why.
      return line.done ? await failed : line
    }
    const first = await next()
    return new Peer(name, child, { next }, JSON.parse(first.value))
  }

  /** One request at a time. @throws Error if the peer fails */
  async ask(request: Answer): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`)
    const line = await this.#lines.next()
    const answer = JSON.parse(line.value) as Answer
    if (typeof answer['error'] === 'string') throw new Error(`${this.name}: ${answer['error']}`)
    return answer
  }

  /** Times `calls` of what it was last asked to prepare, or of `name`. */
  async time(calls: number, name = 'gemm'): Promise<Sample> {
    const { seconds, cpuSeconds } = await this.ask({ op: 'time', calls, name })
    return { seconds: seconds as number, cpuSeconds: cpuSeconds as number }
  }

  /** Lets it end: its input is over. */
  close(): void {
    this.#child.stdin?.end()
  }
}

/** Where distributions put OpenBLAS. */
const SYSTEM = [
  '/usr/lib/*/openblas-pthread/libopenblas.so.0',
  '/usr/lib/*/libopenblas.so.0',
  '/usr/lib64/libopenblas*.so.0',
  '/usr/lib/libopenblas.so*',
  '/usr/local/lib/libopenblas.so*',
  '/opt/homebrew/opt/openblas/lib/libopenblas.dylib',
]
/** Where wheels of a Python bring it along, below `site-packages`. */
const WHEELS = ['scipy_openblas32/lib/libscipy_openblas.*', 'numpy.libs/libscipy_openblas*']

async function sitePackages(python: string): Promise<string[]> {
  const script = 'import sysconfig; print(sysconfig.get_paths()["platlib"])'
  try {
    return [(await promisify(execFile)(python, ['-c', script])).stdout.trim()]
  } catch {
    return []
  }
}

/** The path of an OpenBLAS library, or undefined. */
export async function findOpenblas({ python, openblas }: Omit<PeerOptions, 'threads'>): Promise<string | undefined> {
  if (openblas !== undefined) return existsSync(openblas) ? openblas : undefined
  const folders = await sitePackages(python)
  const patterns = [...SYSTEM, ...folders.flatMap((folder) => WHEELS.map((file) => `${folder}/${file}`))]
  return patterns.flatMap((pattern) => globSync(pattern).sort())[0]
}

const fileOf = (name: string): string => fileURLToPath(new URL(`./peers/${name}`, import.meta.url))

/** Thread counts for whatever a library is built on, and no compiled Python beside the source. */
const environmentOf = (threads: number): NodeJS.ProcessEnv => ({
  OPENBLAS_NUM_THREADS: String(threads),
  OMP_NUM_THREADS: String(threads),
  MKL_NUM_THREADS: String(threads),
  PYTHONDONTWRITEBYTECODE: '1',
})

/** OpenBLAS with its threads. @throws Error with the reason if it is not to be had */
export async function startOpenblas(options: PeerOptions): Promise<Peer> {
  const path = await findOpenblas(options)
  if (path === undefined) throw new Error(`no library found${options.openblas ? ` at ${options.openblas}` : ''}`)
  return await Peer.start('openblas', process.execPath, [fileOf('openblas.ts'), path], environmentOf(options.threads))
}

/** PyTorch with its threads. @throws Error with the reason if it is not to be had */
export async function startTorch({ python, threads }: PeerOptions): Promise<Peer> {
  return await Peer.start('torch', python, [fileOf('torch_peer.py'), String(threads)], environmentOf(threads))
}

/** The peer, or null after a line that says why it is missing. */
export async function orMissing(
  name: string,
  starting: Promise<Peer>,
  say: (line: string) => void,
): Promise<Peer | null> {
  try {
    const peer = await starting
    say(`${name}: ${JSON.stringify(peer.about)}`)
    return peer
  } catch (error) {
    say(`${name} is missing, its figures are null: ${(error as Error).message}`)
    return null
  }
}
