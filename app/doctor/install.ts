/** `assay doctor --install`: brings the packages of optional engines along, and compiles what a registry does not have. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { AssayError, fail } from '#proto/errors.ts'

const PACKAGES = resolve(import.meta.dirname, '../../engine/tfjs/packages')
const NODE_PACKAGES = join(PACKAGES, 'node')

/** Version of the Python wheel whose libtensorflow the addon is compiled against, and the platform it is made for. */
const WHEEL = 'tensorflow-cpu==2.15.1'
const PLATFORM = ['--platform', 'manylinux2014_x86_64', '--python-version', '3.11', '--implementation', 'cp']
/** Version of Node-API for which tfjs-node looks for its addon. */
const NODE_API = 8

const UNPACK = `
import re, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in wheel.namelist():
        if re.match(r'tensorflow/(libtensorflow_(cc|framework)[.]|include/(tensorflow/(c|core/platform)|tsl|xla/c)/)', name):
            wheel.extract(name, sys.argv[2])
`

export const INSTALLS = ['tfjs', 'tfjs-node'] as const

/**
 * Installs an optional engine into its folder; what the tools print goes to stderr.
 * @throws bad-config for an unknown name; unavailable where a tool fails, with the next step
 */
export async function install(name: string): Promise<void> {
  if (name === 'tfjs') return await npmCi(PACKAGES)
  if (name === 'tfjs-node') return await installNode()
  fail('bad-config', `there is nothing to install by the name of '${name}'`, {
    next: `Choose one of ${INSTALLS.join(', ')}.`,
  })
}

/** Packages exactly as they are locked; none of their scripts, which would download from elsewhere. */
async function npmCi(folder: string): Promise<void> {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  await run(
    'npm',
    args,
    folder,
    'Connect this machine to its package registry (npm config get registry) and try again.',
  )
}

/**
 * TensorFlow's own package downloads an addon and libtensorflow when it is installed. Here the addon is compiled, against
 * the libtensorflow of ASSAY_LIBTENSORFLOW (a folder with `include` and the libraries) or of a Python wheel.
 */
async function installNode(): Promise<void> {
  await npmCi(NODE_PACKAGES)
  const library = process.env['ASSAY_LIBTENSORFLOW'] ?? (await fetchLibrary())
  const modules = join(NODE_PACKAGES, 'node_modules')
  const source = join(modules, '@tensorflow', 'tfjs-node')
  const target = join(source, 'lib', `napi-v${NODE_API}`)
  const names = await readdir(library)
  const libraries = ['libtensorflow_cc', 'libtensorflow', 'libtensorflow_framework'].flatMap((stem) => {
    const found = names.filter((name) => name === `${stem}.so` || name.startsWith(`${stem}.so.`)).sort()
    return found.length > 0 ? [`-l:${found[0]}`] : []
  })
  if (libraries.length === 0) {
    fail('not-found', `there is no libtensorflow in ${library}`, {
      next: 'Name a folder with libtensorflow.so or libtensorflow_cc.so.2, and include/, in ASSAY_LIBTENSORFLOW.',
    })
  }
  await mkdir(target, { recursive: true })
  await run(
    'g++',
    [
      ...['-std=c++17', '-O2', '-fPIC', '-shared', `-DNAPI_VERSION=${NODE_API}`],
      ...[join(modules, 'node-api-headers', 'include'), join(library, 'include'), source].map(
        (folder) => `-I${folder}`,
      ),
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) => join(source, 'binding', file)),
      ...[`-L${library}`, ...libraries, `-Wl,-rpath,${library}`],
      ...['-o', join(target, 'tfjs_binding.node')],
    ],
    source,
    'Install a C++ compiler (g++), and see that ASSAY_LIBTENSORFLOW, if set, has TensorFlow 2.15 or near.',
  )
}

/** The folder of libtensorflow out of a wheel of TensorFlow for Python: 0.2 GB to download, 0.6 GB to keep. */
async function fetchLibrary(): Promise<string> {
  const folder = join(NODE_PACKAGES, 'node_modules', '.libtensorflow')
  const library = join(folder, 'tensorflow')
  if (existsSync(join(library, 'libtensorflow_cc.so.2'))) return library
  const next = 'Install python3 with pip, or name a libtensorflow of your own in ASSAY_LIBTENSORFLOW.'
  const download = await mkdtemp(join(tmpdir(), 'assay-wheel-'))
  try {
    const args = ['download', '--no-deps', '--only-binary=:all:', ...PLATFORM, '-d', download, WHEEL]
    await run('python3', ['-m', 'pip', ...args], download, next)
    const [wheel] = await readdir(download)
    await mkdir(folder, { recursive: true })
    await run('python3', ['-c', UNPACK, join(download, wheel!), folder], download, next)
  } finally {
    await rm(download, { recursive: true, force: true })
  }
  // The linker records the names under which the libraries are loaded.
  for (const stem of ['libtensorflow_cc', 'libtensorflow_framework']) {
    await symlink(`${stem}.so.2`, join(library, `${stem}.so`)).catch(() => {})
  }
  return library
}

/** Runs a tool to its end. */
async function run(command: string, args: readonly string[], cwd: string, next: string): Promise<void> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 2, 2] })
  const problem = await new Promise<string | null>((done) => {
    child.on('error', (error) => done(error.message))
    child.on('close', (code, signal) => done(code === 0 ? null : `ended with ${signal ?? code}`))
  })
  if (problem !== null) throw new AssayError('unavailable', `${command}: ${problem}`, { next })
}
