/** `assay doctor`: checks whether this machine has what Assay needs, and says what to do where it does not. */
import type { Command } from 'commander'
import { networkOption } from '#app/client/options.ts'
import { checkTool } from '#app/doctor/chain.ts'
import type { Check, Status } from '#app/doctor/check.ts'
import { checkEngines, checkFma } from '#app/doctor/exactness.ts'
import { checkHomes, isDevnetFile } from '#app/doctor/home.ts'
import { checkClock, checkDisk, checkMemory, checkNode, checkPorts } from '#app/doctor/machine.ts'
import { EXIT } from '#app/exit.ts'
import { paint, type Style, type Terminal, terminalOf } from '#app/terminal/terminal.ts'

export function define(command: Command): void {
  networkOption(command)
    .option('--json', 'print one JSON object as the last line of the output; everything else goes to stderr')
    .option('--homes <dir>', 'folder under which the processes of this machine keep theirs', '.assay')
    .action(async (options: Options) => {
      const terminal = terminalOf(options.json ? process.stderr : process.stdout)
      const checks: Check[] = []
      for await (const check of examine(options)) {
        checks.push(check)
        for (const line of describe(check, terminal)) terminal.write(`${line}\n`)
      }
      const pass = checks.every(({ status }) => status !== 'fail')
      if (options.json) process.stdout.write(`${JSON.stringify({ pass, checks })}\n`)
      if (!pass) process.exitCode = EXIT.failedCheck
    })
}

interface Options {
  readonly network: string
  readonly homes: string
  readonly json?: boolean
}

async function* examine({ homes, network }: Options): AsyncGenerator<Check> {
  yield checkNode()
  yield checkMemory()
  yield await checkDisk(process.cwd())
  yield await checkPorts()
  yield await checkClock()
  yield await checkTool('anvil')
  yield await checkTool('forge')
  yield checkFma()
  yield* await checkEngines()
  yield* checkHomes(homes, await isDevnetFile(network))
}

const STYLES: Readonly<Record<Status, Style>> = { ok: 'green', warn: 'yellow', fail: 'red' }
const WIDTH = 28

function describe({ name, status, detail, next }: Check, terminal: Terminal): string[] {
  const lines = [`${paint(terminal, STYLES[status], status.padEnd(5))}${name.padEnd(WIDTH)}${detail}`]
  if (next) lines.push(`${' '.repeat(5 + WIDTH)}${paint(terminal, 'cyan', next)}`)
  return lines
}
