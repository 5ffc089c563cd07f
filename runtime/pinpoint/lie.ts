/** A false statement, at its best: one bit is wrong in one place, and all that follows is computed from it. */
import { microStep, runMicroStep } from '#arith/microstep.ts'
import { trace } from '#arith/trace.ts'
import type { ElementProgram } from '#arith/types.ts'
import { typeOf } from '#graph/part.ts'
import { elementOf } from '#graph/primitives/index.ts'
import type { Graph, Node } from '#graph/types.ts'
import type { PhaseRunner, Runner, Words } from './runner.ts'

/** Where the bit is. */
export interface Lie {
  readonly item: number
  /** Of the item's graph: an input, or a node. */
  readonly value: number
  readonly element: number
  /** Of a node: the word of the element's trace. */
  readonly micro?: number
  /** 0..31. */
  readonly bit: number
}

/** Computes everything as it should, but for one bit. */
export class LyingRunner implements PhaseRunner {
  readonly #runner: Runner
  readonly #lie: Lie
  /** Graphs whose false value is an input. */
  readonly #cuts = new WeakMap<Graph, Cut>()
  /** The false value, once it was computed. */
  #false: Words | undefined

  constructor(runner: Runner, lie: Lie) {
    this.#runner = runner
    this.#lie = lie
  }

  run(graph: Graph, inputs: readonly Words[], item?: number): Words[] {
    if (item !== this.#lie.item) return this.#runner.run(graph, inputs)
    const cut = this.#cut(graph)
    return this.#runner.run(cut.graph, this.#inputs(graph, inputs))
  }

  select(graph: Graph, inputs: readonly Words[], ids: readonly number[], item?: number): Words[] {
    if (item !== this.#lie.item) return this.#runner.select(graph, inputs, ids)
    const { graph: cut, number } = this.#cut(graph)
    return this.#runner.select(cut, this.#inputs(graph, inputs), ids.map(number))
  }

  visit(graph: Graph, inputs: readonly Words[], visit: (id: number, words: Words) => void, item?: number): void {
    const { value } = this.#lie
    const own = graph.inputs.length
    const here = item === this.#lie.item
    const changed = here ? this.#inputs(graph, inputs) : inputs
    if (!here || value < own) {
      this.#runner.visit(graph, changed, visit)
      return
    }
    // Among the inputs of the cut graph the false value comes last; it is shown in its place.
    let next = 0
    const show = (words: Words): void => visit(next++, words)
    this.#runner.visit(this.#cut(graph).graph, changed, (id, words) => {
      if (id === own) return
      if (next === value) show(changed[own] as Words)
      show(words)
    })
    if (next === value) show(changed[own] as Words)
  }

  trace(program: ElementProgram, operands: readonly Words[], element: number, item: number, value: number): Words {
    const lie = this.#lie
    const hit = item === lie.item && value === lie.value && element === lie.element
    return hit && lie.micro !== undefined
      ? falseTrace(program, operands, element, lie.micro, lie.bit)
      : trace(program, operands, element)
  }

  #cut(graph: Graph): Cut {
    const known = this.#cuts.get(graph)
    if (known !== undefined) return known
    const made = cut(graph, this.#lie.value)
    this.#cuts.set(graph, made)
    return made
  }

  /** Inputs of the cut graph. */
  #inputs(graph: Graph, inputs: readonly Words[]): Words[] {
    const { value, element, bit, micro = 0 } = this.#lie
    const own = graph.inputs.length
    if (value < own) return inputs.map((words, i) => (i === value ? flipped(words, element, bit) : words))
    if (this.#false === undefined) {
      const node = graph.nodes[value - own] as Node
      const [words, ...operands] = this.#runner.select(graph, inputs, [value, ...node.inputs]) as [Words, ...Words[]]
      const program = elementOf(
        node,
        node.inputs.map((id) => typeOf(graph, id)),
      )
      this.#false = words.slice()
      this.#false[element] = falseTrace(program, operands, element, micro, bit).at(-1) as number
    }
    return [...inputs, this.#false]
  }
}

interface Cut {
  readonly graph: Graph
  /** Number of a value in the cut graph. */
  readonly number: (id: number) => number
}

/** The graph with the result of a node as one more input. An input may be changed as it is. */
function cut(graph: Graph, value: number): Cut {
  const own = graph.inputs.length
  if (value < own) return { graph, number: (id) => id }
  const number = (id: number): number => {
    if (id === value) return own
    return id < own || id > value ? id : id + 1
  }
  const nodes = graph.nodes.filter((_, i) => own + i !== value)
  const cutGraph: Graph = {
    name: graph.name,
    inputs: [...graph.inputs, { name: `value${value}`, type: typeOf(graph, value) }],
    nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(number) })),
    outputs: graph.outputs.map((output) => ({ ...output, value: number(output.value) })),
  }
  return { graph: cutGraph, number }
}

function flipped(words: Words, element: number, bit: number): Words {
  const changed = words.slice()
  changed[element] = ((changed[element] as number) ^ (1 << bit)) >>> 0
  return changed
}

/** A trace with one bit flipped in word `micro`, and every later block run on what is before it. */
function falseTrace(
  program: ElementProgram,
  operands: readonly Words[],
  element: number,
  micro: number,
  bit: number,
): Words {
  const words = flipped(trace(program, operands, element), micro, bit)
  for (let t = micro + 1; t < words.length; t++) {
    words[t] = runMicroStep(microStep(program, element, t), words, operands)
  }
  return words
}
