/**
 * Runs the fuzzer by hand:
 *
 *     node test/fuzz/main.ts [TARGET...] [--cases N] [--seed S] [--case N] [--seconds T] [--input HEX]
 *
 * One row of figures a target. A failing input is reduced and kept in test/fuzz/corpus.
 */
import { parseArgs } from 'node:util'
import { fromHex } from '#proto/bytes.ts'
import { campaign } from '#test/fuzz/campaign.ts'
import { FIGURES_HEAD, figuresLine } from '#test/fuzz/figures.ts'
import { refusal } from '#test/fuzz/target.ts'
import { TARGETS } from '#test/fuzz/targets/index.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string' },
    case: { type: 'string' },
    seconds: { type: 'string' },
    input: { type: 'string' },
  },
})

const unknown = positionals.filter((name) => TARGETS.every((target) => target.name !== name))
if (unknown.length > 0) {
  process.stderr.write(`no target ${unknown.join(', ')}; there are ${TARGETS.map(({ name }) => name).join(', ')}\n`)
  process.exit(2)
}
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
const chosen = TARGETS.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
let failed = false
if (values.input === undefined) process.stdout.write(`${FIGURES_HEAD}\n`)
for (const target of chosen) {
  if (values.input !== undefined) {
    try {
      process.stdout.write(`${target.name} takes it: ${String(await target.decode(fromHex(values.input)))}\n`)
    } catch (error) {
      process.stdout.write(`${target.name} refuses it: ${refusal(target, error)}\n`)
    }
    continue
  }
  try {
    const figures = await campaign(target, {
      seed,
      cases: values.case === undefined ? Number(values.cases) : 1,
      first: Number(values.case ?? 0),
      keep: true,
      ...(values.seconds === undefined ? {} : { seconds: Number(values.seconds) }),
    })
    process.stdout.write(`${figuresLine(figures)}\n`)
  } catch (error) {
    failed = true
    process.stdout.write(
      `${error instanceof Error ? (error.name === 'FuzzFailure' ? error.message : error.stack) : error}\n`,
    )
  }
}
process.exit(failed ? 1 : 0)
