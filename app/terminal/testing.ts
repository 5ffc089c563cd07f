/** A terminal that remembers what was written, for tests. */
import { type Terminal, terminalOf } from '#app/terminal/terminal.ts'

export interface TestTerminal extends Terminal {
  text(): string
}

export function testTerminal(
  env: Readonly<Record<string, string>> = {},
  tty: { readonly columns: number } | null = null,
): TestTerminal {
  let text = ''
  const stream = {
    write: (part: string) => {
      text += part
    },
    isTTY: tty !== null,
    columns: tty?.columns ?? 0,
  }
  const terminal = terminalOf(stream, env)
  return { ...terminal, width: terminal.width, text: () => text }
}
