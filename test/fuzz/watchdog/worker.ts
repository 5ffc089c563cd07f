/** Watches the beats of a campaign from a thread of its own. */
import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

const { beats, what, deadlineMs } = workerData as { beats: Int32Array; what: string; deadlineMs: number }
const LOOK_MS = 500

let seen = Atomics.load(beats, 1)
let quiet = 0
setInterval(() => {
  const now = Atomics.load(beats, 1)
  quiet = now === seen ? quiet + LOOK_MS : 0
  seen = now
  if (quiet < deadlineMs) return
  writeSync(2, `\nfuzzing ${what}: case ${Atomics.load(beats, 0)} has not ended after ${deadlineMs} ms\n`)
  process.kill(process.pid, 'SIGKILL')
}, LOOK_MS)
