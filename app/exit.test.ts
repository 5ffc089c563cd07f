import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EXIT, errorReport, exitCodeOf, printError } from '#app/exit.ts'
import { testTerminal } from '#app/terminal/testing.ts'
import { AssayError, ERROR_CODES, type ErrorCode } from '#proto/errors.ts'

describe('exit codes', () => {
  it('stand in docs/cli.md', () => {
    const rows = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8').matchAll(/^\| (\d+) \| `(\w+)` \|/gm)
    expect(Object.fromEntries([...rows].map(([, code, name]) => [name, Number(code)]))).toEqual(EXIT)
  })

  it('cover every error code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      expect(Object.values(EXIT), code).toContain(exitCodeOf(new AssayError(code, 'x')))
    }
    expect(exitCodeOf(new TypeError('x'))).toBe(EXIT.internal)
    expect(exitCodeOf('x')).toBe(EXIT.internal)
    expect(new Set(Object.values(EXIT)).size).toBe(Object.values(EXIT).length)
  })
})

describe('printError', () => {
  const error = new AssayError('bad-job', 'two faults\na: wrong \u001b[2J\nb: missing', { next: 'Read the docs.' })

  it('tells the message, the code and the next step, harmless and without a stack', () => {
    const terminal = testTerminal()
    printError(terminal, error)
    expect(terminal.text()).toBe('error two faults (bad-job)\n  a: wrong ·[2J\n  b: missing\nnext  Read the docs.\n')
  })

  it('shows stack and causes when asked', () => {
    const terminal = testTerminal()
    printError(terminal, new AssayError('storage', 'outer', { cause: new Error('inner') }), true)
    expect(terminal.text()).toMatch(/AssayError: outer\n {4}at .*caused by Error: inner\n {4}at /s)
  })

  it('survives causes that go in circles', () => {
    const circle = new Error('a')
    circle.cause = circle
    const terminal = testTerminal()
    printError(terminal, circle, true)
    expect(terminal.text()).toMatch(/This is a bug in Assay/)
  })

  it('has a form for programs', () => {
    expect(errorReport(error)).toMatchObject({ error: { code: 'bad-job', next: 'Read the docs.' }, exitCode: EXIT.job })
    expect(errorReport(new TypeError('x')).error).toMatchObject({ code: 'internal', message: 'x' })
  })
})
