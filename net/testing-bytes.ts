/** Content for tests. */

/** `size` bytes that repeat nowhere within a frame (xorshift32), the same for one seed. */
export function testBytes(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(size / 4) * 4)
  const words = new Uint32Array(bytes.buffer)
  let x = Math.imul(seed, 0x9e3779b1) | 1
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    words[i] = x
  }
  return bytes.subarray(0, size)
}
