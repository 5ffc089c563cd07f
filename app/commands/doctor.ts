/** `assay doctor`: checks whether this machine has what Assay needs, and says what to do where it does not. */
import type { Command } from 'commander'
import { checkTool } from '#app/doctor/chain.ts'
import type { Check, Status } from '#app/doctor/check.ts'
import { checkEngines, checkFma } from '#app/doctor/exactness.ts'
import { checkClock, checkDisk, checkMemory, checkNode, checkPorts } from '#app/doctor/machine.ts'
import { EXIT } from '#app/exit.ts'
import { paint, type Style, type Terminal, terminalOf } from '#app/terminal/terminal.ts'

export function define(command: Command): void {
  command
    .option('--json', 'print one JSON object as the last line of the output; everything else goes to stderr')
    .action(async (options: { readonly json?: boolean }) => {
      const terminal = terminalOf(options.json ? process.stderr : process.stdout)
      const checks: Check[] = []
      for await (const check of examine()) {
        checks.push(check)
        for (const line of describe(check, terminal)) terminal.write(`${line}\n`)
      }
      const pass = checks.every(({ status }) => status !== 'fail')
      if (options.json) process.stdout.write(`${JSON.stringify({ pass, checks })}\n`)
      if (!pass) process.exitCode = EXIT.failedCheck
    })
}

async function* examine(): AsyncGenerator<Check> {
  yield checkNode()
  yield checkMemory()
  yield await checkDisk(process.cwd())
  yield await checkPorts()
  yield await checkClock()
  yield await checkTool('anvil')
  yield await checkTool('forge')
  yield checkFma()
  yield* await checkEngines()
}

const STYLES: Readonly<Record<Status, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' }
const WIDTH = 28

function describe({ name, status, detail, next }: Check, terminal: Terminal): string[] {
  const lines = [`${paint(terminal, STYLES[status], status.padEnd(5))}${name.padEnd(WIDTH)}${detail}`]
  if (next) lines.push(`${' '.repeat(5 + WIDTH)}${paint(terminal, 'cyan', next)}`)
  return lines
}
