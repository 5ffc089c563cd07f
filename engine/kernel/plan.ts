/** The static plan of a graph: what is computed by a call, where every value lives, and where threads must meet. */
import type { ElementProgram, TensorType } from '#arith/types.ts'
import { elementOf } from '#graph/primitives/index.ts'
import { elementsOf } from '#graph/shape.ts'
import type { Graph } from '#graph/types.ts'
import { isIdentity } from './identity.ts'
import { type Pass, scheduleOf } from './passes.ts'
import { worksByRows } from './select.ts'

/** Where a value lies: an input's or output's buffer, or a fixed place of the arena. */
export type Place =
  | { readonly in: 'input'; readonly port: number }
  | { readonly in: 'output'; readonly port: number }
  | { readonly in: 'arena'; readonly offset: number; readonly bytes: number }

export interface Task {
  /** Null: the words of the only operand are copied as they are. */
  readonly program: ElementProgram | null
  readonly type: TensorType
  readonly operands: readonly Place[]
  readonly out: Place
  /** Too little work to split: thread 0 does it alone. */
  readonly serial: boolean
  /** All threads must have ended every task before this one first. */
  readonly barrier: boolean
  /** Tasks that follow each other with the same pass are computed together, a few rows at a time. */
  readonly pass: Pass | null
}

export interface Plan {
  readonly tasks: readonly Task[]
  readonly arenaBytes: number
  /** Whether an output may be written into an input's buffer: nobody needs the input once the output is written. */
  readonly inPlace: (input: number, output: number) => boolean
}

/** Words of work below which splitting a task costs more than it saves. */
const WORTH_SPLITTING = 4096
const isSerial = (p: ElementProgram): boolean =>
  elementsOf(p.out.shape) * Math.max(1, elementsOf(p.loop)) < WORTH_SPLITTING

const LINE = 64
const bytesOf = (type: TensorType): number => Math.max(LINE, Math.ceil((4 * elementsOf(type.shape)) / LINE) * LINE)

export function planOf(graph: Graph): Plan {
  const inputs = graph.inputs.length
  const types = [...graph.inputs, ...graph.nodes].map(({ type }) => type)
  const programs = graph.nodes.map((node) =>
    elementOf(
      node,
      node.inputs.map((id) => types[id]!),
    ),
  )
  // A value that only renames another's words lives where that one lives. The words of an f32 input may not be
  // canonical yet, so their first copy has to make them so.
  const roots = types.map((_, id) => id)
  graph.nodes.forEach((node, i) => {
    const source = node.inputs[0]
    if (source === undefined || !isIdentity(programs[i]!)) return
    const root = roots[source]!
    const canonical = node.type.dtype !== 'f32' || (root >= inputs && types[root]!.dtype === 'f32')
    if (canonical && elementsOf(types[root]!.shape) === elementsOf(node.type.shape)) roots[inputs + i] = root
  })

  const outputOf = new Map<number, number>()
  graph.outputs.forEach(({ value }, port) => {
    const root = roots[value]!
    if (root >= inputs && !outputOf.has(root)) outputOf.set(root, port)
  })
  const copies = graph.outputs.flatMap(({ value }, port) =>
    outputOf.get(roots[value]!) === port ? [] : [{ value: roots[value]!, port }],
  )

  const units = scheduleOf(
    graph.nodes.flatMap((node, i) => {
      const id = inputs + i
      if (roots[id] !== id) return []
      const operands = node.inputs.map((input) => roots[input]!)
      return [{ id, program: programs[i]!, operands, byRows: worksByRows(programs[i]!) }]
    }),
  )
  /** Of each value the unit that reads it last. */
  const lastUse = new Map<number, number>()
  units.forEach(({ tasks }, at) => {
    for (const { operands } of tasks) for (const id of operands) lastUse.set(id, at)
  })
  for (const { value } of copies) lastUse.set(value, units.length)

  const arena = new Arena()
  const places = new Map<number, Place>(graph.inputs.map((_, port) => [port, { in: 'input', port }]))
  const drafts: Omit<Task, 'barrier'>[] = []
  units.forEach(({ tasks, pass }, at) => {
    for (const { id, program, operands } of tasks) {
      const type = types[id]!
      const port = outputOf.get(id)
      const bytes = bytesOf(type)
      const out: Place = port === undefined ? { in: 'arena', offset: arena.take(bytes), bytes } : { in: 'output', port }
      places.set(id, out)
      drafts.push({
        program,
        type,
        operands: operands.map((from) => places.get(from)!),
        out,
        serial: isSerial(program),
        pass,
      })
    }
    // Of a pass all tasks run at the same time, as far as memory goes.
    for (const id of new Set(tasks.flatMap(({ id, operands }) => [id, ...operands]))) {
      const place = places.get(id)!
      if (place.in === 'arena' && (lastUse.get(id) ?? at) <= at) arena.give(place.offset, place.bytes)
    }
  })
  for (const { value, port } of copies) {
    const out: Place = { in: 'output', port }
    drafts.push({ program: null, type: types[value]!, operands: [places.get(value)!], out, serial: true, pass: null })
  }
  const tasks = withBarriers(drafts)
  return { tasks, arenaBytes: arena.size, inPlace: (input, output) => safeInPlace(tasks, input, output) }
}

