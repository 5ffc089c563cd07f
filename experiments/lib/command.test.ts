import { parseArgs } from 'node:util'
import { afterEach, expect, test, vi } from 'vitest'
import { understood } from './command.ts'

afterEach(() => vi.restoreAllMocks())

/** What a command line is told, and the exit code of the process that it ends. */
function told(...args: string[]): { code: unknown; out: string; err: string } {
  const said = { out: '', err: '' }
  for (const name of ['out', 'err'] as const) {
    vi.spyOn(process[`std${name}`], 'write').mockImplementation((text) => {
      said[name] += text
      return true
    })
  }
  const exit = vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Error(`exit ${code}`)
  })
  const read = (given: readonly string[]) => parseArgs({ args: [...given], options: { steps: { type: 'string' } } })
  expect(() => understood('USAGE', args, read)).toThrow('exit')
  return { code: exit.mock.calls[0]?.[0], ...said }
}

test('what is understood is returned', () => {
  expect(understood('USAGE', ['7'], ([n]) => Number(n))).toBe(7)
})

test('--help prints the usage, wherever it stands', () => {
  expect(told('--steps', '3', '--help')).toEqual({ code: 0, out: 'USAGE\n', err: '' })
})

test('an option that does not exist is named, with the usage', () => {
  const { code, out, err } = told('--stesp', '3')
  expect(code).toBe(2)
  expect(out).toBe('')
  expect(err).toMatch(/--stesp[\s\S]*\n\nUSAGE\n$/)
})
