/** The command line of experiments and benchmarks: their options, `--help`, and what a wrong one is told. */
import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>
type Values<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>['values']

/** Exit code of a command that was called in a way it does not know. */
const USAGE = 2

/** The values of the options on the command line, of which nothing else is taken. See `understood`. */
export function commandLine<const T extends Options>(usage: string, options: T): Values<T> {
  return understood(usage, process.argv.slice(2), (args) => parseArgs({ args: [...args], options }).values)
}

/**
 * What `read` makes of the arguments. `--help` prints the usage and ends the process; so does what `read` throws, with
 * exit code 2.
 */
export function understood<T>(usage: string, args: readonly string[], read: (args: readonly string[]) => T): T {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${usage}\n`)
    process.exit(0)
  }
  try {
    return read(args)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}\n`)
    process.exit(USAGE)
  }
}
