/** `assay devnet`: a whole network on this machine, until Ctrl-C. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { DEVNET_FOLDER, whole } from '#app/client/options.ts'
import { DEVNET_DEFAULTS, type DevnetOptions, LIARS, startDevnet } from '#app/devnet/devnet.ts'
import { checkFolder } from '#app/devnet/folder.ts'
import type { Member } from '#app/devnet/processes.ts'
import { supervised } from '#app/devnet/supervise.ts'
import { interruptible } from '#app/interrupt.ts'
import { paint, terminalOf } from '#app/terminal/terminal.ts'

export function define(command: Command): void {
  command
    .option('--folder <dir>', 'folder of the network: chain state, keys, blobs, logs', DEVNET_FOLDER)
    .option('--solvers <n>', 'solver processes', whole(1, 16), DEVNET_DEFAULTS.solvers)
    .option('--verifiers <n>', 'verifier processes', whole(1, 16), DEVNET_DEFAULTS.verifiers)
    .option('--whistleblowers <n>', 'whistleblower processes', whole(0, 16), DEVNET_DEFAULTS.whistleblowers)
    .option('--threads <n>', 'threads of each computing process', whole(1, 64), DEVNET_DEFAULTS.threads)
    .addOption(
      new Option('--liar <role>', 'let processes of this role cheat; a verifier together with a solver').choices(LIARS),
    )
    .option('--no-respawn', 'leave processes that die dead, rather than start them again')
    .option('--json', 'print the network as one JSON line once it is up')
    .action((options: DevnetOptions & { json?: boolean }) => interruptible((signal) => run(options, signal)))
}

async function run(options: DevnetOptions & { json?: boolean }, signal: AbortSignal): Promise<void> {
  const terminal = terminalOf(options.json ? process.stderr : process.stdout)
  const up = ({ name, ready }: Member): void => {
    terminal.write(
      `${paint(terminal, 'green', 'up')}  ${name.padEnd(16)} ${String(ready.account ?? ready.rpc ?? '')}\n`,
    )
  }
  await checkFolder(resolve(options.folder))
  const devnet = await startDevnet(options, up, signal)
  terminal.write(`\nnetwork  ${devnet.networkFile}\nnext     npx assay submit examples/gpt.yaml\nstop     Ctrl-C\n`)
  if (options.json) process.stdout.write(`${JSON.stringify({ networkFile: devnet.networkFile, ...devnet.network })}\n`)
  try {
    await supervised(devnet.group, terminal, signal, aborted)
  } finally {
    await devnet.stop()
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
