/**
 * Experiment: how often simulated cheats are detected, by the protocol's rule of sampling. README.md says what is claimed.
 */
import seedrandom from 'seedrandom'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { byEntries, bySamples, type Case, samplesFor, sigma } from './law.ts'

const USAGE = `npm run experiment -- detection-law [--quick] [--runs N] [--seed N] [--json]

  --quick     1,000 simulated runs of each case instead of 10,000
  --runs N    so many
  --seed N    of what the solvers do
  --json      prints the JSON line alone`
const values = commandLine(USAGE, {
  quick: { type: 'boolean' },
  runs: { type: 'string' },
  seed: { type: 'string', default: '1' },
  json: { type: 'boolean' },
})

const RATES = [0.01, 0.05, 0.1, 0.25]
const BAD_ENTRIES = [1, 5, 20, 50, 100]
const FRACTIONS = [0.1, 0.01, 0.001]
const WANTED = 0.99
/** The rate where samples are counted. The law does not depend on it; at a high one there is little to hash in vain. */
const MOST = 0.9
/** One of twenty cases is further away by chance in one of 800 experiments. */
const MAX_SIGMA = 4
/** Fewer runs that are, or are not, detected are not distributed like a bell. */
const MIN_EXPECTED = 10

const runs = Number(values.runs ?? (values.quick ? 1000 : 10_000))
const cases: readonly Case[] = [
  ...RATES.flatMap((rate) => BAD_ENTRIES.map((bad) => byEntries(rate, bad))),
  ...FRACTIONS.map((fraction) => bySamples(MOST, fraction, samplesFor(fraction, WANTED))),
].filter(({ law }) => runs * Math.min(law, 1 - law) >= Math.min(MIN_EXPECTED, runs / 200))

const rows = cases.map((one) => {
  const random = seedrandom(`${values.seed} ${one.name}`)
  let detected = 0
  for (let index = 0; index < runs; index++) if (one.run(index, random)) detected++
  const row = { case: one.name, law: one.law, detected: detected / runs, sigma: sigma(one.law, detected, runs) }
  if (!jsonOnly()) {
    const shares = [row.law, row.detected].map((share) => share.toFixed(4).padStart(8)).join('')
    console.log(`${row.case.padEnd(44)}${shares}${row.sigma.toFixed(2).padStart(8)} sigma`)
  }
  return row
})
const [tenth, hundredth, thousandth] = FRACTIONS.map((fraction) => samplesFor(fraction, WANTED))

report({
  name: 'detection-law',
  figures: {
    runs,
    maxSigma: Math.max(...rows.map((row) => row.sigma)),
    samplesAt10Percent: tenth!,
    samplesAt1Percent: hundredth!,
    samplesAt0_1Percent: thousandth!,
  },
  thresholds: {
    maxSigma: { max: MAX_SIGMA },
    samplesAt10Percent: { equals: 44 },
    samplesAt1Percent: { equals: 459 },
    samplesAt0_1Percent: { equals: 4603 },
  },
  details: { cases: rows },
})
