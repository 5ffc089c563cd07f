/** Where a game has gone, in words: items, values, elements and words of traces by what they are. */

import { decodeProgram } from '#arith/encode.ts'
import { layout } from '#arith/layout.ts'
import { microStep } from '#arith/microstep.ts'
import type { ElementProgram, TensorType, Word } from '#arith/types.ts'
import { decodeNode } from '#graph/encode.ts'
import { showType } from '#graph/shape.ts'
import { inputRule } from '#pinpoint/inputs.ts'
import { graphOf, type Item, itemAt, itemExport, type Schedule } from '#pinpoint/schedule.ts'
import type { End, Facts, Level } from '#pinpoint/types.ts'
import type { Entry } from '#proto/entry.ts'
import { readingOf, signatureOf, type WordText, wordText } from './words.ts'

/** A claim laid open, as far as its moves show it. */
export interface Open {
  readonly entry: Entry
  readonly facts: Facts
  readonly schedule: Schedule
}

/** The node behind a value, as evidence shows it. */
export interface NodeText {
  readonly op: string
  readonly type: TensorType
  /** Numbers of the values that are its operands. */
  readonly inputs: readonly number[]
  readonly program: ElementProgram
}

/** The choice of an item of a list, or of an export behind it. */
export interface Place {
  readonly level: Exclude<Level, 'end'>
  readonly index: number
  /** Items of the list; null where nothing shows it. */
  readonly count: number | null
  /** What the item is, as far as the moves show it. */
  readonly text: string
  /** What the asserter says that a word is. */
  readonly says?: WordText
}

/** @throws AssayError for bytes that are no node */
export function readNode(bytes: Uint8Array): NodeText {
  const { node, element } = decodeNode(bytes)
  return { op: node.op, type: node.type, inputs: node.inputs, program: decodeProgram(element) }
}

export function itemText(open: Open, index: number): string {
  const item = itemAt(open.schedule, index)
  switch (item.kind) {
    case 'init':
      return 'the initial state'
    case 'micro':
      return `step ${item.step}, micro-batch ${item.microBatch}`
    case 'add':
      return `step ${item.step}, the sum of items ${item.left} and ${item.right}`
    case 'inbound':
      return `step ${item.step}, sum ${item.sum} of those that replicas exchange`
    case 'update':
      return `step ${item.step}, the state after it`
  }
}

/** Where the items must agree with the entry. */
export function exportText(open: Open, n: number): string {
  const { end } = itemExport(open.schedule, n)
  return `the entry's ${{ rootAfter: 'rootAfter', rootBefore: 'rootBefore', sum: 'lanesRoot', metric: 'metricsRoot' }[end]}`
}

/** A hash of the list that an export leads to. */
export function resultText(open: Open | undefined, end: End | null, item: number, index: number): string {
  if (end === 'export') return `tensor ${index} of item ${item}`
  return open === undefined ? '' : `step ${open.entry.stepFrom + index}`
}

/** The input port or the node behind a value. */
export function valueText(open: Open | undefined, item: number, value: number, node: NodeText | undefined): string {
  if (node !== undefined)
    return `${node.op}(${node.inputs.map((id) => `value ${id}`).join(', ')}): ${showType(node.type)}`
  if (open === undefined) return ''
  const at = itemAt(open.schedule, item)
  const graph = graphOf(at)
  if (graph === undefined || value >= open.facts[graph].inputs) return ''
  return `an input, ${inputText(open.facts, at, value)}`
}

/** The type of a value: of a node as it is shown, of an input that a formula gives by its rule. */
export function typeOfValue(
  open: Open | undefined,
  item: number,
  value: number,
  node: NodeText | undefined,
): TensorType | undefined {
  if (node !== undefined || open === undefined) return node?.type
  const rule = inputRule(open.facts, itemAt(open.schedule, item), value)
  return rule.kind === 'formula' ? rule.type : undefined
}

/** What an input port of a phase must be. */
export function inputText(facts: Facts, item: Item, port: number): string {
  const rule = inputRule(facts, item, port)
  if (rule.kind === 'formula') return rule.formula
  return `tensor ${rule.leaf} of ${rule.source === 'rootBefore' ? 'the state before the entry' : `item ${rule.source}`}`
}

function coordinatesOf(index: number, shape: readonly number[]): number[] {
  const found: number[] = []
  let rest = index
  for (const size of [...shape].reverse()) {
    found.unshift(rest % size)
    rest = Math.floor(rest / size)
  }
  return found
}

/** `[3, 17] of f32[64,128]`; of a scalar its type alone. */
export function elementText(index: number, type: TensorType): string {
  if (type.shape.length === 0) return showType(type)
  return `[${coordinatesOf(index, type.shape).join(', ')}] of ${showType(type)}`
}

/** The block whose result is a word of a trace, and where in the computation it is. */
export function blockText({ program }: NodeText, element: number, t: number): string {
  return `${microStep(program, element, t).block}, ${partOf(program, t)}`
}

function partOf(program: ElementProgram, t: number): string {
  const { levels, finish, length } = layout(program)
  if (t === length - 1 && program.out.dtype === 'f32') return 'the canonical result'
  if (t >= finish)
    return `instruction ${t - finish} of ${program.finish.length}${levels.length === 0 ? '' : ' after the loop'}`
  const depth = levels.findLastIndex((level) => t >= level.folds)
  const level = levels[depth]
  if (level === undefined) return 'the quantised contraction'
  if (t >= level.joins) return `join ${Math.floor((t - level.joins) / Math.max(1, program.join.length))}`
  const position = Math.floor((t - level.folds) / level.foldLength)
  const what = depth === 0 ? 'position' : 'block'
  return `${what} ${position} of ${level.count}`
}

/** What the asserter says that a word of a trace is. */
export function tracedText({ program, type }: NodeText, element: number, t: number, word: Word): WordText {
  const { block, args } = microStep(program, element, t)
  return wordText(word, signatureOf(block, args.length, readingOf(type.dtype)).result)
}
