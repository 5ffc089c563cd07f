/** What crosses the borders of one stage, in bundles: lists of tensors that are made together and used together. */
import { typeOf } from '#graph/part.ts'
import type { Plan } from '#graph/partition/plan.ts'
import type { Port, Program } from '#graph/types.ts'
import { BUNDLES, type BundleKind, type Pass } from '#proto/machines/stage.ts'
import { listBytes } from '#runtime/tensors.ts'

/** All bundles of one kind from one stage to another: one of each micro-batch, or one of each step. */
export interface Border {
  readonly kind: BundleKind
  readonly from: number
  readonly to: number
  /** Numbers of the tensors in the uncut program: values of `micro`, state tensors, sums; ascending. */
  readonly ids: readonly number[]
  /** Their types, in the same order. */
  readonly ports: readonly Port[]
  /** Of a bundle: the tensors end to end. */
  readonly bytes: number
}

/** The pass that makes a bundle, and the one that uses it. */
export const GIVES: Partial<Readonly<Record<BundleKind, Pass>>> = {
  activation: 'forward',
  saved: 'forward',
  gradient: 'backward',
}
export const TAKES: Partial<Readonly<Record<BundleKind, Pass>>> = {
  activation: 'forward',
  saved: 'backward',
  gradient: 'backward',
}

/** Borders of a plan, by sender, receiver and kind. */
export function bordersOf(program: Program, plan: Plan): Border[] {
  const forward = (stage: number, value: number): boolean =>
    plan.stages[stage]?.forward.some(({ first, end }) => value >= first && value < end) === true
  const found = new Map<string, { kind: BundleKind; from: number; to: number; ids: number[] }>()
  const add = (kind: BundleKind, from: number, to: number, id: number): void => {
    const key = `${from} ${to} ${kind}`
    const border = found.get(key) ?? { kind, from, to, ids: [] }
    found.set(key, border)
    border.ids.push(id)
  }
  for (const { value, pass, from, to } of plan.transfers) {
    const late = forward(from, value) ? 'saved' : 'gradient'
    add(pass === 'forward' ? 'activation' : late, from, to, value)
  }
  for (const { kind, index, from, to } of plan.shares) add(kind, from, to, index)
  const sums = [...program.gradients, ...program.metrics]
  const portOf = (kind: BundleKind, id: number): Port => {
    if (kind === 'state') return program.state[id] as Port
    if (kind === 'sum') return sums[id] as Port
    return { name: `v${id}`, type: typeOf(program.micro, id) }
  }
  return [...found.values()]
    .map(({ kind, from, to, ids }) => {
      const own = ids.sort((a, b) => a - b)
      const ports = own.map((id) => portOf(kind, id))
      return { kind, from, to, ids: own, ports, bytes: listBytes(ports) }
    })
    .sort((a, b) => a.from - b.from || a.to - b.to || BUNDLES.indexOf(a.kind) - BUNDLES.indexOf(b.kind))
}
