/** `assay watch JOB`: follows a job until it ends. */
import type { Command } from 'commander'
import { disputesOf } from '#app/client/disputes.ts'
import { followJob } from '#app/client/follow.ts'
import { networkOption } from '#app/client/options.ts'
import { resultOf, summaryLines } from '#app/client/summary.ts'
import { EXIT } from '#app/exit.ts'
import { interruptible } from '#app/interrupt.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { readNetwork } from '#runtime/network.ts'

export function define(command: Command): void {
  networkOption(command.argument('<job>', 'job id, or its first digits'))
    .option('--json', 'print one JSON object as the last line')
    .action((id: string, options: { network: string; json?: boolean }) =>
      interruptible(async (signal) => {
        const terminal = terminalOf(options.json ? process.stderr : process.stdout)
        const network = await readNetwork(options.network)
        const started = performance.now()
        const sight = await followJob(network, id, terminal, signal)
        const seconds = (performance.now() - started) / 1000
        const transcripts = await disputesOf(network, sight.job, signal)
        const nothing = { weights: null, metrics: null, text: null, bytesSent: null }
        const result = resultOf(sight, network, transcripts, { ...nothing, seconds })
        for (const line of summaryLines(result, sight.job, network, transcripts, terminal)) terminal.write(`${line}\n`)
        if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`)
        if (!result.settled) process.exitCode = EXIT.unsettled
      }),
    )
}
