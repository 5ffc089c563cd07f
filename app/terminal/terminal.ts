/** What the place we print to can show: a terminal or a pipe, its width, colours, Unicode. */

export interface Terminal {
  /** Writes text as it is. */
  write(text: string): void
  /** What is written to, for libraries that redraw lines. */
  readonly stream: Stream
  /** Whether lines can be redrawn in place. */
  readonly live: boolean
  readonly colour: boolean
  /** Whether block and braille characters can be shown; otherwise ASCII stands in. */
  readonly unicode: boolean
  /** Columns; 80 for a pipe. */
  readonly width: number
}

/** The part of a TTY stream that matters here. */
export interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

type Environment = Readonly<Record<string, string | undefined>>

const PIPE_WIDTH = 80

/**
 * Colours follow the conventions of NO_COLOR (any non-empty value turns them off) and FORCE_COLOR, and need a terminal
 * otherwise; TERM=dumb can do nothing.
 */
export function terminalOf(stream: Stream, env: Environment = process.env): Terminal {
  const tty = stream.isTTY === true && env.TERM !== 'dumb'
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '' && env.FORCE_COLOR !== '0'
  return {
    write: (text) => void stream.write(text),
    stream,
    live: tty,
    colour: !env.NO_COLOR && (tty || forced),
    unicode: showsUnicode(env),
    get width() {
      return Math.max(20, stream.isTTY === true ? (stream.columns ?? PIPE_WIDTH) : PIPE_WIDTH)
    },
  }
}

/** The Linux console has no braille; a locale that is explicitly C or POSIX asks for ASCII. */
function showsUnicode(env: Environment): boolean {
  if (env.TERM === 'linux' || env.TERM === 'dumb') return false
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || ''
  return locale !== 'C' && locale !== 'POSIX'
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const
export type Style = keyof typeof STYLES

/** `text` in a colour or weight where the terminal has colours, as it is elsewhere. */
export function paint(terminal: Pick<Terminal, 'colour'>, style: Style, text: string): string {
  return terminal.colour ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text
}
