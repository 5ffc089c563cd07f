/** What an audit or a dispute of an entry needs from others: the state that it starts from, and what its slot claims in detail. */
import type { Entry } from '#proto/entry.ts'
import { fail } from '#proto/errors.ts'
import { addressText } from '#proto/ids.ts'
import type { EntryView } from '#proto/machines/job-view.ts'
import type { Announcer } from '#runtime/announcer.ts'
import type { Evidence } from '#runtime/judge.ts'
import { sharedBytes } from '#runtime/rpc.ts'
import type { JobSession } from '#runtime/session.ts'
import type { ContentStore } from '#runtime/store.ts'

/** Where content comes from. */
export interface Sources {
  readonly store: ContentStore
  readonly announcer: Announcer
  readonly signal: AbortSignal
}

/** Peers of the solvers that signed these entries. */
export function peersOf(announcer: Announcer, views: readonly EntryView[]): string[] {
  return views.flatMap(({ entry }) => announcer.peerOf(addressText(entry.solver)) ?? [])
}

/**
 * The state before an entry that does not begin with step 0, in shared memory: that of its `rootBefore`.
 * @param slot entries whose solvers are asked first
 * @throws AssayError `unavailable` when nobody serves it
 */
export async function stateBefore(
  { store, announcer, signal }: Sources,
  { program, stateBytes }: JobSession,
  { rootBefore }: Entry,
  slot: readonly EntryView[],
): Promise<Uint8Array> {
  const shared = sharedBytes(stateBytes)
  shared.set(await store.state(program.state, rootBefore, peersOf(announcer, slot), signal))
  return shared
}

/** How long all solvers of a slot may take to show what it claims, in milliseconds. */
const EVIDENCE_MS = 10_000

/**
 * Evidence of a slot: its entries claim the same, so whose is shown makes no difference. What is kept here comes first; else all
 * are asked at once, and the first answer that fits is taken. Undefined if nobody shows any in time.
 * @param slot all entries of the slot, by replica
 */
export async function slotEvidence(
  { store, announcer, signal }: Sources,
  slot: readonly EntryView[],
): Promise<Evidence | undefined> {
  for (const { entryHash, entry } of slot) {
    const kept = store.keptEvidence(entryHash, entry, slot.length)
    if (kept) return kept
  }
  const found = new AbortController()
  const ended = AbortSignal.any([signal, found.signal, AbortSignal.timeout(EVIDENCE_MS)])
  const asks = slot.map(async (view) => {
    const from = peersOf(announcer, [view])
    const evidence = await store.evidence(view.entryHash, view.entry, slot.length, from, ended)
    return evidence ?? fail('unavailable', 'nobody shows it')
  })
  try {
    return await Promise.any(asks)
  } catch {
    signal.throwIfAborted()
    return undefined
  } finally {
    found.abort()
  }
}
