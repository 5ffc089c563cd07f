/** Where a passphrase comes from: a file, the environment, or a person at the terminal, who does not see it. */
import { AssayError, fail } from '#proto/errors.ts'
import { type Passphrase, readPrivate } from '#runtime/keys.ts'

const MIN_LENGTH = 8

let remembered: string | undefined

/** What stands in the environment, which forgets it: children of this process have no use for it. */
function fromEnvironment(): string | undefined {
  remembered ??= process.env.ASSAY_PASSWORD || undefined
  delete process.env.ASSAY_PASSWORD
  return remembered
}

/** The passphrase that was given along, by file or environment; undefined: there is none. */
export async function givenPassphrase(file: string | undefined): Promise<string | undefined> {
  const given = fromEnvironment()
  if (file !== undefined) {
    const text = await readPrivate(file, 'passphrase', 'Name a file that holds the passphrase alone.')
    return text.replace(/\r?\n$/, '')
  }
  return given
}

/** Opens keys with what was given along, or by asking. @param passwordFile of `--password-file` */
export function passphraseFrom(passwordFile: string | undefined): Passphrase {
  let given: Promise<string | undefined> | undefined
  return async (file) => {
    given ??= givenPassphrase(passwordFile)
    return (await given) ?? (await askPassphrase(`Passphrase of ${file}: `))
  }
}

/** A passphrase for a new keystore: what was given along, or asked twice. @throws AssayError `bad-input` */
export async function newPassphrase(passwordFile: string | undefined): Promise<string> {
  const given = await givenPassphrase(passwordFile)
  const passphrase = given ?? (await askPassphrase('New passphrase: '))
  if (passphrase.length < MIN_LENGTH) {
    fail('bad-input', `a passphrase has at least ${MIN_LENGTH} characters`, { next: 'Choose a longer one.' })
  }
  if (given === undefined && (await askPassphrase('Once more: ')) !== passphrase) {
    fail('bad-input', 'the two passphrases differ', { next: 'Try again.' })
  }
  return passphrase
}

/** The part of a terminal's input that matters here. */
export interface Keyboard {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  off(event: 'data', listener: (chunk: Buffer) => void): unknown
  resume(): unknown
  pause(): unknown
}

/** Reads a line that is not shown. @throws AssayError `bad-config` without a terminal, `cancelled` after Ctrl-C or Ctrl-D */
export function askPassphrase(
  question: string,
  keyboard: Keyboard = process.stdin,
  show: (text: string) => void = (text) => void process.stderr.write(text),
): Promise<string> {
  return askLine(question, false, keyboard, show)
}

/** Asks a question that `y` or `yes` agrees to. */
export async function confirm(question: string, keyboard: Keyboard = process.stdin): Promise<boolean> {
  const answer = await askLine(`${question} [y/N] `, true, keyboard, (text) => void process.stderr.write(text))
  return /^y(es)?$/i.test(answer.trim())
}

async function askLine(
  question: string,
  echo: boolean,
  keyboard: Keyboard,
  show: (text: string) => void,
): Promise<string> {
  if (keyboard.isTTY !== true || keyboard.setRawMode === undefined) {
    fail('bad-config', 'nobody can be asked: standard input is no terminal', {
      next: 'Give passphrases with --password-file FILE or ASSAY_PASSWORD, and consent with --yes.',
    })
  }
  show(question)
  keyboard.setRawMode(true)
  keyboard.resume()
  try {
    return await typed(keyboard, echo ? show : () => {})
  } finally {
    keyboard.setRawMode(false)
    keyboard.pause()
    show('\n')
  }
}

function typed(keyboard: Keyboard, echo: (text: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = ''
    const done = (end: () => void): void => {
      keyboard.off('data', onData)
      end()
    }
    const stopped = (): void => reject(new AssayError('cancelled', 'stopped at the question'))
    const onData = (chunk: Buffer): void => {
      for (const key of chunk.toString('utf8')) {
        if (key === '\r' || key === '\n') {
          done(() => resolve(line))
          return
        }
        if (key === '\u0003' || key === '\u0004') {
          done(stopped)
          return
        }
        if (key === '\u007f' || key === '\b') line = [...line].slice(0, -1).join('')
        else if (key >= ' ') {
          line += key
          echo(key)
        }
      }
    }
    keyboard.on('data', onData)
  })
}
