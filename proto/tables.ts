/**
 * The generated part of the specification, docs/spec/protocol-tables.md: field tables from the declared encodings, error
 * codes, transition tables, presets. `npx vitest run proto/tables -u` rewrites it.
 */
import type { Codec } from '#proto/codec.ts'
import { ERROR_CODES } from '#proto/errors.ts'
import { JOB } from '#proto/job.ts'
import { CELL_TRANSITIONS } from '#proto/machines/cell.ts'
import { JOB_EVENTS, JOB_TRANSITIONS, WINDOW_TRANSITIONS } from '#proto/machines/job-transitions.ts'
import { ANNOUNCEMENTS, MAX_ANNOUNCEMENT_BYTES, PROVIDER } from '#proto/messages.ts'
import { PRESETS } from '#proto/presets.ts'

// biome-ignore lint/suspicious/noExplicitAny: any codec is described alike
type AnyCodec = Codec<any> & {
  readonly fields?: Record<string, AnyCodec>
  readonly variants?: Record<string, AnyCodec>
}

type Row = readonly string[]

function table(header: Row, rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Rows of every field under `path`, in the order of the bytes. */
function fieldRows(codec: AnyCodec, path: string): Row[] {
  if (codec.fields !== undefined) {
    return Object.entries(codec.fields).flatMap(([name, field]) =>
      fieldRows(field, path === '' ? name : `${path}.${name}`),
    )
  }
  if (codec.variants !== undefined) {
    const variants = Object.entries(codec.variants).flatMap(([name, variant]) =>
      fieldRows(variant, `${path} (${name})`),
    )
    return [[`\`${path}.type\``, codec.describe], ...variants]
  }
  return [[`\`${path}\``, codec.describe]]
}

const FIELDS: Row = ['field', 'encoding and limits']

interface Transition {
  readonly from: readonly string[]
  readonly event: string
  readonly to: readonly string[]
}

function transitions(rows: readonly Transition[]): string {
  return table(
    ['from', 'event', 'to'],
    rows.map(({ from, event, to }) => [from.join(', '), `\`${event}\``, to.join(', ')]),
  )
}

function cellTransitions(): string {
  return table(
    ['from', 'event', 'to', 'actions'],
    CELL_TRANSITIONS.map(({ from, event, to, actions }) => [from.join(', '), `\`${event}\``, to.join(', '), actions]),
  )
}

function presetTable(): string {
  const { devnet, testnet } = PRESETS
  const keys = (group: 'periods' | 'prices'): Row[] =>
    Object.keys(devnet[group]).map((name) => [
      `\`${name}\`, ${group === 'periods' ? 'blocks' : 'wei'}`,
      String(devnet[group][name as keyof (typeof devnet)[typeof group]]),
      String(testnet[group][name as keyof (typeof testnet)[typeof group]]),
    ])
  return table(
    ['', 'devnet', 'testnet'],
    [
      ['seconds a block', String(devnet.blockSeconds), String(testnet.blockSeconds)],
      ['confirmations, blocks', String(devnet.confirmations), String(testnet.confirmations)],
      ...keys('periods'),
      ...keys('prices'),
    ],
  )
}

/** The whole page. */
export function tablesText(): string {
  const sections: [string, string][] = [
    ['Job', table(FIELDS, fieldRows(JOB, ''))],
    ['Provider', table(FIELDS, fieldRows(PROVIDER, ''))],
    ...Object.entries(ANNOUNCEMENTS).map(([kind, codec]): [string, string] => {
      const max = MAX_ANNOUNCEMENT_BYTES[kind as keyof typeof ANNOUNCEMENTS]
      return [`Announcement \`${kind}\``, `At most ${max} protobuf bytes.\n\n${table(FIELDS, fieldRows(codec, ''))}`]
    }),
    ['Cell', cellTransitions()],
    ['Job life cycle', transitions(JOB_TRANSITIONS)],
    [
      'Events that keep the phase',
      table(
        ['event', 'in phases'],
        Object.entries(JOB_EVENTS).map(([name, phases]) => [`\`${name}\``, phases.join(', ')]),
      ),
    ],
    ['Window life cycle', transitions(WINDOW_TRANSITIONS.map((row) => ({ ...row, to: [row.to] })))],
    ['Presets', presetTable()],
    [
      'Error codes',
      table(
        ['code', 'meaning'],
        Object.entries(ERROR_CODES).map(([code, text]) => [`\`${code}\``, text]),
      ),
    ],
  ]
  const head =
    '# Protocol tables\n\nGenerated from `proto/` (`npx vitest run proto/tables -u`); see [protocol.md](protocol.md).'
  return `${[head, ...sections.map(([title, body]) => `## ${title}\n\n${body}`)].join('\n\n')}\n`
}
