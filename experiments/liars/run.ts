/** Experiment: one actor for each lie, against honest parties, at the contracts. Who lies loses, and nobody else. README.md has the claims. */
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { ACTORS } from './cast.ts'
import { Stage } from './stage.ts'
import { costsOf, lineOf } from './summary.ts'
import type { Verdict } from './trial.ts'

const USAGE = 'usage: npm run experiment -- liars [--only NAME] [--seed N] [--json]'
const values = commandLine(USAGE, {
  only: { type: 'string' },
  seed: { type: 'string', default: '1' },
  json: { type: 'boolean' },
})

const actors = ACTORS.filter(({ name }) => values.only === undefined || name === values.only)
if (actors.length === 0) throw new Error(`--only is one of: ${ACTORS.map(({ name }) => name).join('; ')}`)
const stage = await Stage.open()
const verdicts: Verdict[] = []
try {
  for (const actor of actors) {
    const verdict = await stage.trial(actor, values.seed)
    verdicts.push(verdict)
    if (!jsonOnly()) console.log(lineOf(verdict))
  }
} finally {
  await stage.close()
}
const faults = verdicts.flatMap(({ actor, faults }) => faults.map((fault) => `${actor.name}: ${fault}`))
report({
  name: 'liars',
  figures: {
    liars: verdicts.length,
    faults: faults.length,
    mostRounds: Math.max(...verdicts.flatMap(({ games }) => games.map(({ rounds }) => rounds))),
    longestGameBlocks: Math.max(...verdicts.flatMap(({ games }) => games.map(({ blocks }) => blocks))),
  },
  thresholds: { faults: { equals: 0 } },
  details: { rows: verdicts.map(costsOf), faultsFound: faults },
})
