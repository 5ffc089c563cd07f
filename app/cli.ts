/** The `assay` command: a table of subcommands, each in a file that is loaded only when it is asked for. */
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { Command, CommanderError } from 'commander'
import { EXIT, errorReport, exitCodeOf, printError } from '#app/exit.ts'
import { interruptedCode } from '#app/interrupt.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import packageJson from '../package.json' with { type: 'json' }

/** What a file in app/commands exports. */
export interface CommandModule {
  /** Adds arguments, options and the action. The action throws on failure, or sets `process.exitCode`. */
  define(command: Command): void
}

interface Entry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<CommandModule>
}

const COMMANDS: readonly Entry[] = [
  {
    name: 'run',
    summary: 'train a job on this machine alone, without a network: the baseline',
    load: () => import('#app/commands/run.ts'),
  },
  {
    name: 'devnet',
    summary: 'start a whole network on this machine: chain, coordinator, solvers, verifiers, whistleblower',
    load: () => import('#app/commands/devnet.ts'),
  },
  {
    name: 'init',
    summary: 'write a job file to start from',
    load: () => import('#app/commands/init.ts'),
  },
  {
    name: 'plan',
    summary: 'say how a job would be split among bidders, and why so',
    load: () => import('#app/commands/plan.ts'),
  },
  {
    name: 'submit',
    summary: 'put a job on a network',
    load: () => import('#app/commands/submit.ts'),
  },
  {
    name: 'jobs',
    summary: 'list the jobs of a network',
    load: () => import('#app/commands/jobs.ts'),
  },
  {
    name: 'status',
    summary: 'say where a job stands, from the chain alone',
    load: () => import('#app/commands/status.ts'),
  },
  {
    name: 'watch',
    summary: 'follow a job until it ends',
    load: () => import('#app/commands/watch.ts'),
  },
  {
    name: 'topup',
    summary: 'pay for further windows of a job, or give it more time',
    load: () => import('#app/commands/topup.ts'),
  },
  {
    name: 'cancel',
    summary: 'end a job early and get the rest of its escrow back',
    load: () => import('#app/commands/cancel.ts'),
  },
  {
    name: 'pull',
    summary: 'fetch the weights of a settled job',
    load: () => import('#app/commands/pull.ts'),
  },
  {
    name: 'verify',
    summary: 'audit a finished job, or pulled weights, without asking anybody',
    load: () => import('#app/commands/verify.ts'),
  },
  {
    name: 'challenge',
    summary: 'challenge an entry that is false, and play until the chain has ruled',
    load: () => import('#app/commands/challenge.ts'),
  },
  {
    name: 'dispute',
    summary: 'list, show and replay the disputes of a network',
    load: () => import('#app/commands/dispute.ts'),
  },
  {
    name: 'coordinator',
    summary: 'run a coordinator: takes jobs in, commits windows',
    load: () => import('#app/commands/coordinator.ts'),
  },
  {
    name: 'solver',
    summary: 'run a solver: trains and is paid for it',
    load: () => import('#app/commands/solver.ts'),
  },
  {
    name: 'drain',
    summary: 'ask a solver to leave in order: no new jobs, its stakes back, then it ends',
    load: () => import('#app/commands/drain.ts'),
  },
  {
    name: 'verifier',
    summary: 'run a verifier: replays what it is drawn for',
    load: () => import('#app/commands/verifier.ts'),
  },
  {
    name: 'whistleblower',
    summary: 'run a whistleblower: audits what was accepted',
    load: () => import('#app/commands/whistleblower.ts'),
  },
  {
    name: 'key',
    summary: 'make, import, show or encrypt an account',
    load: () => import('#app/commands/key.ts'),
  },
  {
    name: 'doctor',
    summary: 'check whether this machine has what Assay needs',
    load: () => import('#app/commands/doctor.ts'),
  },
]

/** Runs the command line `argv` (without the interpreter and script) and returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('assay')
    .description('A decentralized training coordinator: exact to the bit, verified by replay, settled on a chain.')
    .version(packageJson.version)
    .option('--verbose', 'print the stack and the causes of an error')
    .showHelpAfterError('(assay --help lists the commands)')
    .addHelpText('after', '\nEach command explains itself: assay COMMAND --help. Exit codes: docs/cli.md.')
    .exitOverride()
  const wanted = argv.find((arg) => !arg.startsWith('-'))
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).description(summary).exitOverride()
    command.option('--verbose', 'print the stack and the causes of an error')
    if (name === wanted || (wanted === 'help' && argv.includes(name))) (await load()).define(command)
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
    return Number(process.exitCode ?? EXIT.ok)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    printError(terminalOf(process.stderr), error, argv.includes('--verbose'))
    if (argv.includes('--json')) process.stdout.write(`${JSON.stringify(errorReport(error))}\n`)
    return interruptedCode() ?? exitCodeOf(error)
  }
}

if (import.meta.main) {
  // Commands are loaded after this: a process starts in half the time when an earlier one has compiled the same modules.
  enableCompileCache(fileURLToPath(new URL('../.tmp/compile-cache', import.meta.url)))
  // Whoever reads the output may have seen enough: the command ends in its own way, and clears up.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  process.exitCode = await main(process.argv.slice(2))
}
