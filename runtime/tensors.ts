/** A list of tensors laid end to end in one byte string: how states and gradient sums travel, rest and are hashed. */
import type { TensorType } from '#arith/types.ts'
import type { Port } from '#graph/types.ts'
import { fail } from '#proto/errors.ts'
import { bytesRoot, hashTree, tensorRoot } from '#proto/merkle.ts'

/** Codes of dtypes inside a tensor root: docs/spec/protocol.md. */
const DTYPE_CODE = { f32: 0, i32: 1, u32: 2, bool: 3 } as const

/** Number of elements of a tensor type. */
export function elements(type: TensorType): number {
  return type.shape.reduce((product, size) => product * size, 1)
}

/** Bytes that a list of tensors takes, end to end. */
export function listBytes(ports: readonly Port[]): number {
  return ports.reduce((sum, port) => sum + 4 * elements(port.type), 0)
}

/** One tensor of a list: its port and its bytes (a view, not a copy). */
export interface TensorSlice {
  readonly port: Port
  readonly bytes: Uint8Array
}

/**
 * Cuts `bytes` into the tensors of `ports`.
 * @throws AssayError `bad-data` if the length is not exactly that of the list
 */
export function sliceList(ports: readonly Port[], bytes: Uint8Array): TensorSlice[] {
  const expected = listBytes(ports)
  if (bytes.length !== expected)
    fail('bad-data', `a tensor list of ${bytes.length} bytes where ${expected} were expected`)
  let offset = 0
  return ports.map((port) => {
    const size = 4 * elements(port.type)
    const slice = { port, bytes: bytes.subarray(offset, offset + size) }
    offset += size
    return slice
  })
}

/** A tensor's leaf-tree root and the tensor root that wraps it (docs/spec/protocol.md, "Hashes"). */
export function rootsOf(slice: TensorSlice): { tree: Uint8Array; root: Uint8Array } {
  const { dtype, shape } = slice.port.type
  const tree = bytesRoot(slice.bytes)
  return { tree, root: tensorRoot(DTYPE_CODE[dtype], shape, tree) }
}

/** The tensor root that a leaf-tree root has under the type of `port`. */
export function wrapTree(port: Port, tree: Uint8Array): Uint8Array {
  return tensorRoot(DTYPE_CODE[port.type.dtype], port.type.shape, tree)
}

/** Root of a list of tensors: the tree over their tensor roots. A state root is this, over the program's state ports. */
export function listRoot(ports: readonly Port[], bytes: Uint8Array): Uint8Array {
  return hashTree(sliceList(ports, bytes).map((slice) => rootsOf(slice).root))
}

/** Root of one step's metrics; an entry's `metricsRoot` is the tree over these. */
export function metricsRoot(ports: readonly Port[], metrics: Float32Array): Uint8Array {
  return listRoot(ports, new Uint8Array(metrics.buffer, metrics.byteOffset, metrics.byteLength))
}
