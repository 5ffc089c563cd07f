/**
 * Fusion: what `Builder.finish` does to a recorded graph before its root is taken. Deterministic, in a fixed order:
 * dead and repeated nodes go, copies are bypassed, and maps merge into the maps that consume them.
 *
 * A merged chain stores once: results between its operations are not made canonical, which differs from the unmerged
 * graph only where such a result is subnormal. The fused graph is the definition.
 */
import { type Arg, MAX_STRAIGHT } from '#arith/types.ts'
import { toHex } from '#proto/bytes.ts'
import { copyOf } from './primitive.ts'
import { primitive } from './primitives/index.ts'
import { MAX_OPERANDS, type MapAttrs } from './primitives/map.ts'
import { elementsOf, sameShape } from './shape.ts'
import { compact, Folder, inline, type MapBody } from './straight.ts'
import type { Graph, Node } from './types.ts'

/** A map of at most this many blocks that reads at most one full-size operand is computed again rather than stored. */
const CHEAP = 8

/** The graph with every node that no output needs dropped. */
function prune(graph: Graph): Graph {
  const first = graph.inputs.length
  const live = new Set(graph.outputs.map((port) => port.value))
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    if (live.has(first + i)) for (const id of (graph.nodes[i] as Node).inputs) live.add(id)
  }
  const moved: number[] = graph.inputs.map((_, id) => id)
  const nodes: Node[] = []
  for (const [i, node] of graph.nodes.entries()) {
    if (!live.has(first + i)) continue
    moved[first + i] = first + nodes.length
    nodes.push({ ...node, inputs: node.inputs.map((id) => moved[id] as number) })
  }
  return { ...graph, nodes, outputs: graph.outputs.map(({ name, value }) => ({ name, value: moved[value] as number })) }
}

/** Whether a node passes its only operand through unchanged, type and all. */
function isCopy(node: Node, operand: { dtype: string; shape: readonly number[] } | undefined): boolean {
  if (node.op !== 'map' || node.inputs.length !== 1 || !operand) return false
  const { program } = node.attrs as MapAttrs
  const [instr] = program
  const copies =
    program.length === 1 &&
    instr?.args[0]?.from === 'load' &&
    (instr.block === 'canon' || (instr.block === 'or' && instr.args[1]?.from === 'const' && instr.args[1].bits === 0))
  return copies && operand.dtype === node.type.dtype && sameShape(operand.shape, node.type.shape)
}

const attrsKeys = new WeakMap<object, string>()

/** Operation and attributes as text; computed once for each attributes object, which never changes. */
function attrsKey({ op, attrs }: Node): string {
  const known = attrsKeys.get(attrs as object)
  if (known?.startsWith(`${op} `)) return known
  const key = `${op} ${toHex(primitive(op).attrs.encode(attrs))}`
  attrsKeys.set(attrs as object, key)
  return key
}

/** Nodes equal in operation, attributes and operands become one; copies give way to what they copy. */
function dedupe(graph: Graph): Graph {
  const seen = new Map<string, number>()
  const first = graph.inputs.length
  const alias: number[] = graph.inputs.map((_, id) => id)
  const types = graph.inputs.map((port) => port.type)
  const nodes = graph.nodes.map((node, i) => {
    const inputs = node.inputs.map((id) => alias[id] as number)
    types.push(node.type)
    const id = first + i
    const key = `${inputs.join(' ')} ${attrsKey(node)}`
    const known = isCopy(node, types[inputs[0] ?? -1]) ? inputs[0] : seen.get(key)
    if (known === undefined) seen.set(key, id)
    alias.push(known ?? id)
    return { ...node, inputs }
  })
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: alias[value] as number }))
  return prune({ ...graph, nodes, outputs })
}

/** Operations that give a tensor of one repeated word from a tensor of one repeated word. */
const MOVES = ['reshape', 'transpose', 'slice']

/** The word of a map that is the same everywhere and reads nothing, or undefined. */
function constantOf({ op, attrs, inputs }: Node): number | undefined {
  if (op !== 'map' || inputs.length > 0) return undefined
  const { program } = attrs as MapAttrs
  const arg = program.length === 1 ? program[0]?.args[0] : undefined
  return arg?.from === 'const' ? arg.bits : undefined
}

/** Every map with its own program simplified, constants written into the programs that read them. */
function simplify(graph: Graph): Graph {
  const constants: (number | undefined)[] = graph.inputs.map(() => undefined)
  const nodes = graph.nodes.map((node) => {
    const moved = MOVES.includes(node.op) && constants[node.inputs[0] as number] !== undefined
    const simple = node.op === 'map' || moved ? simplifyMap(moved ? { ...node, op: 'map' } : node, constants) : node
    constants.push(constantOf(simple))
    return simple
  })
  return { ...graph, nodes }
}

