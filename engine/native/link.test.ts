/** Threads of native code wait for each other, and for nobody who is gone. */
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { FAULT } from '../compiled/control.ts'
import { Memory } from '../compiled/memory.ts'
import { Body } from '../kernel/ir.ts'
import { type KernelModule, RUN_PARAMS } from '../kernel/module.ts'
import { callable } from './callable.ts'
import { probe } from './features.ts'
import { openHost } from './host.ts'
import { link } from './link.ts'

const found = await probe()

/** `run` is a barrier and nothing else. */
function meeting(): KernelModule {
  const run = new Body(RUN_PARAMS)
  run.call(0, [])
  return { functions: [null, run], run: 1, tasks: [], kinds: [], scratch: 0 }
}

/** A thread that says, after some time, that it has failed. */
const FAILING = `
  const { workerData } = require('node:worker_threads')
  const { fault, milliseconds } = workerData
  setTimeout(() => {
    const words = new Int32Array(workerData.memory)
    Atomics.store(words, fault / 4, 1)
  }, milliseconds)`

test.skipIf(!found.ok)('a thread that waits, even asleep, is freed when another one has failed', async () => {
  const host = await openHost()
  const { shared } = new Memory()
  const { code, run } = link(meeting(), 2, 'avx2')
  const block = host.map(code)
  const wait = callable(host, shared, block.address + run)
  const workerData = { memory: shared.buffer, fault: FAULT, milliseconds: 150 }
  const failing = new Worker(FAILING, { eval: true, workerData, execArgv: [] })
  await new Promise((started) => failing.once('online', started))
  expect(() => wait(0, 0, 0, 0)).toThrow('has failed')
  // And whoever comes later does not wait at all.
  expect(() => wait(0, 0, 0, 0)).toThrow('has failed')
  await failing.terminate()
  block.close()
})
