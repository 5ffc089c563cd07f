/** Which entries a whistleblower re-audits: its own secret choice, so that no verifier knows which acceptances it checks. */

import { fromHex } from '#proto/bytes.ts'
import { sha256 } from '#proto/hash.ts'
import type { JobView } from '#proto/machines/job-view.ts'

export interface AuditAction {
  readonly key: string
  readonly job: JobView
  readonly window: number
  readonly index: number
}

/** Whether `secret` picks an entry at `rate` (0 to 1). */
export function picks(secret: Uint8Array, entryHash: string, rate: number): boolean {
  const digest = sha256(secret, fromHex(entryHash, 32))
  const draw = new DataView(digest.buffer, digest.byteOffset).getUint32(0) / 2 ** 32
  return draw < rate
}

/** Entries of windows that are committed and not final, which no open dispute is about. Pure. */
export function decide(job: JobView, secret: Uint8Array, rate: number): AuditAction[] {
  const actions: AuditAction[] = []
  for (const window of job.windows.values()) {
    if (window.status === 'final' || window.status === 'void') continue
    for (const [index, { entryHash }] of window.entries.entries()) {
      if (job.disputes.has(entryHash) || !picks(secret, entryHash, rate)) continue
      actions.push({ key: `${entryHash}:audit`, job, window: window.window, index })
    }
  }
  return actions
}
