/** Runs one command of the test run in a process group of its own, so that a time limit or Ctrl-C ends all of it. */
import { spawn } from 'node:child_process'

export interface Outcome {
  /** Exit code; null if a signal ended the command. */
  readonly code: number | null
  readonly stdout: string
  /** Standard output and error together, in order of arrival. */
  readonly output: string
}

export interface CommandOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Seconds after which the command and its children are killed. */
  readonly limit: number
  /** Show the output as it comes. */
  readonly show: boolean
}

const groups = new Set<number>()

/** Ends every command now running, with its children. */
export function stopAll(): void {
  for (const pid of groups) kill(pid)
}

function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has just ended by itself.
  }
}

/** Output goes through a pipe: the tools are told whether a terminal is at its end. */
const COLOUR = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' }

/** Runs `command` to its end. Never throws: a command that cannot be started has code 127. */
export function execute(command: string, args: readonly string[], options: CommandOptions): Promise<Outcome> {
  const { cwd, limit, show } = options
  return new Promise((done) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...COLOUR, ...options.env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (child.pid !== undefined) groups.add(child.pid)
    let stdout = ''
    let output = ''
    const take = (text: string): void => {
      output += text
      if (show) process.stdout.write(text)
    }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      take(text)
    })
    child.stderr.setEncoding('utf8').on('data', take)
    const timer = setTimeout(() => {
      take(`\n${command} ${args.join(' ')}: killed after its limit of ${limit} s\n`)
      kill(child.pid!)
    }, limit * 1000)
    const end = (code: number | null): void => {
      clearTimeout(timer)
      if (child.pid !== undefined) {
        kill(child.pid)
        groups.delete(child.pid)
      }
      done({ code, stdout, output })
    }
    child.on('error', (error) => {
      take(`${command}: ${error.message}\n`)
      end(127)
    })
    child.on('close', end)
  })
}
