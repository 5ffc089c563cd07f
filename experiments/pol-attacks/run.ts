/**
 * Experiment: the published attacks on proof of learning, and some of our own, against each defence of tolerance mode.
 * README.md says what is claimed and measured.
 */
import { createExactEngine, ENGINE_CHOICES } from '#engine/conformance/exact.ts'
import { commandLine } from '../lib/command.ts'
import { jsonOnly, report } from '../lib/figures.ts'
import { ATTACKS } from './attacks/index.ts'
import { stale } from './attacks/lazy.ts'
import { audit, Evidence } from './audit.ts'
import { entriesToDetect, MOST } from './blind.ts'
import { tableOf } from './data.ts'
import { ALL, DEFENCES } from './defences.ts'
import { Course, FULL, type Ground, groundOf, QUICK } from './job.ts'
import { honest, type Profile, profileLevel, profileOf } from './profile.ts'
import { hashOf, randomOf } from './random.ts'
import { NAMES, type Row, rowOf, type Scene, tryOf } from './trial.ts'

const USAGE = `npm run experiment -- pol-attacks [--quick] [--data FOLDER] [--attacks A,B] [--tries N] [--seed N] [--engine auto] [--json]

  --quick         a smaller job, fewer tries
  --data FOLDER   with MNIST's test set; without it images are made up
  --attacks A,B   which to run
  --tries N       of each attack against all defences
  --table N       of each attack against each set of defences
  --seed N        of the attackers' choices and the chain's
  --engine NAME   auto, native, wasm or reference
  --json          prints the JSON line alone`
const values = commandLine(USAGE, {
  quick: { type: 'boolean' },
  data: { type: 'string' },
  attacks: { type: 'string' },
  tries: { type: 'string' },
  table: { type: 'string' },
  seed: { type: 'string', default: '1' },
  engine: { type: 'string', default: 'auto' },
  json: { type: 'boolean' },
})

/** Strengths of a bias, of tau. */
const BIASES = Array.from({ length: 9 }, (_, i) => 2 ** -i)
/** Attacks that take a minute a try are tried a fifth as often without defences. */
const SLOW = new Set(ATTACKS.filter(({ slow }) => slow).map(({ name }) => name))
const tries = Number(values.tries ?? (values.quick ? 5 : 200))
const tableTries = Number(values.table ?? (values.quick ? 1 : 10))
const shape = values.quick ? QUICK : FULL
const say = (line: string): void => {
  if (!jsonOnly()) console.log(line)
}
const percent = (share: number): string => `${Math.round(100 * share)}`.padStart(4)

function show(row: Row): void {
  const columns = (shares: Row['only']): string => DEFENCES.map((defence) => percent(shares[defence])).join('')
  const cost = row.cost.toPrecision(2).padStart(8)
  say(
    `${row.attack.padEnd(16)}${cost}${percent(row.none)} |${columns(row.only)} |${columns(row.without)} |${percent(row.all)}`,
  )
}

/** Honest solvers under all defences: entries redone, and runs in which drift was suspected or a stake lost. */
function honestRuns(ground: Ground, profile: Profile, stolen: Float32Array, runs: number) {
  const sum = { audited: 0, redone: 0, caught: 0 }
  for (let index = 1; index <= runs; index++) {
    const setting = {
      ground,
      profile,
      stolen,
      course: new Course(ground, BigInt(index)),
      random: randomOf('honest', index),
    }
    const found = audit(new Evidence(setting, stale(0)(setting)), ALL, hashOf('honest', index))
    sum.audited += found.audited
    sum.redone += found.redone
    if (found.caught !== undefined) sum.caught++
  }
  return sum
}

function blindZone(scene: Scene, runs: number) {
  const tau = scene.profile.limits.tau.relative.l2.value
  return BIASES.map((ofTau) => {
    const found = Array.from({ length: runs }, (_, index) => {
      const course = new Course(scene.ground, BigInt(index + 1))
      return entriesToDetect({ ...scene, course, random: randomOf('blind', ofTau, index) }, ofTau * tau)
    })
    const entries = found.sort((a, b) => a - b)[Math.floor(runs / 2)]!
    const seen = entries > MOST ? `not seen in ${MOST} replays` : `seen after ${entries} replays`
    say(`a bias of 1/${1 / ofTau} tau, ${(ofTau * tau).toPrecision(3)} of the update: ${seen}`)
    return { ofTau, ofUpdate: ofTau * tau, entries }
  })
}

const choice = ENGINE_CHOICES.find((name) => name === values.engine)
if (choice === undefined) throw new Error(`--engine is one of ${ENGINE_CHOICES.join(', ')}`)
const names = values.attacks?.split(',') ?? NAMES
const unknown = names.filter((name) => !NAMES.includes(name))
if (unknown.length > 0) throw new Error(`no attack ${unknown.join(', ')}; there are ${NAMES.join(', ')}`)
const started = performance.now()
const engine = await createExactEngine(choice)
try {
  const table = await tableOf(values.data ?? process.env['ASSAY_DATA'], shape.records)
  const ground = groundOf(engine, table, shape)
  const profile = profileOf(ground)
  const { tau, slash } = profile.limits
  const stolen = honest(ground, new Course(ground, 999_999n)).at(shape.entries)
  const scene = { ground, profile, stolen, seed: values.seed }
  say(
    `${table.about}; ${profile.entries} honest entries profiled: tau ${tau.relative.l2.value.toPrecision(3)} of the update`,
  )
  const { audited, redone, caught } = honestRuns(ground, profile, stolen, values.quick ? 5 : 50)
  say(`honest: ${redone} of ${audited} replayed entries redone, ${caught} runs caught`)

  say(`success in percent: none | ${DEFENCES.join(', ')} alone | all without each | all`)
  const rows: Row[] = []
  let successes = 0
  for (const name of names) {
    const row = rowOf(scene, name, SLOW.has(name) ? Math.ceil(tableTries / 5) : tableTries)
    rows.push(row)
    show(row)
    for (let index = 1; index <= tries; index++) if (tryOf(scene, name, index).succeeds(ALL)) successes++
  }
  const entriesToDetectBias = blindZone(scene, values.quick ? 1 : 3)
  report({
    name: 'pol-attacks',
    figures: {
      tries,
      successesWithDefences: successes,
      brokenWithoutDefences: rows.filter(({ none }) => none >= 0.5).length,
      honestEntries: audited,
      honestRedone: redone,
      honestCaught: caught,
      statedRate: profileLevel(shape).level.rate,
      tau: tau.relative.l2.value,
      slash,
      noise: profile.noise,
      usual: profile.usual.value,
      allowedBias: profile.bias,
      plainThreshold: profile.baseline.absolute,
      referenceDistance: profile.reference,
      seconds: (performance.now() - started) / 1000,
    },
    thresholds: {
      brokenWithoutDefences: { min: rows.length - SLOW.size },
      successesWithDefences: { max: 0 },
      honestCaught: { max: 0 },
      honestRedone: { max: Math.ceil(2 * profileLevel(shape).level.rate * audited) },
    },
    details: { data: table.about, engine: engine.name, attacks: rows, entriesToDetectBias },
  })
} finally {
  await engine.close()
}
