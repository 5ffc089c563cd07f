/** Worker thread that hashes tensor lists and writes checkpoints and sums, so that the training thread does neither. */
import type { Port } from '#graph/types.ts'
import { storageError } from '#net/files.ts'
import { hashTree } from '#proto/merkle.ts'
import { writeWhole } from '#runtime/atomic.ts'
import { serveCalls } from '#runtime/rpc.ts'
import { listRoot, rootsOf, sliceList } from '#runtime/tensors.ts'

export interface TensorList {
  readonly ports: readonly Port[]
  /** The tensors end to end, in shared memory. */
  readonly bytes: Uint8Array
}

const methods = {
  /** Root of a tensor list. */
  root: ({ ports, bytes }: TensorList): Uint8Array => listRoot(ports, bytes),

  /** Root of a tensor list, the leaf-tree root of each of its tensors, and the list itself written to `file`. */
  checkpoint: async (list: TensorList & { file: string }): Promise<{ root: Uint8Array; trees: Uint8Array[] }> => {
    const roots = sliceList(list.ports, list.bytes).map(rootsOf)
    await writeWhole(list.file, list.bytes).catch((error) => {
      throw storageError(error, `cannot write the checkpoint ${list.file}`)
    })
    return { root: hashTree(roots.map(({ root }) => root)), trees: roots.map(({ tree }) => tree) }
  },

  /** Writes what was received to `file`. */
  keep: async ({ bytes, file }: { bytes: Uint8Array; file: string }): Promise<void> => {
    await writeWhole(file, bytes).catch((error) => {
      throw storageError(error, `cannot write ${file}`)
    })
  },
}

export type HashingMethods = typeof methods

serveCalls(methods)
