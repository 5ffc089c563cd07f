/** What every input of every graph must be: linked to a result before it, or given by a formula (docs/spec/pinpoint.md, Values). */
import type { TensorType, Word } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import { DTYPE_CODE } from '#proto/merkle.ts'
import { recordIndex } from '#proto/permutation.ts'
import type { Item } from './schedule.ts'
import { LEAF_WORDS, openLeaf, openWordAt } from './tree.ts'
import type { Facts, Opening } from './types.ts'

export type Formula = 'initSeed' | 'dropoutSeed' | 'step' | 'position' | 'records'

export type InputRule =
  /** Leaf `leaf` of `leaves` of an earlier item, or of the entry's `rootBefore`. */
  | { readonly kind: 'linked'; readonly source: number | 'rootBefore'; readonly leaf: number; readonly leaves: number }
  | { readonly kind: 'formula'; readonly formula: Formula; readonly type: TensorType }

type Phase = Exclude<Item, { kind: 'inbound' }>

const SEED: TensorType = { dtype: 'u32', shape: [2] }
const STEP: TensorType = { dtype: 'u32', shape: [] }

/** Tensors of a gradient sum: gradients, then metrics. */
export const sumLeaves = (facts: Facts): number => facts.gradients + facts.metrics

/** Tensors that the result of a phase is the tree over, which is also the number of the phase's exports. */
export function resultLeaves(facts: Facts, item: Item): number {
  return item.kind === 'init' || item.kind === 'update' ? facts.state : sumLeaves(facts)
}

/** Records of a micro-batch. */
const recordsOf = (facts: Facts): number => facts.batch / facts.microBatches

/** The rule of input port `port` of the graph that `item` is the result of. @throws bad-input if it has no such port */
export function inputRule(facts: Facts, item: Item, port: number): InputRule {
  const rule = item.kind === 'inbound' ? undefined : ruleOf(facts, item, port)
  return rule ?? fail('bad-input', `${item.kind} has no input ${port}`)
}

function ruleOf(facts: Facts, item: Phase, port: number): InputRule | undefined {
  const { state } = facts
  const n = sumLeaves(facts)
  switch (item.kind) {
    case 'init':
      return port === 0 ? { kind: 'formula', formula: 'initSeed', type: SEED } : undefined
    case 'micro':
      return port < state ? linked(item.before, port, state) : microFormula(facts, port - state)
    case 'add':
      return linked(item.left, port, n) ?? linked(item.right, port - n, n)
    case 'update':
      if (port < state) return linked(item.before, port, state)
      return port === state ? { kind: 'formula', formula: 'step', type: STEP } : linked(item.total, port - state - 1, n)
  }
}

function linked(source: number | 'rootBefore', leaf: number, leaves: number): InputRule | undefined {
  return Number.isInteger(leaf) && leaf >= 0 && leaf < leaves ? { kind: 'linked', source, leaf, leaves } : undefined
}

function microFormula(facts: Facts, port: number): InputRule | undefined {
  const records = recordsOf(facts)
  const dtype = facts.dataDtype === DTYPE_CODE.u8 ? 'i32' : 'f32'
  const rules: readonly InputRule[] = [
    { kind: 'formula', formula: 'dropoutSeed', type: SEED },
    { kind: 'formula', formula: 'step', type: STEP },
    { kind: 'formula', formula: 'position', type: { dtype: 'u32', shape: [records] } },
    { kind: 'formula', formula: 'records', type: { dtype, shape: [records, facts.recordLength] } },
  ]
  return rules[port]
}

/** Global position of record `i` of the micro-batch behind a `micro` item. */
function positionOf(facts: Facts, item: Item, i: number): number {
  if (item.kind !== 'micro') fail('bad-input', `${item.kind} reads no records`)
  return item.step * facts.batch + item.microBatch * recordsOf(facts) + i
}

/** Element of the data set that element `e` of `records` is. */
export function dataElement(facts: Facts, item: Item, e: number): number {
  const position = positionOf(facts, item, Math.floor(e / facts.recordLength))
  return recordIndex(facts.orderSeed, position, facts.trainRecords) * facts.stride + (e % facts.recordLength)
}

/** Element `index` of the data set as a word: a byte becomes an integer. */
function dataWord(facts: Facts, index: number, opening: Opening): Word {
  if (facts.dataDtype !== DTYPE_CODE.u8) return openWordAt(facts.dataRoot, facts.dataSize, 4 * index, opening)
  const leaf = openLeaf(facts.dataRoot, facts.dataSize, index, opening)
  return leaf[index % (4 * LEAF_WORDS)] ?? fail('bad-input', `the data set has no element ${index}`)
}

/**
 * Word `e` of an input that a formula gives.
 * @param data for `records`: the opening of the leaf of the data set that holds the word
 * @throws bad-proof, bad-input
 */
export function formulaWord(facts: Facts, item: Item, formula: Formula, e: number, data: Opening = []): Word {
  switch (formula) {
    case 'initSeed':
    case 'dropoutSeed':
      return facts[formula][e] ?? fail('bad-input', `a seed has no word ${e}`)
    case 'step':
      return item.step
    case 'position':
      return positionOf(facts, item, e)
    case 'records':
      return dataWord(facts, dataElement(facts, item, e), data)
  }
}
