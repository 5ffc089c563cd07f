/** Big-endian packed bytes, equal to Solidity's `abi.encodePacked`, for what the contract hashes too. */
import { ascii } from '#proto/bytes.ts'
import { fail } from '#proto/errors.ts'

export class Packed {
  private readonly parts: Uint8Array[] = []
  private size = 0

  private push(part: Uint8Array): this {
    this.parts.push(part)
    this.size += part.length
    return this
  }

  /** Unsigned integer in `bytes` big-endian bytes. Throws `bad-input` when it does not fit. */
  uint(value: number | bigint, bytes: number): this {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) fail('bad-input', `${value} is not an integer`)
    let rest = BigInt(value)
    if (rest < 0n || rest >> BigInt(bytes * 8) !== 0n) fail('bad-input', `${value} does not fit in uint${bytes * 8}`)
    const out = new Uint8Array(bytes)
    for (let i = bytes - 1; i >= 0; i--) {
      out[i] = Number(rest & 0xffn)
      rest >>= 8n
    }
    return this.push(out)
  }

  u8(value: number): this {
    return this.uint(value, 1)
  }

  u16(value: number): this {
    return this.uint(value, 2)
  }

  u32(value: number): this {
    return this.uint(value, 4)
  }

  u64(value: number | bigint): this {
    return this.uint(value, 8)
  }

  u256(value: number | bigint): this {
    return this.uint(value, 32)
  }

  bool(value: boolean): this {
    return this.u8(value ? 1 : 0)
  }

  /** ASCII text of a domain tag, without length or terminator. */
  tag(text: string): this {
    return this.push(ascii(text))
  }

  private fixed(value: Uint8Array, size: number, name: string): this {
    if (value.length !== size) fail('bad-input', `${name} has ${size} bytes, not ${value.length}`)
    return this.push(value)
  }

  b32(value: Uint8Array): this {
    return this.fixed(value, 32, 'bytes32')
  }

  address(value: Uint8Array): this {
    return this.fixed(value, 20, 'address')
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.size)
    let at = 0
    for (const part of this.parts) {
      out.set(part, at)
      at += part.length
    }
    return out
  }
}
