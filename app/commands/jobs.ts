/** `assay jobs`: the jobs of a network. */
import type { Command } from 'commander'
import { networkOption } from '#app/client/options.ts'
import { readJobs } from '#app/client/watch.ts'
import { short } from '#app/terminal/format.ts'
import { table } from '#app/terminal/table.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { readNetwork } from '#runtime/network.ts'

export function define(command: Command): void {
  networkOption(command)
    .option('--json', 'print one JSON array')
    .action(async (options: { network: string; json?: boolean }) => {
      const { views } = await readJobs(await readNetwork(options.network))
      const rows = [...views.values()].map((job) => ({
        job: job.jobId,
        phase: job.phase,
        steps: job.terms.steps,
        epoch: job.epoch,
        windows: job.totalWindows,
        committed: job.nextWindow,
        final: job.finalWindows,
      }))
      if (options.json) {
        process.stdout.write(`${JSON.stringify(rows)}\n`)
        return
      }
      const terminal = terminalOf(process.stdout)
      if (rows.length === 0) terminal.write('no jobs yet: `npx assay submit examples/gpt.yaml` makes one\n')
      else for (const line of table(COLUMNS, rows.map(cells), terminal)) terminal.write(`${line}\n`)
    })
}

const COLUMNS = [
  { title: 'job' },
  { title: 'phase' },
  { title: 'steps', align: 'right' },
  { title: 'windows' },
] as const

function cells(row: {
  job: string
  phase: string
  steps: number
  windows: number
  committed: number
  final: number
}): string[] {
  const windows = `${row.final} final, ${row.committed} committed of ${row.windows}`
  return [short(row.job), row.phase, `${row.steps}`, windows]
}
