/** Which dispute is meant: by the first digits of its entry's hash, or of its claim's id. */
import type { Placed } from '#contracts/claims.ts'
import { fail } from '#proto/errors.ts'

type Opened = Placed<'ClaimOpened'>

const LIST = 'List them with `assay dispute list`.'

/** Whether a claim may be meant. @throws AssayError `bad-input` for what is no id */
export function named(id: string): (opened: Pick<Opened, 'entryHash' | 'claimId'>) => boolean {
  const wanted = (id.startsWith('0x') ? id : `0x${id}`).toLowerCase()
  if (!/^0x[0-9a-f]{8,64}$/.test(wanted)) {
    fail('bad-input', `'${id}' names no dispute`, { next: `Give at least the first eight digits. ${LIST}` })
  }
  return ({ entryHash, claimId }) => entryHash.startsWith(wanted) || claimId.startsWith(wanted)
}

/** The only one. @throws AssayError `not-found`, `bad-input` for several */
export function onlyOne<T>(found: readonly T[], id: string): T {
  const [one, ...others] = found
  if (one === undefined) return fail('not-found', `there is no dispute ${id}`, { next: LIST })
  if (others.length > 0) fail('bad-input', `${found.length} disputes begin with ${id}`, { next: 'Give more digits.' })
  return one
}
