/** A thread of the tests: calls native code at an address it was sent. */
import { parentPort, workerData } from 'node:worker_threads'
import { openHost } from './host.ts'

export interface Task {
  /** Of a function (address, count) -> number. */
  readonly code: number
  readonly memory: SharedArrayBuffer
  readonly count: number
}

const { code, memory, count } = workerData as Task
const host = await openHost()
const address = host.addressOf(new Uint8Array(memory))
parentPort!.postMessage({ address, result: host.bind(code, 2)(address, count) })
