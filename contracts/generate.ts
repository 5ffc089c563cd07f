/** Turns the compiler's output into what the client needs at run time: ABIs, bytecode to link, and TypeScript types. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Interface } from 'ethers'

export interface AbiParam {
  readonly name: string
  readonly type: string
  readonly internalType?: string
  readonly indexed?: boolean
  readonly components?: readonly AbiParam[]
}

export interface AbiItem {
  readonly type: string
  readonly name?: string
  readonly inputs?: readonly AbiParam[]
  readonly outputs?: readonly AbiParam[]
  readonly stateMutability?: string
}

/** Deployable code: hex with zeros at each link; offsets are in bytes. */
export interface Artifact {
  readonly abi: readonly AbiItem[]
  readonly bytecode: string
  readonly links: Readonly<Record<string, readonly number[]>>
}

interface ForgeOutput {
  readonly abi: readonly AbiItem[]
  readonly bytecode: {
    readonly object: string
    readonly linkReferences: Readonly<Record<string, Readonly<Record<string, readonly { readonly start: number }[]>>>>
  }
}

/** Contracts with an interface that clients call. */
export const CONTRACTS = ['Assay', 'PinpointArbiter', 'BlockRandomness'] as const

/** Contracts of src/testing, which are no part of the product: libraries behind calls, an arbiter that is told the truth. */
export const PROBES = ['ArithmeticProbe', 'OracleArbiter'] as const

function readOutput(folder: string, name: string): Artifact {
  const output = JSON.parse(readFileSync(join(folder, `${name}.sol`, `${name}.json`), 'utf8')) as ForgeOutput
  const links: Record<string, readonly number[]> = {}
  for (const libraries of Object.values(output.bytecode.linkReferences))
    for (const [library, places] of Object.entries(libraries)) links[library] = places.map(({ start }) => start)
  const bytecode = output.bytecode.object.replace(/__\$[0-9a-f]{34}\$__/g, '0'.repeat(40))
  return { abi: output.abi, bytecode, links }
}

/** These contracts and every library that they link to, by name, from forge's output folder. */
export function readArtifacts(folder: string, contracts: readonly string[]): Record<string, Artifact> {
  const found: Record<string, Artifact> = {}
  const visit = (name: string): void => {
    if (found[name] !== undefined) return
    const artifact = readOutput(folder, name)
    const called = contracts.includes(name)
    found[name] = { ...artifact, abi: called ? artifact.abi : [] }
    for (const library of Object.keys(artifact.links).sort()) visit(library)
  }
  for (const name of contracts) visit(name)
  return found
}

/** Members of every enum in Solidity sources, by the enum's name: the ABI leaves them out. */
export function readEnums(sources: readonly string[]): Record<string, string[]> {
  const enums: Record<string, string[]> = {}
  for (const source of sources) {
    for (const [, name = '', body = ''] of source.matchAll(/\benum\s+(\w+)\s*\{([^}]*)\}/g)) {
      const members = body.replace(/\/\/.*$/gm, '').split(',')
      enums[name] = members.map((member) => member.trim()).filter((member) => member !== '')
    }
  }
  return enums
}

