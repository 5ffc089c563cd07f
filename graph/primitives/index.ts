/** The closed set of primitives: every node of a step graph names one of these. Codes are never reused. */
import type { ElementProgram, TensorType } from '#arith/types.ts'
import { fail } from '#proto/errors.ts'
import type { PrimitiveDef } from '../primitive.ts'
import { concat } from './concat.ts'
import { map } from './map.ts'
import { matmul } from './matmul.ts'
import { pad, reshape, slice, transpose } from './move.ts'
import { reduce } from './reduce.ts'
import { gather, scatterAdd } from './rows.ts'
import { fold, window } from './window.ts'

const ALL = [map, matmul, reduce, reshape, transpose, slice, pad, concat, gather, scatterAdd, window, fold]

/** All primitives in the order of their codes. A node's `attrs` is what its own primitive expects. */
export const PRIMITIVES = ALL as unknown as readonly PrimitiveDef<unknown>[]

const byName = new Map(PRIMITIVES.map((primitive) => [primitive.name, primitive]))
const byCode = new Map(PRIMITIVES.map((primitive) => [primitive.code, primitive]))

/** @throws bad-graph if there is no primitive of that name */
export function primitive(name: string): PrimitiveDef<unknown> {
  return byName.get(name) ?? fail('bad-graph', `there is no primitive '${name}'`)
}

/** @throws bad-encoding if there is no primitive with that code */
export function primitiveOfCode(code: number): PrimitiveDef<unknown> {
  return byCode.get(code) ?? fail('bad-encoding', `there is no primitive with code ${code}`)
}

/** The element program of a node: how engines, traces and the chain compute each of its elements. */
export function elementOf(node: { op: string; attrs: unknown }, ins: readonly TensorType[]): ElementProgram {
  return primitive(node.op).element(node.attrs, ins)
}
