/** `assay doctor`: checks whether this machine has what Assay needs, and says what to do where it does not. */
import { availableParallelism } from 'node:os'
import type { Command } from 'commander'
import { networkOption, whole } from '#app/client/options.ts'
import { checkTool } from '#app/doctor/chain.ts'
import type { Check, Status } from '#app/doctor/check.ts'
import { describeSpeed, type EngineReport, examineEngines } from '#app/doctor/engines.ts'
import { checkEngines, checkFma } from '#app/doctor/exactness.ts'
import { checkHomes, isDevnetFile } from '#app/doctor/home.ts'
import { INSTALLS, install } from '#app/doctor/install.ts'
import { checkClock, checkDisk, checkMemory, checkNode, checkPorts } from '#app/doctor/machine.ts'
import { examineTfjs } from '#app/doctor/tfjs.ts'
import { EXIT } from '#app/exit.ts'
import { paint, type Style, type Terminal, terminalOf } from '#app/terminal/terminal.ts'

export function define(command: Command): void {
  networkOption(command)
    .option('--json', 'print one JSON object as the last line of the output; everything else goes to stderr')
    .option('--engine', 'examine the engines alone: which are exact here, how fast, and what TensorFlow.js has')
    .option('--full', 'with --engine: every conformance vector, not the few that each start runs')
    .option('--threads <n>', 'with --engine: threads of each engine', whole(1, 64), defaultThreads())
    .option('--homes <dir>', 'folder under which the processes of this machine keep theirs', '.assay')
    .option(
      '--install <engine>',
      `install an engine that is optional (${INSTALLS.join(', ')}), then examine the engines`,
    )
    .action(async (given: Options) => {
      const options = given.install === undefined ? given : { ...given, engine: true }
      if (given.install !== undefined) await install(given.install)
      const terminal = terminalOf(options.json ? process.stderr : process.stdout)
      const checks: Check[] = []
      const engines: EngineReport[] = []
      for await (const { check, engine } of examine(options)) {
        checks.push(check)
        if (engine) engines.push(engine)
        const lines = [...describe(check, terminal), ...(engine?.speed ? describeSpeed(engine.speed).map(indent) : [])]
        for (const line of lines) terminal.write(`${line}\n`)
      }
      const pass = checks.every(({ status }) => status !== 'fail')
      const result = options.engine ? { pass, checks, engines } : { pass, checks }
      if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
      if (!pass) process.exitCode = EXIT.failedCheck
    })
}

/** More threads than this rarely pay before somebody asks for them. */
const DEFAULT_THREADS = 4
const defaultThreads = (): number => Math.min(availableParallelism(), DEFAULT_THREADS)

interface Options {
  readonly engine?: boolean
  readonly install?: string
  readonly full?: boolean
  readonly threads: number
  readonly network: string
  readonly homes: string
  readonly json?: boolean
}

async function* examine(options: Options): AsyncGenerator<{ check: Check; engine?: EngineReport }> {
  if (options.engine) {
    yield* examineEngines({ threads: options.threads, full: options.full ?? false })
    for await (const check of examineTfjs()) yield { check }
  } else {
    for await (const check of examineMachine(options)) yield { check }
  }
}

async function* examineMachine({ homes, network }: Options): AsyncGenerator<Check> {
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
const indent = (line: string): string => ' '.repeat(5 + WIDTH) + line

function describe({ name, status, detail, next }: Check, terminal: Terminal): string[] {
  const lines = [`${paint(terminal, STYLES[status], status.padEnd(5))}${name.padEnd(WIDTH)}${detail}`]
  if (next) lines.push(indent(paint(terminal, 'cyan', next)))
  return lines
}
