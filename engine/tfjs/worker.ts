/** The thread of an engine: starts a backend, then answers one request after the other. */
import { workerData } from 'node:worker_threads'
import { AssayError } from '#proto/errors.ts'
import { wasmEngine } from '../wasm/engine.ts'
import { startBackend } from './backends.ts'
import type { Answer, Hello, Request, ThreadStart } from './messages.ts'
import { Session } from './session.ts'

const { backend, port, signal, limit } = workerData as ThreadStart

/** An error in a form that threads can pass on. */
function refusal(error: unknown): Extract<Hello, { ok: false }> {
  if (error instanceof AssayError) {
    const { code, message, next } = error
    return { ok: false, code, message, ...(next !== undefined && { next }) }
  }
  return { ok: false, code: 'internal', message: `TensorFlow.js ${backend}: ${(error as Error).message}` }
}

function answer(message: Answer): void {
  port.postMessage(message)
  Atomics.add(signal, 0, 1)
  Atomics.notify(signal, 0)
}

async function serve(): Promise<void> {
  const started = await startBackend(backend)
  const session = new Session(started, await wasmEngine(), limit)
  let last: Promise<void> = Promise.resolve()
  const respond = async (request: Request): Promise<void> => {
    try {
      const outcome = await session.handle(request)
      answer({ ok: true, usage: session.usage(), ...outcome })
    } catch (error) {
      answer(refusal(error))
    }
  }
  port.on('message', (request: Request) => {
    last = last.then(() => respond(request))
  })
  port.postMessage({ ok: true, about: started.about } satisfies Hello)
}

try {
  await serve()
} catch (error) {
  port.postMessage(refusal(error) satisfies Hello)
  port.close()
}
