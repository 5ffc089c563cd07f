/** Who has won: the comparisons that end a game, each of words or hashes that openings prove (docs/spec/pinpoint.md, Evidence). */
import { microStep, runMicroStep, type Words } from '#arith/microstep.ts'
import type { Word } from '#arith/types.ts'
import { bytesEqual } from '#proto/bytes.ts'
import { check, fail } from '#proto/errors.ts'
import type { Hash } from '#proto/ids.ts'
import { hashTree } from '#proto/merkle.ts'
import { type Claim, chosen, type PhaseOf, phaseAt, type Shown, shown } from './claim.ts'
import { formulaWord, inputRule, resultLeaves, sumLeaves } from './inputs.ts'
import { nodeAt } from './node.ts'
import { sumCount, sumItem, totalItem } from './schedule.ts'
import { openHash, openTensorWord, openWordAt } from './tree.ts'
import type { Evidence, Opening, Player, Position } from './types.ts'

/** Most words that one block may need: three arguments, each through a chain of 32 gathers. */
const MAX_WORDS = 128

/**
 * The winner of a game at its end: the asserter if what the evidence opens is equal, else the challenger.
 * @throws bad-proof, bad-input or an error of the graph for evidence that is not authentic or not whole; wrong-state before the end
 */
export function prove(claim: Claim, position: Position, evidence: Evidence): Player {
  return holds(claim, position, evidence) ? 'asserter' : 'challenger'
}

function holds(claim: Claim, position: Position, evidence: Evidence): boolean {
  const { level, end, index, count } = position
  switch (level === 'end' ? end : undefined) {
    case 'rootAfter':
    case 'rootBefore':
      return rootHolds(shown(claim, evidence), position, openingsOf(evidence))
    case 'sum':
    case 'inbound':
      return sumHolds(shown(claim, evidence), position, openingsOf(evidence))
    case 'metric':
      return metricHolds(shown(claim, evidence), position, openingsOf(evidence))
    case 'input':
      return inputHolds(shown(claim, evidence), position, openingsOf(evidence))
    case 'export':
      return resultHolds(shown(claim, evidence), position, openingsOf(evidence))
    case 'word':
      return formulaHolds(shown(claim, evidence), position, openingsOf(evidence))
    case 'stored': {
      const next = inOrder(openingsOf(evidence), 1)
      return openWordAt(root(position, 'trace'), 4 * count, 4 * (count - 1), next()) === position.elementWord
    }
    case 'block':
      return blockResult(claim, position, evidence) === position.microWord
    default:
      return fail('wrong-state', `there is nothing to prove at index ${index} of the ${level}`)
  }
}

const openingsOf = (evidence: Evidence): readonly Opening[] => evidence.openings ?? []

/** Hands out exactly `count` openings, in order. @throws bad-proof for another number of them */
function inOrder(openings: readonly Opening[], count: number): () => Opening {
  check(openings.length === count, 'bad-proof', `${openings.length} openings, not ${count}`)
  let at = 0
  return () => openings[at++] as Opening
}

function root({ roots }: Position, of: 'items' | 'values' | 'trace'): Hash {
  return roots[of] ?? fail('wrong-state', `there is no root of ${of}`)
}

/** An export of the items: agreement with a field of the entry. */
function rootHolds({ entry, schedule }: Shown, position: Position, openings: readonly Opening[]): boolean {
  const next = inOrder(openings, 1)
  const after = position.end === 'rootAfter'
  const item = openHash(root(position, 'items'), schedule.count, after ? schedule.count - 1 : 0, next())
  return bytesEqual(item, after ? entry.rootAfter : entry.rootBefore)
}

/** A sum that the entry commits to: its own, or one that it has received. */
function sumHolds({ entry, schedule }: Shown, position: Position, openings: readonly Opening[]): boolean {
  const next = inOrder(openings, 2)
  const index = sumItem(schedule, position.index) ?? fail('wrong-state', 'the sum is no item of the entry')
  const item = openHash(root(position, 'items'), schedule.count, index, next())
  return bytesEqual(item, openHash(entry.lanesRoot, sumCount(schedule), position.index, next()))
}

