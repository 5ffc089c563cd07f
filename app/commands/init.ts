/** `assay init [FILE]`: writes a commented job file to start from, with sample data beside it. */
import { basename, dirname, join, relative, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { STARTERS, type Starter, starterFiles } from '#app/job/starter.ts'
import { labelled } from '#app/report.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { fail } from '#proto/errors.ts'
import { writeWhole } from '#runtime/atomic.ts'
import { exists } from '#runtime/keys.ts'

interface Options {
  readonly model: Starter
  readonly data?: string
  readonly force?: boolean
  readonly json?: boolean
}

export function define(command: Command): void {
  command
    .argument('[file]', 'job file to write', 'job.yaml')
    .addOption(new Option('--model <type>', 'what the job trains').choices(STARTERS).default('gpt'))
    .option('--data <path>', 'data of yours: a text for gpt, a table for mlp (default: a small sample)')
    .option('--force', 'replace files that are there')
    .option('--json', 'print one JSON object')
    .action(async (file: string, options: Options) => {
      const written = await init(file, options)
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ file: written[0], written })}\n`)
        return
      }
      const terminal = terminalOf(process.stdout)
      for (const path of written) terminal.write(`${labelled(terminal, 'written', path)}\n`)
      terminal.write(`${labelled(terminal, 'next', `npx assay run ${file}`)}\n`)
    })
}

async function init(file: string, { model, data, force }: Options): Promise<string[]> {
  if (model === 'cnn' && data !== undefined) {
    fail('bad-input', '--data names one file, and images need two', {
      next: 'Write the sample without --data, then name your files in it.',
    })
  }
  const folder = dirname(file)
  const own = data === undefined ? undefined : relative(resolve(folder), resolve(data))
  const files = starterFiles(model, basename(file), own).map(({ name, content }) => ({
    path: join(folder, name),
    content,
  }))
  for (const { path } of files) {
    if (force !== true && (await exists(path))) {
      fail('bad-input', `${path} is there already`, { next: 'Choose another name, or replace it with --force.' })
    }
  }
  for (const { path, content } of files) {
    try {
      await writeWhole(path, content, { fresh: force !== true })
    } catch (cause) {
      fail('storage', `cannot write ${path}: ${(cause as Error).message}`, { next: 'Choose another folder.', cause })
    }
  }
  return files.map(({ path }) => path)
}
