/** What every intake returns: the canonical bytes of a data set and where its records lie. */
import { fail } from '#proto/errors.ts'
import type { DataSpec } from '#proto/job.ts'

/** The data fields of a job that follow from the data alone. */
export type Layout = Omit<DataSpec, 'root' | 'trainRecords' | 'evalFrom' | 'evalTo'>

export interface Intake {
  readonly bytes: Uint8Array
  readonly layout: Layout
}

/** Most classes that labels may name. */
export const MAX_CLASSES = 65_536

/**
 * The number of classes: as the job states, else the largest label plus one, but at least two.
 * @throws AssayError `bad-data` for a label that is not below the stated number
 */
export function classCount(largest: number, stated: number | undefined): number {
  if (stated !== undefined && largest >= stated) {
    fail('bad-data', `there is a label ${largest}, but the job states ${stated} classes (0 to ${stated - 1})`, {
      next: 'Correct data.classes in the job file, or number the labels from 0.',
    })
  }
  return stated ?? Math.max(2, largest + 1)
}