const local = (internalType: string): string => internalType.replace(/^(enum|struct) (\w+\.)?/, '').replace(/\[.*$/, '')

/** TypeScript type of a decoded value: integers up to 48 bits are numbers, wider ones bigints, the rest 0x hex. */
function typeOf(param: AbiParam, structs: Map<string, readonly AbiParam[]>): string {
  const internal = param.internalType ?? param.type
  if (param.type.endsWith('[]')) {
    const item = typeOf({ ...param, type: param.type.slice(0, -2), internalType: internal.slice(0, -2) }, structs)
    return item.startsWith('readonly ') ? `readonly (${item})[]` : `readonly ${item}[]`
  }
  if (internal.startsWith('enum ')) return local(internal)
  if (param.type === 'tuple') {
    structs.set(local(internal), param.components ?? [])
    return local(internal)
  }
  if (param.type === 'bool') return 'boolean'
  const integer = /^u?int(\d+)$/.exec(param.type)
  if (integer !== null) return Number(integer[1]) <= 48 ? 'number' : 'bigint'
  return 'Hex'
}

const constant = (name: string): string => `${name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}_NAMES`

const fields = (params: readonly AbiParam[], structs: Map<string, readonly AbiParam[]>): string =>
  params.map((param) => `  readonly ${param.name}: ${typeOf(param, structs)}\n`).join('')

/** Source of the types module: enums, structs, events as a tagged union, error names. */
export function typesSource(artifacts: Record<string, Artifact>, enums: Record<string, string[]>): string {
  const structs = new Map<string, readonly AbiParam[]>()
  const items = CONTRACTS.flatMap((name) => artifacts[name]?.abi ?? [])
  const events = new Map<string, string>()
  const errors = new Set<string>()
  for (const item of items) {
    const name = item.name ?? ''
    if (item.type === 'error') errors.add(name)
    if (item.type === 'event')
      events.set(
        name,
        `export interface ${name}Event {\n  readonly name: '${name}'\n${fields(item.inputs ?? [], structs)}}`,
      )
    if (item.type === 'function') for (const p of [...(item.inputs ?? []), ...(item.outputs ?? [])]) typeOf(p, structs)
  }
  const interfaces = new Map<string, string>()
  // Structs may hold structs: the map grows while it is walked.
  for (const [name, components] of structs)
    interfaces.set(name, `export interface ${name} {\n${fields(components, structs)}}`)
  const sorted = <T>(map: Map<string, T>): T[] =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value)
  const enumLines = Object.entries(enums)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, members]) => {
      const list = members.map((member) => `'${member}'`).join(', ')
      return `export const ${constant(name)} = [${list}] as const\nexport type ${name} = (typeof ${constant(name)})[number]`
    })
  const eventNames = [...events.keys()].sort()
  return [
    '// Generated by contracts/build.ts from the Solidity sources. Do not edit.',
    `/** 0x text, lower case: bytes, hashes and addresses. */\nexport type Hex = \`0x\${string}\``,
    ...enumLines,
    `/** Members of each enum, by the enum's name in the ABI. */\nexport const ENUMS: Readonly<Record<string, readonly string[]>> = {\n${Object.keys(
      enums,
    )
      .sort()
      .map((name) => `  ${name}: ${constant(name)},\n`)
      .join('')}}`,
    ...sorted(interfaces),
    ...sorted(events),
    `export type ContractEvent =\n${eventNames.map((name) => `  | ${name}Event`).join('\n')}`,
    `export const ERROR_NAMES = [\n${[...errors]
      .sort()
      .map((name) => `  '${name}',\n`)
      .join('')}] as const\nexport type ErrorName = (typeof ERROR_NAMES)[number]`,
    '',
  ].join('\n\n')
}

/** Every signature of every contract, one a line: what an incompatible change would alter. */
export function abiSnapshot(artifacts: Record<string, Artifact>): string {
  return CONTRACTS.map((name) => {
    const lines = new Interface(artifacts[name]?.abi ?? []).format().sort()
    return `${name}\n${lines.map((line) => `  ${line}\n`).join('')}`
  }).join('\n')
}

interface Layout {
  readonly storage: readonly Slot[]
  readonly types: Readonly<Record<string, LayoutType>> | null
}

interface Slot {
  readonly label: string
  readonly slot: string
  readonly offset: number
  readonly type: string
}

interface LayoutType {
  readonly label: string
  readonly numberOfBytes: string
  readonly members?: readonly Slot[]
}

export function readLayout(folder: string, name: string): Layout {
  const file = join(folder, `${name}.sol`, `${name}.json`)
  return (JSON.parse(readFileSync(file, 'utf8')) as { storageLayout: Layout }).storageLayout
}

/** The contract's variables, then every struct in storage: slot, byte in the slot, name, type. */
export function storageSnapshot({ storage, types }: Layout): string {
  const table = (slots: readonly Slot[]): string =>
    slots.map((one) => `  ${one.slot}.${one.offset} ${one.label}: ${types?.[one.type]?.label}\n`).join('')
  const structs = Object.values(types ?? {})
    .filter((type) => type.members !== undefined)
    .sort((a, b) => (a.label < b.label ? -1 : 1))
  const parts = structs.map((type) => `${type.label} (${type.numberOfBytes} bytes)\n${table(type.members ?? [])}`)
  return [`contract\n${table(storage)}`, ...parts].join('\n')
}
