/** Reverse-mode differentiation: the gradient of a graph as more graph. */
import { fail } from '#proto/errors.ts'
import type { Builder, Value } from './builder.ts'
import { ELEMENTWISE, type Elementwise } from './elementwise.ts'
import { primitive } from './primitives/index.ts'
import type { PadAttrs } from './primitives/move.ts'
import { sameShape, showType } from './shape.ts'

/** Ids of the values that `loss` needs and that depend on one of `wrt`. */
function between(b: Builder, loss: Value, wrt: readonly Value[]): Set<number> {
  const roots = new Set(wrt.map((value) => value.id))
  const depends: boolean[] = []
  for (let id = 0; id <= loss.id; id++) {
    depends.push(roots.has(id) || (b.definition(id).node?.inputs.some((input) => depends[input]) ?? false))
  }
  const found = new Set<number>()
  const pending = depends[loss.id] ? [loss.id] : []
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    if (found.has(id)) continue
    found.add(id)
    for (const input of b.definition(id).node?.inputs ?? []) if (depends[input]) pending.push(input)
  }
  return found
}

/** The gradients of one node's operands, each in its operand's shape. */
function pullBack(b: Builder, id: number, grad: Value): readonly (Value | null)[] {
  const { node, elementwise } = b.definition(id)
  if (!node) return []
  const ins = node.inputs.map((input) => b.value(input))
  const out = b.value(id)
  if (!elementwise) return primitive(node.op).vjp?.(b, node.attrs, ins, out, grad) ?? ins.map(() => null)
  const rule: Elementwise = ELEMENTWISE[elementwise]
  const grads = rule.vjp?.(b, ins, out, grad) ?? []
  return ins.map((x, i) => {
    const g = grads[i]
    return g ? b.sumTo(g, x.type.shape) : null
  })
}

/**
 * Gradients that are padded slices lying side by side along one axis become one concatenation instead of a sum of
 * mostly zeros: what splitting a value into parts leaves behind.
 */
function joinSlices(b: Builder, parts: readonly Value[]): Value | null {
  const pads = parts.map((part) => {
    const { node } = b.definition(part.id)
    return node?.op === 'pad' ? { attrs: node.attrs as PadAttrs, source: b.value(node.inputs[0] as number) } : null
  })
  const [first] = pads
  if (!first || pads.length < 2) return null
  const axis = first.attrs.low.findIndex((low, i) => low + (first.attrs.high[i] as number) > 0)
  const placed = pads.flatMap((part) => {
    if (part?.attrs.fill !== 0) return []
    const { low, high } = part.attrs
    const elsewhere = low.some((size, i) => i !== axis && size + (high[i] as number) > 0)
    return elsewhere ? [] : [{ start: low[axis] as number, source: part.source }]
  })
  placed.sort((x, y) => x.start - y.start)
  let end = 0
  for (const { start, source } of placed) {
    if (start !== end) return null
    end += source.type.shape[axis] as number
  }
  if (placed.length !== parts.length || end !== parts[0]?.type.shape[axis]) return null
  return b.concat(
    placed.map(({ source }) => source),
    axis,
  )
}

/** The sum of what the consumers of a value contributed, in the order they were found. */
function total(b: Builder, parts: readonly Value[]): Value | undefined {
  const joined = joinSlices(b, parts)
  if (joined) return joined
  return parts.length === 0 ? undefined : parts.slice(1).reduce((sum, part) => b.add(sum, part), parts[0] as Value)
}

/**
 * Gradients of a scalar f32 `loss` with respect to `wrt`, in their order and shapes; zeros where nothing flows.
 * @throws bad-shape if the loss is not f32[]
 */
export function gradients(b: Builder, loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.type.dtype !== 'f32' || !sameShape(loss.type.shape, [])) {
    fail('bad-shape', `a loss is f32[], got ${showType(loss.type)}`)
  }
  const wanted = between(b, loss, wrt)
  const parts = new Map<number, Value[]>([[loss.id, [b.constant(1)]]])
  const done = new Map<number, Value>()
  // Consumers have larger ids than what they consume, so descending ids meet every contribution first.
  for (const id of [...wanted].sort((x, y) => y - x)) {
    const grad = total(b, parts.get(id) ?? [])
    if (!grad) continue
    done.set(id, grad)
    for (const [i, part] of pullBack(b, id, grad).entries()) {
      const input = b.definition(id).node?.inputs[i] as number
      if (!part || !wanted.has(input)) continue
      const known = parts.get(input)
      if (known) known.push(part)
      else parts.set(input, [part])
    }
  }
  return wrt.map((value) => done.get(value.id) ?? b.constant(0, 'f32', value.type.shape))
}
