/** Mutations of protobuf that keep it parseable: whole fields are dropped, repeated, reordered, renumbered or changed. */
import { concatBytes } from '#proto/bytes.ts'
import type { SeededRandom } from '#test/fuzz/target.ts'

const [VARINT, FIXED64, BYTES, GROUP, END, FIXED32] = [0, 1, 2, 3, 4, 5] as const

interface Field {
  readonly number: number
  readonly wire: number
  readonly content: Uint8Array
}

/** A base-128 integer of up to 10 bytes, not necessarily the shortest. */
function varint(value: bigint, padding = 0): Uint8Array {
  const out: number[] = []
  let rest = value
  do {
    out.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  } while (rest > 0n)
  for (let i = 0; i < padding; i++) out.push(0x80)
  out[out.length - 1] = (out.at(-1) as number) & 0x7f
  return Uint8Array.from(out)
}

function parse(bytes: Uint8Array): Field[] | undefined {
  const fields: Field[] = []
  let at = 0
  const integer = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined || scale > 2 ** 42) return Number.NaN
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = integer()
    const wire = tag % 8
    let from = at
    if (wire === VARINT) integer()
    else if (wire === FIXED64) at += 8
    else if (wire === FIXED32) at += 4
    else if (wire === BYTES) {
      const size = integer()
      from = at
      at += size
    } else return undefined
    if (!(at <= bytes.length)) return undefined
    fields.push({ number: Math.floor(tag / 8), wire, content: bytes.subarray(from, at) })
  }
  return fields
}

const written = ({ number, wire, content }: Field): Uint8Array =>
  concatBytes(
    varint(BigInt(number) * 8n + BigInt(wire)),
    wire === BYTES ? varint(BigInt(content.length)) : new Uint8Array(0),
    content,
  )

const write = (fields: readonly Field[]): Uint8Array => concatBytes(...fields.map(written))

/** A message with one thing changed in it or in a message inside it. */
export function mutateMessage(message: Uint8Array, random: SeededRandom): Uint8Array {
  const fields = parse(message)
  if (fields === undefined || fields.length === 0) return message
  const at = random.below(fields.length)
  const one = fields[at] as Field
  const others = fields.filter((_, i) => i !== at)
  const replaced = (...by: readonly Field[]): Uint8Array =>
    write([...fields.slice(0, at), ...by, ...fields.slice(at + 1)])
  switch (random.below(9)) {
    case 0:
      return write(others)
    case 1:
      return replaced(...Array.from({ length: 2 + random.below(random.bool(0.8) ? 2 : 40) }, () => one))
    case 2:
      return write(random.shuffle(fields))
    case 3:
      return replaced({ ...one, number: random.pick([0, 1, 2, 3, 4, 5, 6, 7, 15, 16, 100, 2 ** 29 - 1]) })
    case 4:
      return replaced({
        number: one.number,
        wire: VARINT,
        content: varint(random.u64() >> BigInt(random.below(64)), random.below(4)),
      })
    case 5:
      return replaced({ ...one, wire: BYTES, content: random.bytes(random.pick([0, 1, 20, 31, 32, 33, 65, 263])) })
    case 6:
      return replaced({ ...one, content: mutateMessage(one.content, random) })
    case 7: {
      // A group around the field, closed or not.
      const open = { number: one.number, wire: GROUP, content: new Uint8Array(0) }
      return replaced(open, one, ...(random.bool() ? [{ ...open, wire: END }] : []))
    }
    default: {
      const content = one.content.slice()
      if (content.length > 0) content[random.below(content.length)] = random.below(256)
      return replaced({ ...one, content })
    }
  }
}