/** A map, or a moved constant renamed to one. */
function simplifyMap(node: Node, constants: readonly (number | undefined)[]): Node {
  const { dtype, shape } = node.type
  const read = (n: number): Arg => {
    const word = constants[node.inputs[n] as number]
    return word === undefined ? { from: 'load', n } : { from: 'const', bits: word }
  }
  const program = (node.attrs as Partial<MapAttrs>).program ?? copyOf(dtype)
  const folder = new Folder()
  const value = folder.append(program, (arg) => (arg.from === 'load' ? read(arg.n) : arg))
  const body = compact({ program: folder.finish(value, dtype === 'f32'), inputs: node.inputs })
  const attrs: MapAttrs = { program: body.program, dtype, shape }
  return { ...node, attrs, inputs: body.inputs }
}

/** Merges maps into the maps that consume them. */
function mergeMaps(graph: Graph): Graph {
  const first = graph.inputs.length
  const nodes: Node[] = [...graph.nodes]
  const exported = new Set(graph.outputs.map((port) => port.value))
  const users: Set<number>[] = Array.from({ length: first + nodes.length }, () => new Set())
  for (const [i, node] of nodes.entries()) {
    for (const id of node.inputs) users[id]?.add(i)
  }
  const typeOf = (id: number) => (id < first ? graph.inputs[id]?.type : nodes[id - first]?.type)
  const bodyOf = (node: Node): MapBody => ({ program: (node.attrs as MapAttrs).program, inputs: node.inputs })

  const cheap = (node: Node) => {
    const full = node.inputs.filter((id) => sameShape(typeOf(id)?.shape ?? [], node.type.shape))
    return (node.attrs as MapAttrs).program.length <= CHEAP && full.length <= 1
  }

  /** The consumer with the producer merged in, or null if it does not fit. */
  const merge = (consumer: Node, producer: Node, id: number): Node | null => {
    if (consumer.op !== 'map') return null
    // A producer with operands is merged only at its own size: it would be computed again for each broadcast element.
    const [from, to] = [producer.type.shape, consumer.type.shape]
    if (producer.inputs.length > 0 && !sameShape(from, to)) return null
    const axis = (n: number): Arg =>
      from[n] === 1 ? { from: 'const', bits: 0 } : { from: 'axis', n: n + to.length - from.length }
    const attrs = consumer.attrs as MapAttrs
    const body = inline(bodyOf(consumer), id, bodyOf(producer), axis, attrs.dtype === 'f32')
    if (body.program.length > MAX_STRAIGHT || body.inputs.length > MAX_OPERANDS) return null
    return { ...consumer, attrs: { ...attrs, program: body.program }, inputs: body.inputs }
  }

  const absorb = (i: number): void => {
    const producer = nodes[i] as Node
    const id = first + i
    const consumers = [...(users[id] as Set<number>)].sort((a, b) => a - b)
    const constant = producer.inputs.length === 0
    const dies = !exported.has(id) && consumers.every((user) => nodes[user]?.op === 'map')
    if (!(dies && consumers.length === 1) && !(cheap(producer) && (dies || constant))) return
    const merged = consumers.map((user) => merge(nodes[user] as Node, producer, id))
    // All or nothing, unless the producer reads nothing: then each consumer gains by itself.
    if (!constant && merged.includes(null)) return
    for (const [k, node] of merged.entries()) {
      if (!node) continue
      const user = consumers[k] as number
      for (const old of (nodes[user] as Node).inputs) users[old]?.delete(user)
      nodes[user] = node
      for (const operand of node.inputs) users[operand]?.add(user)
    }
    // What was merged everywhere no longer reads its operands.
    if (dies && !merged.includes(null)) for (const operand of producer.inputs) users[operand]?.delete(i)
  }
  // Constants and coordinates first, ascending: what is computed from them alone becomes a constant in turn.
  for (let i = 0; i < nodes.length; i++) if (nodes[i]?.op === 'map' && nodes[i]?.inputs.length === 0) absorb(i)
  for (let i = nodes.length - 1; i >= 0; i--) if (nodes[i]?.op === 'map' && nodes[i]?.inputs.length !== 0) absorb(i)
  return prune({ ...graph, nodes })
}

/** The fused form of a graph whose node ids follow its inputs. The same graph always gives the same result. */
export function fuse(graph: Graph): Graph {
  let fused = simplify(dedupe(graph))
  // Each pass may leave fewer consumers to a node that an earlier pass had to keep.
  for (let before = Number.POSITIVE_INFINITY; fused.nodes.length < before; ) {
    before = fused.nodes.length
    fused = dedupe(mergeMaps(fused))
  }
  return fused
}

/** Words a graph's nodes store: what fusion reduces. */
export function storedWords(graph: Graph): number {
  return graph.nodes.reduce((sum, node) => sum + elementsOf(node.type.shape), 0)
}
