/** What one check of `assay doctor` says. */

export type Status = 'ok' | 'warn' | 'fail'

export interface Check {
  readonly name: string
  readonly status: Status
  /** What was found, in a line. */
  readonly detail: string
  /** What the user can do; given unless all is well. */
  readonly next?: string
}

export function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail }
}

export function warn(name: string, detail: string, next: string): Check {
  return { name, status: 'warn', detail, next }
}

export function failed(name: string, detail: string, next: string): Check {
  return { name, status: 'fail', detail, next }
}
