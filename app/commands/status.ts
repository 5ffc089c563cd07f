/** `assay status JOB`: where a job stands, from the chain alone. */
import type { Command } from 'commander'
import { ledgerTable, namedLedger } from '#app/client/ledger.ts'
import { networkOption } from '#app/client/options.ts'
import { findJob, readJobs } from '#app/client/watch.ts'
import { labelled } from '#app/report.ts'
import { short } from '#app/terminal/format.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { toJson } from '#runtime/json.ts'
import { readNetwork } from '#runtime/network.ts'

export function define(command: Command): void {
  networkOption(command.argument('<job>', 'job id, or its first digits'))
    .option('--json', 'print one JSON object')
    .action(async (id: string, options: { network: string; json?: boolean }) => {
      const network = await readNetwork(options.network)
      const { views, block } = await readJobs(network)
      const job = findJob(views, id)
      if (options.json) {
        process.stdout.write(`${toJson({ ...job, block, ledger: namedLedger(job, network) })}\n`)
        return
      }
      const terminal = terminalOf(process.stdout)
      const name = (account: string): string => network.names?.[account] ?? short(account)
      const { counts } = job
      const windows = `${job.finalWindows} final, ${job.nextWindow} committed of ${job.totalWindows}`
      const lines: [string, string][] = [
        ['job', job.jobId],
        ['phase', `${job.phase}, plan epoch ${job.epoch}, block ${block}`],
        ['cells', job.cells.map(name).join(', ') || 'none'],
        ['windows', windows],
        [
          'entries',
          `${counts.entriesCommitted} committed, ${counts.entriesSampled} drawn, ${counts.entriesAccepted} accepted, ${counts.entriesRejected} rejected`,
        ],
        ['state', job.finalRoot ?? 'no window is final yet'],
      ]
      for (const [label, text] of lines) terminal.write(`${labelled(terminal, label, text)}\n`)
      for (const line of ['', 'ledger', ...ledgerTable(job, network, terminal)]) terminal.write(`${line}\n`)
    })
}
