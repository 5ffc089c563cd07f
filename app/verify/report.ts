/** An audit as text for a person. */
import { labelled } from '#app/report.ts'
import { plural, printable } from '#app/terminal/format.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'
import type { CheckResult } from './finding.ts'

const SECTION_WIDTH = 14
const NAME_WIDTH = 13

/** One check: a tick or a cross, what was looked at, and each place that is wrong. */
export function checkLines(result: CheckResult, before: CheckResult | undefined, terminal: Terminal): string[] {
  const ok = result.findings.length === 0
  const sign = ok
    ? paint(terminal, 'green', terminal.unicode ? '✓' : 'ok')
    : paint(terminal, 'red', terminal.unicode ? '✗' : 'NO')
  const section = result.section === before?.section ? '' : result.section
  const indent = ' '.repeat(SECTION_WIDTH + 2 + NAME_WIDTH)
  const lines = [`${section.padEnd(SECTION_WIDTH)}${sign} ${result.name.padEnd(NAME_WIDTH)}${printable(result.seen)}`]
  for (const note of result.notes ?? []) lines.push(`${indent}${paint(terminal, 'yellow', `note: ${printable(note)}`)}`)
  for (const { place, message } of result.findings)
    lines.push(`${indent}${paint(terminal, 'red', printable(place))}: ${printable(message)}`)
  return lines
}

export interface Verdict {
  readonly subject: string
  readonly checks: readonly CheckResult[]
  readonly missing: readonly string[]
  readonly trusted: string
}

/** What it comes to. */
export function verdictLines({ subject, checks, missing, trusted }: Verdict, terminal: Terminal): string[] {
  const failed = checks.filter(({ findings }) => findings.length > 0)
  const made = plural(checks.length, 'check')
  const lines = ['']
  for (const what of missing) lines.push(labelled(terminal, 'missing', what))
  lines.push(labelled(terminal, 'trusted', trusted))
  if (failed.length > 0) {
    const names = failed.map(({ section, name }) => `${section} ${name}`).join(', ')
    lines.push(
      labelled(
        terminal,
        'verdict',
        paint(terminal, 'red', `${subject} does not hold: ${failed.length} of ${made} failed (${names})`),
      ),
    )
  } else if (missing.length > 0) {
    lines.push(
      labelled(
        terminal,
        'verdict',
        paint(terminal, 'yellow', `${subject}: ${made} held, but not everything could be checked`),
      ),
    )
  } else {
    lines.push(labelled(terminal, 'verdict', paint(terminal, 'green', `${subject} holds: ${made} passed`)))
  }
  return lines
}
