/** The committed artifacts are those of the sources, and what is read from sources is read right. */
import { expect, it } from 'vitest'
import { isSealed } from './build.ts'
import { readEnums, storageSnapshot, typesSource } from './generate.ts'

it('the generated files belong to the committed sources', () => {
  expect(isSealed(), 'run node contracts/build.ts').toBe(true)
})

it('reads enums with comments and across lines', () => {
  const source = 'enum One { A, B }\n contract C { enum Two {\n  X, // first\n  Y //, no third\n } }'
  expect(readEnums([source])).toEqual({ One: ['A', 'B'], Two: ['X', 'Y'] })
})

it('types events as a tagged union', () => {
  const inputs = [
    { name: 'jobId', type: 'bytes32', internalType: 'bytes32', indexed: true },
    { name: 'amount', type: 'int256', internalType: 'int256' },
    { name: 'window', type: 'uint32', internalType: 'uint32' },
    { name: 'reason', type: 'uint8', internalType: 'enum IAssay.Reason' },
    { name: 'pool', type: 'tuple[]', internalType: 'struct IAssay.Member[]', components: [] },
  ]
  const abi = [{ type: 'event', name: 'Moved', inputs }]
  const source = typesSource({ Assay: { abi, bytecode: '0x', links: {} } }, { Reason: ['In', 'Out'] })
  expect(source).toContain(
    "readonly name: 'Moved'\n  readonly jobId: Hex\n  readonly amount: bigint\n  readonly window: number",
  )
  expect(source).toContain('readonly reason: Reason\n  readonly pool: readonly Member[]')
  expect(source).toContain("export const REASON_NAMES = ['In', 'Out'] as const")
})

it('lists storage by struct', () => {
  const slot = { label: 'x', slot: '0', offset: 4, type: 't_uint32' }
  const types = {
    t_uint32: { label: 'uint32', numberOfBytes: '4' },
    t_struct: { label: 'struct S', numberOfBytes: '32', members: [slot] },
  }
  const layout = { storage: [{ label: 's', slot: '0', offset: 0, type: 't_struct' }], types }
  expect(storageSnapshot(layout)).toBe('contract\n  0.0 s: struct S\n\nstruct S (32 bytes)\n  0.4 x: uint32\n')
})
