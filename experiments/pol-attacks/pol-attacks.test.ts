/** Plain proof of learning is broken as published; each attack fails where it should, and honest solvers never. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createExactEngine } from '#engine/conformance/exact.ts'
import type { Engine } from '#engine/types.ts'
import { stale } from './attacks/lazy.ts'
import { audit, Evidence } from './audit.ts'
import { entriesToDetect } from './blind.ts'
import { tableOf } from './data.ts'
import { ALL, type Defence, NONE, only } from './defences.ts'
import { looksInitial } from './initial.ts'
import { Course, groundOf, HIDDEN, QUICK } from './job.ts'
import { honest, profileOf } from './profile.ts'
import { hashOf, randomOf } from './random.ts'
import { type Scene, tryOf } from './trial.ts'

let engine: Engine
let scene: Scene

beforeAll(async () => {
  engine = await createExactEngine('auto')
  const ground = groundOf(engine, await tableOf(undefined, QUICK.records), QUICK)
  const profile = profileOf(ground, { level: { rate: 0.05, confidence: 0.7 }, runs: 2 })
  const stolen = honest(ground, new Course(ground, 99n)).at(QUICK.entries)
  scene = { ground, profile, stolen, seed: 'test' }
})
afterAll(() => engine.close())

const settingOf = (index: number) => {
  return { ...scene, course: new Course(scene.ground, BigInt(index)), random: randomOf('test', index) }
}

test.each([['none', NONE] as const, ['all', ALL] as const])(
  'honest work passes, with %s of the defences',
  (_, defences) => {
    const setting = settingOf(1)
    const { caught, audited, redone } = audit(new Evidence(setting, stale(0)(setting)), defences, hashOf('seed'))
    expect(caught).toBeUndefined()
    expect(audited).toBeGreaterThanOrEqual(QUICK.entries / 10)
    expect(redone).toBeLessThanOrEqual(audited / 10)
  },
)

describe('attacks', () => {
  test.each<[string, number, Defence]>([
    ['infinitesimal', 0.1, 'relative'],
    ['infinitesimal', 0.1, 'length'],
    ['blindfold-top-q', 0.5, 'random'],
    ['top-q-conforming', 0.5, 'random'],
    ['interpolation', 0.3, 'random'],
    ['stale', 0.6, 'random'],
    ['less-data', 0.3, 'order'],
    ['index-swapping', 1, 'order'],
    ['substitution', 1, 'order'],
    ['little-less-data', 0.97, 'order'],
  ])('%s, at %d of the cost, breaks plain proof of learning; %s alone stops it', (name, cost, defence) => {
    const one = tryOf(scene, name, 1)
    expect(one.succeeds(NONE)).toBe(true)
    expect(one.cost()).toBeLessThanOrEqual(cost)
    expect(one.succeeds(only(defence))).toBe(false)
    expect(one.succeeds(ALL)).toBe(false)
  })

  test('a bias just under the threshold passes every distance; drift finds it, and so does excess', () => {
    const one = tryOf(scene, 'bias', 1)
    const but = (...left: Defence[]) => new Set([...ALL].filter((defence) => !left.includes(defence)))
    expect(one.succeeds(but('drift', 'excess'))).toBe(true)
    expect(one.succeeds(but('excess'))).toBe(false)
    expect(one.succeeds(but('drift'))).toBe(false)
  })

  test('rare cheating pays until it costs a deposit', () => {
    const one = tryOf(scene, 'stale-rare', 1)
    expect(one.succeeds(new Set([...ALL].filter((defence) => defence !== 'deposit')))).toBe(true)
    expect(one.succeeds(ALL)).toBe(false)
  })
})

test('a bias of half of tau is seen, and honest noise is not', () => {
  const tau = scene.profile.limits.tau.relative.l2.value
  expect(entriesToDetect(settingOf(2), tau / 2, 240)).toBeLessThan(150)
  expect(entriesToDetect(settingOf(2), 0, 240)).toBe(241)
})

test('trained weights do not look initial', () => {
  const { ground, stolen } = scene
  const { sizes } = ground.exact
  expect(looksInitial(settingOf(3).course.start, sizes, HIDDEN)).toBe(true)
  expect(looksInitial(stolen, sizes, HIDDEN)).toBe(false)
})
