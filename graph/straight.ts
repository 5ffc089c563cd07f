/** Transformations of straight-line programs: simplification and the inlining of one map into another. */
import { canonical, evaluate } from '#arith/blocks.ts'
import type { Arg, Instr, Straight } from '#arith/types.ts'

/** A program under construction: instructions are shared by value, constants folded, copies dropped. */
export class Folder {
  readonly #code: Instr[] = []
  readonly #known = new Map<string, Arg>()

  /** The argument that holds the value of `instr`, whose own arguments belong to this folder. */
  add({ block, args }: Instr): Arg {
    const [first, second] = args
    if (args.every((arg) => arg.from === 'const')) {
      return {
        from: 'const',
        bits: evaluate(
          block,
          args.map((arg) => (arg.from === 'const' ? arg.bits : 0)),
        ),
      }
    }
    // Loads are canonical when stored: a copy of one changes nothing.
    if (block === 'canon' && first?.from === 'load') return first
    if (block === 'or' && first && second?.from === 'const' && second.bits === 0) return first
    const key = `${block} ${args.map(showArg).join(' ')}`
    const known = this.#known.get(key)
    if (known) return known
    const result: Arg = { from: 'instr', n: this.#code.push({ block, args }) - 1 }
    this.#known.set(key, result)
    return result
  }

  /** Adds a whole program, its arguments mapped by `place`, and returns its value. */
  append(program: Straight, place: (arg: Arg) => Arg): Arg {
    const results: Arg[] = []
    for (const { block, args } of program) {
      const mapped = args.map((arg) => (arg.from === 'instr' ? (results[arg.n] as Arg) : place(arg)))
      results.push(this.add({ block, args: mapped }))
    }
    return results[results.length - 1] as Arg
  }

  /** The program of what `value` needs, in order; at least one instruction (a copy, if `value` is not an instruction). */
  finish(value: Arg, float: boolean): Straight {
    if (value.from !== 'instr') {
      const arg = value.from === 'const' && float ? { ...value, bits: canonical(value.bits) } : value
      return float ? [{ block: 'canon', args: [arg] }] : [{ block: 'or', args: [arg, { from: 'const', bits: 0 }] }]
    }
    const needed = new Set<number>([value.n])
    for (let n = value.n; n >= 0; n--) {
      if (!needed.has(n)) continue
      for (const arg of (this.#code[n] as Instr).args) if (arg.from === 'instr') needed.add(arg.n)
    }
    const moved = new Map<number, number>()
    const kept: Instr[] = []
    for (const [n, { block, args }] of this.#code.entries()) {
      if (!needed.has(n)) continue
      moved.set(n, kept.length)
      kept.push({
        block,
        args: args.map((arg) => (arg.from === 'instr' ? { from: 'instr', n: moved.get(arg.n) as number } : arg)),
      })
    }
    return kept
  }
}

function showArg(arg: Arg): string {
  if (arg.from === 'const') return `c${arg.bits}`
  return arg.from === 'acc' || arg.from === 'other' ? arg.from : `${arg.from}${arg.n}`
}

/** A map as the fusion sees it: load n of `program` is the value `inputs[n]`. */
export interface MapBody {
  readonly program: Straight
  readonly inputs: readonly number[]
}

/** Renumbers loads in the order of first use and drops inputs that no load reads. */
export function compact({ program, inputs }: MapBody): MapBody {
  const order: number[] = []
  const renumbered = program.map(({ block, args }) => ({
    block,
    args: args.map((arg): Arg => {
      if (arg.from !== 'load') return arg
      const id = inputs[arg.n] as number
      if (!order.includes(id)) order.push(id)
      return { from: 'load', n: order.indexOf(id) }
    }),
  }))
  return { program: renumbered, inputs: order }
}

/**
 * The body of `consumer` with the value `id` replaced by `producer`'s program.
 * @param axis where a coordinate of the producer lies in the consumer's coordinates
 */
export function inline(
  consumer: MapBody,
  id: number,
  producer: MapBody,
  axis: (n: number) => Arg,
  float: boolean,
): MapBody {
  const folder = new Folder()
  const inputs = [...consumer.inputs, ...producer.inputs]
  const shift = consumer.inputs.length
  // One load an input: equal inputs share the first.
  const load = (n: number): Arg => ({ from: 'load', n: inputs.indexOf(inputs[n] as number) })
  const inner = folder.append(producer.program, (arg) => {
    if (arg.from === 'load') return load(arg.n + shift)
    return arg.from === 'axis' ? axis(arg.n) : arg
  })
  const outer = folder.append(consumer.program, (arg) => {
    if (arg.from !== 'load') return arg
    return consumer.inputs[arg.n] === id ? inner : load(arg.n)
  })
  return compact({ program: folder.finish(outer, float), inputs })
}