/**
 * Whether output `port` may be written into the memory of input `input`: all who read that have ended before, or are the
 * writer itself and read every element before they write it.
 */
function safeInPlace(tasks: readonly Task[], input: number, port: number): boolean {
  const writer = tasks.findIndex(({ out }) => out.in === 'output' && out.port === port)
  const lastBarrier = tasks.findLastIndex(({ barrier }, i) => barrier && i <= writer)
  return tasks.every(({ operands, program }, i) =>
    operands.every((place, operand) => {
      if (place.in !== 'input' || place.port !== input || i < lastBarrier) return true
      const together = tasks[i]!.pass !== null && tasks[i]!.pass === tasks[writer]!.pass
      if (i < writer && !together && tasks[i]!.serial && tasks[writer]!.serial) return true
      if (i !== writer && !(i < writer && together)) return false
      // Whoever reads the rows that the writer replaces has the same rows, and has had its turn.
      const alike = elementsOf(tasks[i]!.type.shape) === elementsOf(tasks[writer]!.type.shape)
      return program === null || (alike && readsOwnElement(program, operand))
    }),
  )
}

/** True if every element of the result reads no element of the operand but the one in its own place. */
function readsOwnElement(p: ElementProgram, operand: number): boolean {
  if (p.loop.length > 0) return false
  const { shape } = p.out
  const own = shape.map((_, axis) => elementsOf(shape.slice(axis + 1)))
  return p.loads.every(
    ({ operand: from, at, via }) =>
      from !== operand ||
      (via === undefined &&
        at.base === 0 &&
        at.strides.every((stride, axis) => stride === own[axis] || shape[axis] === 1)),
  )
}

/** Whether two places are the same memory, apart from outputs that share an input's: see `inPlace`. */
function overlap(a: Place, b: Place): boolean {
  if (a.in === 'arena' && b.in === 'arena') return a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes
  return a.in !== 'arena' && b.in !== 'arena' && a.in === b.in && a.port === b.port
}

/**
 * Puts a barrier before each task that touches what another one wrote, or writes what another one touched, since the
 * last barrier; of a pass, before its first. Two tasks of thread 0 alone are in order anyway.
 */
function withBarriers(drafts: readonly Omit<Task, 'barrier'>[]): Task[] {
  const tasks: Task[] = []
  let since: Omit<Task, 'barrier'>[] = []
  for (let at = 0; at < drafts.length; ) {
    const { pass } = drafts[at]!
    const after = pass === null ? at + 1 : drafts.findIndex((task, i) => i > at && task.pass !== pass)
    const together = drafts.slice(at, after < 0 ? drafts.length : after)
    // A pass is split among threads unless there is too little work in all of it.
    const serial = together.every((task) => task.serial)
    const barrier = together.some((task) =>
      since.some((earlier) => {
        if (earlier.serial && serial) return false
        const uses = [...earlier.operands, earlier.out]
        return (
          uses.some((place) => overlap(place, task.out)) || task.operands.some((place) => overlap(place, earlier.out))
        )
      }),
    )
    const placed = together.map((task, nth) => ({ ...task, serial, barrier: barrier && nth === 0 }))
    since = barrier ? placed : [...since, ...placed]
    tasks.push(...placed)
    at += together.length
  }
  return tasks
}

/** Places in the arena, best fit first; it grows at its end. */
class Arena {
  size = 0
  readonly #free: { start: number; end: number }[] = []

  take(bytes: number): number {
    const fitting = this.#free.filter(({ start, end }) => end - start >= bytes)
    const best = fitting.reduce<{ start: number; end: number } | undefined>(
      (a, b) => (a && a.end - a.start <= b.end - b.start ? a : b),
      undefined,
    )
    if (best) {
      const at = best.start
      best.start += bytes
      if (best.start === best.end) this.#free.splice(this.#free.indexOf(best), 1)
      return at
    }
    // The last free span may reach the end: extend it.
    const last = this.#free.at(-1)
    const at = last?.end === this.size ? last.start : this.size
    if (at !== this.size) this.#free.pop()
    this.size = at + bytes
    return at
  }

  give(start: number, bytes: number): void {
    const at = this.#free.findIndex((span) => span.start > start)
    const index = at < 0 ? this.#free.length : at
    this.#free.splice(index, 0, { start, end: start + bytes })
    for (const left of [index, index - 1]) {
      const [a, b] = [this.#free[left], this.#free[left + 1]]
      if (a && b && a.end === b.start) {
        a.end = b.end
        this.#free.splice(left + 1, 1)
      }
    }
  }
}
