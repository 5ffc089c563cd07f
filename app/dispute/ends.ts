/** What the end of a game compared: the two things that had to be equal, and of a building block its operands. */
import { microStep, runMicroStep, type Words } from '#arith/microstep.ts'
import type { Source, TensorType, Word } from '#arith/types.ts'
import { inputRule } from '#pinpoint/inputs.ts'
import { graphOf, itemAt, sumItem, totalItem } from '#pinpoint/schedule.ts'
import { LEAF_WORDS, readHeader, wordOf } from '#pinpoint/tree.ts'
import type { End, Evidence } from '#pinpoint/types.ts'
import type { Hex } from '#proto/terms.ts'
import { elementText, inputText, type NodeText, type Open, typeOfValue } from './places.ts'
import { bitsText, differingBits, readingOf, signatureOf, type WordText, wordText } from './words.ts'

export interface Operand extends WordText {
  /** Where the word comes from. */
  readonly from: string
}

/** A building block with the words that were opened for it. */
export interface BlockReport {
  readonly block: string
  readonly operands: readonly Operand[]
  /** Its result on these words, computed here. */
  readonly result: WordText
}

export interface EndReport {
  readonly end: End
  /** What the two things are that must be equal. */
  readonly compares: readonly [string, string]
  /** What the chain compared: hashes, or words as integers. */
  readonly left: Hex
  readonly right: Hex
  /** Where words were compared: both, and the bits in which they differ, from 0, the lowest. */
  readonly words: {
    readonly computed: WordText
    readonly stated: WordText
    readonly bits: readonly number[]
    readonly xor: Hex
  } | null
  /** Of end `block`, if the evidence is at hand. */
  readonly block: BlockReport | null
}

/** Where a game stood when it came to its end. */
export interface Endpoint {
  readonly end: End
  readonly open: Open | undefined
  readonly node: NodeText | undefined
  readonly index: number
  readonly item: number | undefined
  readonly value: number | undefined
  readonly element: number | undefined
}

/** Ends that compare words; the others compare hashes. */
const OF_WORDS: readonly End[] = ['word', 'stored', 'block']

/** @param evidence of the proof, if its calldata is at hand */
export function endReport(at: Endpoint, left: Hex, right: Hex, evidence: Evidence | undefined): EndReport {
  const { end, node, element, index } = at
  const proven = end === 'block' && node !== undefined && element !== undefined && evidence !== undefined
  const block = proven ? blockReport(node, element, index, evidence) : null
  const words = OF_WORDS.includes(end) ? wordsOf(at, left, right) : null
  return { end, compares: comparedBy(at), left, right, words, block }
}

function wordsOf(at: Endpoint, left: Hex, right: Hex): EndReport['words'] {
  const { end, open, node, item = 0, value = 0, element, index } = at
  const [computed, stated] = [Number(BigInt(left)), Number(BigInt(right))]
  let reading = readingOf(typeOfValue(open, item, value, node)?.dtype ?? 'u32')
  if (end === 'block' && node !== undefined && element !== undefined) {
    const { block, args } = microStep(node.program, element, index)
    reading = signatureOf(block, args.length, reading).result
  }
  return {
    computed: wordText(computed, reading),
    stated: wordText(stated, reading),
    bits: differingBits(computed, stated),
    xor: bitsText((computed ^ stated) >>> 0),
  }
}

