/**
 * Fusion: tasks that follow each other and work row by row are computed in one pass, a few rows of all of them at a time, so that
 * what one writes is still in the cache when the next reads it, and threads do not wait for each other in between. Softmax, layer
 * normalisation and their gradients become single passes, and so do the maps of an optimizer. No bit depends on it.
 */
import type { ElementProgram, Load } from '#arith/types.ts'
import { elementsOf } from '#graph/shape.ts'
import { nestOf } from './nest.ts'

export interface Pass {
  /** Rows of every task: its result's elements are `rows` equal pieces, in order. */
  readonly rows: number
  /** Rows are dealt out in multiples of this: vectors do not straddle the border. */
  readonly grain: number
  /** Bytes that a row of all tasks together reads and writes. */
  readonly rowBytes: number
}

/** One task to be placed. */
export interface Candidate {
  /** The value that it computes, and those that it reads. */
  readonly id: number
  readonly program: ElementProgram
  readonly operands: readonly number[]
  /** Whether its kernel can compute a range of rows. */
  readonly byRows: boolean
}

/** Words of the widest vector of any target: the border of rows lies between vectors. */
const WIDEST = 32
const WORD = 4

/** Tasks of a pass at most: its function should stay in the caches of instructions. */
const MOST_TASKS = 16

/** A task alone, or several in one pass. */
export interface Unit {
  readonly tasks: readonly Candidate[]
  readonly pass: Pass | null
}

/**
 * Puts tasks into an order in which those of a pass follow each other. Tasks that come later move forward into a pass if all they
 * read is there by then and they share a value with it; nothing else changes its place.
 */
export function scheduleOf(candidates: readonly Candidate[]): Unit[] {
  const waiting = new Map(candidates.map((candidate) => [candidate.id, candidate]))
  const units: Unit[] = []
  for (const first of candidates) {
    if (!waiting.delete(first.id)) continue
    const tasks = [first]
    // A row is what the last axis spans; of a vector, an element.
    const { shape } = first.program.out
    const leading = shape.length === 1 ? shape : shape.slice(0, -1)
    const rows = elementsOf(leading)
    const values = new Set([first.id, ...first.operands])
    if (first.byRows && splits(first.program, rows)) {
      for (const next of waiting.values()) {
        if (tasks.length === MOST_TASKS) break
        const near = [next.id, ...next.operands].some((id) => values.has(id))
        const ready = next.operands.every((id) => !waiting.has(id))
        if (!near || !ready || !joins(next, tasks, leading)) continue
        tasks.push(next)
        waiting.delete(next.id)
        for (const id of [next.id, ...next.operands]) values.add(id)
      }
    }
    units.push({ tasks, pass: tasks.length > 1 ? passOf(tasks, rows) : null })
  }
  return units
}

function passOf(tasks: readonly Candidate[], rows: number): Pass {
  const written = tasks.map(({ program }) => elementsOf(program.out.shape) / rows)
  const grain = Math.max(...written.map((words) => WIDEST / commonFactor(words, WIDEST)))
  const inside = new Set(tasks.map(({ id }) => id))
  const read = new Map<number, number>()
  for (const { program, operands } of tasks) {
    for (const load of program.loads) {
      const id = operands[load.operand]!
      if (!inside.has(id)) read.set(id, Math.max(read.get(id) ?? 0, reachOf(program, load) / rows))
    }
  }
  const words = [...written, ...read.values()].reduce((sum, count) => sum + count, 0)
  return { rows, grain, rowBytes: Math.ceil(WORD * words) }
}

/** Words that a load visits, at most. */
function reachOf(p: ElementProgram, { at }: Load): number {
  const dims = [...p.out.shape, ...p.loop]
  return dims.reduce((product, size, axis) => product * (at.strides[axis] === 0 ? 1 : size), 1)
}

/** Whether the emitters can cut a program's result into so many rows. */
function splits(p: ElementProgram, rows: number): boolean {
  const size = elementsOf(p.out.shape)
  if (rows < 2 || size === 0 || size % rows !== 0) return false
  const inner = nestOf(p).out.at(-1) ?? 1
  return (size / inner) % rows === 0 || inner === size
}

/** Whether a task may be computed together with those before it, row by row. */
function joins(
  { program, operands, byRows }: Candidate,
  open: readonly Candidate[],
  leading: readonly number[],
): boolean {
  const rows = elementsOf(leading)
  const startsAlike = leading.every((size, axis) => program.out.shape[axis] === size)
  if (!byRows || !startsAlike || !splits(program, rows)) return false
  return program.loads.every((load) => {
    const made = open.find(({ id }) => id === operands[load.operand])
    return !made || staysInRow(program, load, leading, elementsOf(made.program.out.shape) / rows)
  })
}

/** Whether a load of an element in row r reads from row r of its operand, whose rows have `width` words. */
function staysInRow(p: ElementProgram, load: Load, leading: readonly number[], width: number): boolean {
  if (load.via || load.guard?.length) return false
  const dims = [...p.out.shape, ...p.loop]
  let [low, high, row] = [load.at.base, load.at.base, width]
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    const [size, stride] = [dims[axis]!, load.at.strides[axis]!]
    if (axis < leading.length) {
      if (size > 1 && stride !== row) return false
      row *= size
    } else {
      low += Math.min(0, stride * (size - 1))
      high += Math.max(0, stride * (size - 1))
    }
  }
  return low >= 0 && high < width
}

function commonFactor(a: number, b: number): number {
  return b === 0 ? a : commonFactor(b, a % b)
}
