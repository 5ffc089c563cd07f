/** `assay pull JOB -o DIR`: the weights of a settled job, proven against the root on the chain. */
import type { Command } from 'commander'
import { finishJob } from '#app/client/finish.ts'
import { networkOption } from '#app/client/options.ts'
import { findJob, readJobs } from '#app/client/watch.ts'
import { interruptible } from '#app/interrupt.ts'
import { labelled } from '#app/report.ts'
import { figure, percent, printable } from '#app/terminal/format.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { readNetwork } from '#runtime/network.ts'

interface Options {
  readonly network: string
  readonly out: string
  readonly json?: boolean
}

export function define(command: Command): void {
  networkOption(command.argument('<job>', 'job id, or its first digits'))
    .requiredOption('-o, --out <dir>', 'folder for the weights (safetensors and config.json)')
    .option('--json', 'print one JSON object as the last line')
    .action((id: string, options: Options) =>
      interruptible(async (signal) => {
        const terminal = terminalOf(options.json ? process.stderr : process.stdout)
        const network = await readNetwork(options.network)
        const job = findJob((await readJobs(network)).views, id)
        const { weights, metrics, text } = await finishJob(network, job, options.out, signal)
        terminal.write(
          `${labelled(terminal, 'state', job.finalRoot ?? '')}\n${labelled(terminal, 'weights', weights)}\n`,
        )
        if (metrics) {
          const right = metrics.accuracy === undefined ? '' : `, accuracy ${percent(metrics.accuracy, 2)}`
          terminal.write(`${labelled(terminal, 'held out', `loss ${figure(metrics.loss)}${right}`)}\n`)
        }
        if (text !== null) terminal.write(`\n${printable(text, true)}\n`)
        const result = { job: job.jobId, stateRoot: job.finalRoot?.slice(2), weights, metrics }
        if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
      }),
    )
}
