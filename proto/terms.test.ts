import { expect, test } from 'vitest'
import { ALWAYS, sampleRate } from '#proto/draw.ts'
import { PRESETS, presetOf } from '#proto/presets.ts'
import { createTerms, minimumClaimStake, quote } from '#proto/terms.ts'
import { sampleJob } from '#proto/testing.ts'

const { devnet } = PRESETS
const FACTS = new Uint8Array(32).fill(0xfa)

test('terms carry the job and cost what the contract asks', () => {
  const spec = sampleJob()
  const terms = createTerms(spec, devnet, FACTS)
  expect(terms).toMatchObject({ steps: 12, entrySteps: 2, entriesPerWindow: 2, replicas: 2, depth: 2 })
  expect(terms.dataRoot).toBe(`0x${'da'.repeat(32)}`)
  // 6 slots of 2 * (1 + 0.5) and 3 windows of 1 milliether
  expect(quote(terms).escrow).toBe(21n * 10n ** 15n)
  // depth 2: twice two windows of 2 slots at 3 milliether and a fee, and a game at 2 milliether
  expect(terms.claimStake).toBe(32n * 10n ** 15n)
  expect(quote(terms)).toMatchObject({
    solverStake: terms.claimStake * 5n,
    verifierStake: devnet.prices.verdictStake * 8n,
  })
})

test('rare sampling makes claims dear', () => {
  const rare = createTerms(sampleJob({ policy: { sampleRate: sampleRate(1 / 64) } }), devnet, FACTS)
  expect(rare.claimStake).toBe(128n * 10n ** 15n)
  expect(minimumClaimStake({ ...rare, sampleRate: ALWAYS })).toBe(32n * 10n ** 15n)
})

test('terms that the contract would refuse are refused here', () => {
  const spec = sampleJob()
  const { prices, periods } = devnet
  expect(() => createTerms(sampleJob({ policy: { sampleRate: 0n } }), devnet, FACTS)).toThrow('sample rate')
  expect(() => createTerms(spec, { prices: { ...prices, entryPrice: 0n }, periods }, FACTS)).toThrow('entryPrice')
  expect(() => createTerms(spec, { prices, periods: { ...periods, revealPeriod: 0 } }, FACTS)).toThrow('revealPeriod')
  expect(() => createTerms(spec, { prices, periods: { ...periods, jobPeriod: 15 } }, FACTS)).toThrow('jobPeriod')
  expect(() => createTerms(spec, devnet, FACTS, { claimStake: 1n })).toThrow('below the least')
  expect(() => createTerms(sampleJob({ policy: { sampleRate: 1n } }), devnet, FACTS)).toThrow('2^96-1')
})

test('presets are known by name and frozen', () => {
  expect(presetOf('testnet')).toBe(PRESETS.testnet)
  expect(() => presetOf('toString')).toThrow('no preset')
  expect(() => Object.assign(devnet.periods, { bidPeriod: 1 })).toThrow()
  expect(() => Object.assign(devnet, { name: 'x' })).toThrow()
  for (const preset of Object.values(PRESETS)) createTerms(sampleJob(), preset, FACTS)
})
