/** Moves of the pinpoint challenge as the calldata of their transactions holds them. */
import { PINPOINT } from '#contracts/pinpoint.ts'
import { decodeFacts, FACTS_BYTES, factsHash } from '#pinpoint/facts.ts'
import { itemsOf } from '#pinpoint/schedule.ts'
import type { Evidence, Move, OpenedWord } from '#pinpoint/types.ts'
import { fromHex, to0x } from '#proto/bytes.ts'
import { decodeEntry, ENTRY_BYTES, entryDigest } from '#proto/entry.ts'
import type { Hex } from '#proto/terms.ts'
import type { Open } from './places.ts'
import type { DisputeRecord } from './record.ts'

/** What a call at the game contract does to a game. */
export type Call =
  | { readonly kind: 'move'; readonly gameId: Hex; readonly move: Move; readonly shown?: Evidence }
  | { readonly kind: 'timeout' | 'concede'; readonly gameId: Hex }

/** The parts of evidence in the contract's struct. */
interface ChainEvidence {
  readonly entry: string
  readonly facts: string
  readonly node: string
  readonly nodePath: readonly string[]
  readonly words: readonly { readonly traced: boolean; readonly operand: bigint; readonly index: bigint }[]
  readonly openings: readonly (readonly string[])[]
}

const bytesOf = (text: string): Uint8Array => fromHex(text)

function evidenceOf(of: ChainEvidence): Evidence {
  const [entry, facts, node] = [of.entry, of.facts, of.node].map(bytesOf) as [Uint8Array, Uint8Array, Uint8Array]
  const words = Array.from(
    of.words,
    ({ traced, operand, index }): OpenedWord => ({ traced, operand: Number(operand), index: Number(index) }),
  )
  return {
    ...(entry.length > 0 && { entry: decodeEntry(entry) }),
    ...(facts.length > 0 && { facts: decodeFacts(facts) }),
    ...(node.length > 0 && { node }),
    ...(of.nodePath.length > 0 && { nodeOpening: Array.from(of.nodePath, bytesOf) }),
    ...(words.length > 0 && { words }),
    ...(of.openings.length > 0 && { openings: Array.from(of.openings, (one) => Array.from(one, bytesOf)) }),
  }
}

/** What calldata at the game contract says; undefined for what is no move, or malformed. */
export function readCall(input: string): Call | undefined {
  try {
    const call = PINPOINT.interface.parseTransaction({ data: input })
    if (call === null) return undefined
    const gameId = String(call.args[0]).toLowerCase() as Hex
    switch (call.name) {
      case 'post': {
        const [header, data] = [bytesOf(call.args[1]), bytesOf(call.args[2])]
        const first = header.length === ENTRY_BYTES + FACTS_BYTES
        const shown = first && {
          shown: {
            entry: decodeEntry(header.subarray(0, ENTRY_BYTES)),
            facts: decodeFacts(header.subarray(ENTRY_BYTES)),
          },
        }
        const words = !first && header.length > 0
        return { kind: 'move', gameId, move: { kind: 'post', data, ...(words && { header }) }, ...shown }
      }
      case 'choose': {
        const evidence = evidenceOf(call.args[3] as ChainEvidence)
        const path = Array.from(call.args[2] as readonly string[], bytesOf)
        return { kind: 'move', gameId, move: { kind: 'choose', index: Number(call.args[1]), path, evidence } }
      }
      case 'prove':
        return { kind: 'move', gameId, move: { kind: 'prove', evidence: evidenceOf(call.args[1] as ChainEvidence) } }
      case 'timeout':
      case 'concede':
        return { kind: call.name, gameId }
      default:
        return undefined
    }
  } catch {
    // Whatever a transaction carries: the chain has said what came of it.
    return undefined
  }
}

/** The calls behind a record's events, by transaction: those that a player made at the arbiter itself. */
export function callsOf({ arbiter, sent }: DisputeRecord): ReadonlyMap<string, Call> {
  const calls = new Map<string, Call>()
  for (const [hash, { to, input }] of sent) {
    const call = to === arbiter ? readCall(input) : undefined
    if (call !== undefined) calls.set(hash, call)
  }
  return calls
}

/** The entry and the facts, as the moves show them; undefined if none does. */
export function openOf({ opened }: DisputeRecord, calls: Iterable<Call>): Open | undefined {
  for (const call of calls) {
    if (call.kind !== 'move') continue
    const shown = call.move.kind === 'post' ? call.shown : call.move.evidence
    const { entry, facts } = shown ?? {}
    if (entry === undefined || facts === undefined) continue
    if (to0x(entryDigest(entry)) !== opened.entryHash || to0x(factsHash(facts)) !== opened.factsHash) continue
    try {
      return { entry, facts, schedule: itemsOf(facts, entry, opened.replicas) }
    } catch {
      // Facts that no job should have: there is no plan of its lanes.
      return undefined
    }
  }
  return undefined
}
