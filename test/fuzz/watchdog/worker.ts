/** Watches the beats of a campaign from a thread of its own. Time is the processor's: a machine may be busy with other work. */
import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'

const { beats, what, deadlineMs } = workerData as { beats: Int32Array; what: string; deadlineMs: number }
const LOOK_MS = 500

const spentMs = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

let seen = Atomics.load(beats, 1)
let since = spentMs()
setInterval(() => {
  const now = Atomics.load(beats, 1)
  if (now !== seen) since = spentMs()
  seen = now
  if (spentMs() - since < deadlineMs) return
  writeSync(2, `\nfuzzing ${what}: case ${Atomics.load(beats, 0)} has not ended after ${deadlineMs} ms of computing\n`)
  process.kill(process.pid, 'SIGKILL')
}, LOOK_MS)
parentPort?.postMessage('watching')
