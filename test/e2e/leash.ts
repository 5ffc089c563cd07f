/** Program: ends the process trees named on standard input when that closes, so that programs never outlive their test. */
import { createInterface } from 'node:readline'
import { killTree } from './processes.ts'

const pids = new Set<number>()
for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1))
  if (line.startsWith('+')) pids.add(pid)
  else pids.delete(pid)
}
await Promise.all([...pids].map(killTree))