function comparedBy({ end, open, index, item = 0, value = 0, element = 0 }: Endpoint): [string, string] {
  const step = (leaf: number): string =>
    open === undefined ? `step ${leaf} of the entry` : `step ${open.entry.stepFrom + leaf}`
  const numbered = (of: typeof sumItem): string => (open === undefined ? 'an item' : `item ${of(open.schedule, index)}`)
  const sum = (leaf: number): string => {
    const sums = open?.schedule.sums ?? 1
    return `sum ${leaf % sums} of ${step(Math.floor(leaf / sums))}`
  }
  switch (end) {
    case 'rootAfter':
      return ['the last item', "the entry's rootAfter"]
    case 'rootBefore':
      return ['the initial state, item 0', "the entry's rootBefore"]
    case 'sum':
    case 'inbound':
      return [`${numbered(sumItem)}, ${sum(index)}`, 'what lanesRoot says of it']
    case 'metric':
      return [`the metrics in ${numbered(totalItem)}, the total`, `what metricsRoot says of ${step(index)}`]
    case 'input':
      return [
        open === undefined ? 'its source' : inputText(open.facts, itemAt(open.schedule, item), value),
        `value ${value}`,
      ]
    case 'export':
      return [`tensor ${index} of item ${item}`, 'the value that the graph exports there']
    case 'word':
      return [formulaText(open, item, value), `word ${element} of value ${value}`]
    case 'stored':
      return ['the last word of the trace', `word ${element} of value ${value}`]
    case 'block':
      return ['the chain computes', 'the asserter says']
  }
}

function formulaText(open: Open | undefined, item: number, value: number): string {
  if (open === undefined || graphOf(itemAt(open.schedule, item)) === undefined) return 'what its formula gives'
  const rule = inputRule(open.facts, itemAt(open.schedule, item), value)
  return rule.kind === 'formula' ? `what '${rule.formula}' gives` : 'its source'
}

/** Words that evidence opens, by where they are. They are read out of the leaves alone: the chain has checked the way there. */
function openedWords(
  node: NodeText,
  { words = [], openings = [] }: Evidence,
): { traced: Words; operands: Words[]; types: (TensorType | undefined)[] } {
  const traced: Record<number, Word> = {}
  const operands = node.inputs.map((): Record<number, Word> => ({}))
  const types: (TensorType | undefined)[] = []
  let next = 0
  for (const { traced: own, operand, index } of words) {
    const opening = openings[own ? next : next + 1] ?? []
    next += own ? 1 : 2
    const leaf = opening.at(-1)
    if (leaf === undefined) continue
    const word = wordOf(leaf, index % LEAF_WORDS)
    const into = own ? traced : operands[operand]
    if (into !== undefined) into[index] = word
    if (!own && opening[0] !== undefined) types[operand] = readHeader(opening[0].subarray(0, -32))
  }
  return { traced, operands, types }
}

/** @throws AssayError `bad-input` for evidence that lacks a word, `bad-proof` for openings that are none */
export function blockReport(node: NodeText, element: number, t: number, evidence: Evidence): BlockReport {
  const step = microStep(node.program, element, t)
  const { traced, operands, types } = openedWords(node, evidence)
  const { args, result } = signatureOf(step.block, step.args.length, readingOf(node.type.dtype))
  const shown = step.args.map((source, i): Operand => {
    const { word, from } = resolve(source, node, traced, operands, types)
    return { ...wordText(word, args[i] ?? 'u32'), from }
  })
  return { block: step.block, operands: shown, result: wordText(runMicroStep(step, traced, operands), result) }
}

interface Resolved {
  readonly word: Word
  readonly from: string
}

function resolve(
  source: Source,
  node: NodeText,
  traced: Words,
  operands: readonly Words[],
  types: readonly (TensorType | undefined)[],
): Resolved {
  if (source.at === 'const') return { word: source.bits, from: 'constant' }
  if (source.at === 'trace') return { word: traced[source.index] ?? 0, from: `word ${source.index} of the trace` }
  const { operand, element, via } = source
  const value = `value ${node.inputs[operand]}`
  if (via === undefined)
    return { word: operands[operand]?.[element] ?? 0, from: placeIn(value, element, types[operand]) }
  const { word: at } = resolve(via.index, node, traced, operands, types)
  if (at >= via.limit) return { word: via.fill, from: `nothing: index ${at} is beyond ${value}` }
  const index = element + via.stride * at
  return { word: operands[operand]?.[index] ?? 0, from: `${placeIn(value, index, types[operand])}, gathered` }
}

const placeIn = (value: string, index: number, type: TensorType | undefined): string =>
  type === undefined ? `word ${index} of ${value}` : `${value} ${elementText(index, type)}`