function metricHolds({ entry, facts, schedule }: Shown, position: Position, openings: readonly Opening[]): boolean {
  const { gradients, metrics } = facts
  const next = inOrder(openings, 2 + metrics)
  const total = openHash(root(position, 'items'), schedule.count, totalItem(schedule, position.index), next())
  const leaves = Array.from({ length: metrics }, (_, j) => openHash(total, sumLeaves(facts), gradients + j, next()))
  return bytesEqual(hashTree(leaves), openHash(entry.metricsRoot, schedule.steps, position.index, next()))
}

/** A linked input: a leaf of an earlier result. */
function inputHolds(all: Shown, position: Position, openings: readonly Opening[]): boolean {
  const { item } = phaseAt(all, chosen(position, 'item'))
  const rule = inputRule(all.facts, item, chosen(position, 'value'))
  if (rule.kind !== 'linked') fail('wrong-state', 'the input is not linked')
  const { source, leaf, leaves } = rule
  const next = inOrder(openings, source === 'rootBefore' ? 1 : 2)
  const from =
    source === 'rootBefore'
      ? all.entry.rootBefore
      : openHash(root(position, 'items'), all.schedule.count, source, next())
  const found = openHash(from, leaves, leaf, next())
  return position.valueRoot !== undefined && bytesEqual(found, position.valueRoot)
}

/** An export of a phase: a leaf of the item is the value that the graph exports there. */
function resultHolds(all: Shown, position: Position, openings: readonly Opening[]): boolean {
  const { item, graph } = phaseAt(all, chosen(position, 'item'))
  const leaves = resultLeaves(all.facts, item)
  const next = inOrder(openings, 3)
  const leaf = openHash(position.itemHash ?? fail('wrong-state', 'no item was chosen'), leaves, position.index, next())
  const value = openWordAt(graph.exports, 4 * leaves, 4 * position.index, next())
  return bytesEqual(leaf, openHash(root(position, 'values'), graph.inputs + graph.nodes, value, next()))
}

/** A word of an input that a formula gives. */
function formulaHolds(all: Shown, position: Position, openings: readonly Opening[]): boolean {
  const { item } = phaseAt(all, chosen(position, 'item'))
  const rule = inputRule(all.facts, item, chosen(position, 'value'))
  if (rule.kind !== 'formula') fail('wrong-state', 'the input is linked')
  const next = inOrder(openings, rule.formula === 'records' ? 1 : 0)
  const data = rule.formula === 'records' ? next() : []
  return formulaWord(all.facts, item, rule.formula, chosen(position, 'element'), data) === position.elementWord
}

/** The result of the building block in dispute on the words that the evidence opens. */
function blockResult(claim: Claim, position: Position, evidence: Evidence): Word {
  const phase = phaseAt(shown(claim, evidence), chosen(position, 'item'))
  const { inputs, program } = nodeAt(phase.graph, chosen(position, 'value'), evidence)
  const { traced, operands } = openedWords(position, phase, inputs, evidence)
  return runMicroStep(microStep(program, chosen(position, 'element'), chosen(position, 'micro')), traced, operands)
}

/** The words that evidence opens: of the trace, and of each operand of a node with these inputs. */
function openedWords(
  position: Position,
  { graph }: PhaseOf,
  inputs: readonly number[],
  evidence: Evidence,
): { traced: Words; operands: readonly Words[] } {
  const words = evidence.words ?? []
  check(words.length <= MAX_WORDS, 'over-limit', `${words.length} words for one block, at most ${MAX_WORDS}`)
  const openings = words.reduce((sum, { traced }) => sum + (traced ? 1 : 2), 0)
  const next = inOrder(openingsOf(evidence), openings)
  const traced: Record<number, Word> = {}
  const operands = inputs.map((): Record<number, Word> => ({}))
  for (const word of words) {
    if (word.traced) {
      traced[word.index] = openWordAt(root(position, 'trace'), 4 * position.count, 4 * word.index, next())
      continue
    }
    const value = inputs[word.operand] ?? fail('bad-input', `the node has no operand ${word.operand}`)
    const tensor = openHash(root(position, 'values'), graph.inputs + graph.nodes, value, next())
    const into = operands[word.operand] as Record<number, Word>
    into[word.index] = openTensorWord(tensor, word.index, next())
  }
  return { traced, operands }
}
