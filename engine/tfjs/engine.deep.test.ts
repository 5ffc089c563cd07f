/** The backends that need more than packages - a Vulkan driver, a compiled addon - against the definition, where they are. */
import { afterAll } from 'vitest'
import { wasmEngine } from '../wasm/engine.ts'
import { installed } from './testing.ts'
import { checkEngines } from './testing-engine.ts'

const exact = await wasmEngine()
const engines = await installed(['node', 'webgpu'])
afterAll(() => Promise.all([exact, ...engines].map((engine) => engine.close())))

checkEngines(exact, engines)
