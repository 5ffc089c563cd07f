/** Worker thread that hashes tensor lists and writes checkpoints, so that the training thread does neither. */
import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Port } from '#graph/types.ts'
import { hashTree } from '#proto/merkle.ts'
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
    const partial = `${list.file}.partial`
    await mkdir(dirname(list.file), { recursive: true })
    const handle = await open(partial, 'w')
    try {
      await handle.writeFile(list.bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(partial, list.file)
    return { root: hashTree(roots.map(({ root }) => root)), trees: roots.map(({ tree }) => tree) }
  },
}

export type HashingMethods = typeof methods

serveCalls(methods)
