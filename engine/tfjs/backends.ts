/** The backends of TensorFlow.js that can compute here: found among the packages installed on demand, and started. */
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import util from 'node:util'
import { AssayError, fail } from '#proto/errors.ts'
import type { Tf } from './tf.ts'

export const BACKENDS = ['cpu', 'wasm', 'webgpu', 'node'] as const
export type BackendName = (typeof BACKENDS)[number]

/** A backend that runs. */
export interface Started {
  readonly tf: Tf
  /** Whether it sums rows by index faster than the exact engine does. */
  readonly scatters: boolean
  /** Whether results are there as soon as an operation returns. */
  readonly prompt: boolean
  /** Versions, and the device where there is one, in a line. */
  readonly about: string
  /** Most bytes of one tensor. */
  readonly maxTensorBytes: number
}

const GIB = 2 ** 30

const INSTALL = 'Install it: assay doctor --install tfjs'
const INSTALL_NODE = 'Install it: assay doctor --install tfjs-node'
const VULKAN =
  'Install a Vulkan driver of this machine’s GPU. Without a GPU, SwiftShader does: set VK_ICD_FILENAMES to its vk_swiftshader_icd.json.'

/** Loads packages of a folder that was installed on demand. */
function packagesOf(folder: string): NodeJS.Require {
  return createRequire(new URL(`./${folder}/package.json`, import.meta.url))
}

/**
 * Starts a backend. One process thread can hold one: TensorFlow.js keeps the chosen one in a global.
 * @throws no-engine where it is not installed or cannot run here, with the next step
 */
export async function startBackend(name: BackendName): Promise<Started> {
  try {
    switch (name) {
      case 'cpu':
        return await plain()
      case 'wasm':
        return await wasm()
      case 'webgpu':
        return await webgpu()
      case 'node':
        return await node()
    }
  } catch (error) {
    if (error instanceof AssayError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    const missing = code === 'MODULE_NOT_FOUND'
    const next = name === 'node' ? INSTALL_NODE : INSTALL
    return fail('no-engine', `TensorFlow.js ${name}: ${missing ? 'not installed' : message}`, {
      next: missing ? next : `See docs/tfjs.md. ${next}`,
    })
  }
}

function core(load: NodeJS.Require): Tf {
  const tf = load('@tensorflow/tfjs-core') as Tf
  // Leaves out checks of every result, and advice on standard error.
  tf.enableProdMode()
  return tf
}

async function chosen(tf: Tf, backend: string, about: string, maxTensorBytes: number): Promise<Started> {
  if (!(await tf.setBackend(backend))) fail('no-engine', `TensorFlow.js could not start its backend '${backend}'`)
  await tf.ready()
  // The plain backend goes through all rows once for each index.
  const scatters = backend !== 'cpu' && kernels(tf, backend).has('UnsortedSegmentSum')
  return {
    tf,
    scatters,
    prompt: backend !== 'webgpu',
    about: `TensorFlow.js ${tf.version_core}${about}`,
    maxTensorBytes,
  }
}

/** Names of a backend's operations. */
function kernels(tf: Tf, backend: string): Set<string> {
  return new Set(tf.getKernelsForBackend(backend).map(({ kernelName }) => kernelName))
}

async function plain(): Promise<Started> {
  const load = packagesOf('packages')
  const tf = core(load)
  load('@tensorflow/tfjs-backend-cpu')
  return await chosen(tf, 'cpu', '', 2 * GIB)
}

async function wasm(): Promise<Started> {
  const load = packagesOf('packages')
  const tf = core(load)
  const backend = load('@tensorflow/tfjs-backend-wasm') as { setWasmPaths(folder: string): void }
  backend.setWasmPaths(`${dirname(load.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  // Its memory is one of 32-bit addresses, shared by all tensors.
  return await chosen(tf, 'wasm', ', one thread', GIB)
}

interface Adapter {
  readonly info: Readonly<Record<'vendor' | 'architecture' | 'description', string>>
  readonly limits: { readonly maxStorageBufferBindingSize: number }
}

async function webgpu(): Promise<Started> {
  const load = packagesOf('packages')
  const dawn = load('webgpu') as {
    create(options: readonly string[]): { requestAdapter(): Promise<Adapter | null> }
    globals: object
  }
  const gpu = dawn.create([])
  const adapter = await gpu.requestAdapter()
  if (!adapter)
    return fail('no-engine', 'TensorFlow.js webgpu: there is no Vulkan device that Dawn accepts', { next: VULKAN })
  Object.assign(globalThis, dawn.globals)
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true })
  const tf = core(load)
  load('@tensorflow/tfjs-backend-webgpu')
  // Small operations must not wander off to JavaScript, which would have to wait for the GPU.
  tf.env().set('WEBGPU_CPU_FORWARD', false)
  const { vendor, architecture, description } = adapter.info
  const about = `, Dawn on ${[vendor, architecture, description].filter((part) => part !== '').join(', ')}`
  return await chosen(tf, 'webgpu', about, adapter.limits.maxStorageBufferBindingSize)
}

async function node(): Promise<Started> {
  const load = packagesOf('packages/node')
  // Functions that the package calls and that Node has dropped, or warns of.
  const shim = util as unknown as Record<string, unknown>
  shim['isNullOrUndefined'] = (x: unknown) => x === null || x === undefined
  shim['isArray'] = Array.isArray
  // Warnings and errors only; this thread has the environment of the process.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '1'
  const tf = load('@tensorflow/tfjs-node') as Tf
  tf.enableProdMode()
  return await chosen(tf, 'tensorflow', ', libtensorflow', 2 * GIB)
}
