/** Questions on a terminal: nothing is shown, keys are edited, nobody is asked where nobody is. */
import { EventEmitter } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { askPassphrase, confirm, givenPassphrase } from '#app/terminal/passphrase.ts'

class Keys extends EventEmitter {
  readonly isTTY = true
  raw = false
  setRawMode(raw: boolean): void {
    this.raw = raw
  }
  resume(): void {}
  pause(): void {}
}

async function type(...chunks: string[]): Promise<{ answer: string; shown: string; keys: Keys }> {
  const keys = new Keys()
  let shown = ''
  const answer = askPassphrase('Passphrase: ', keys, (text) => {
    shown += text
  })
  for (const chunk of chunks) {
    expect(keys.raw).toBe(true)
    keys.emit('data', Buffer.from(chunk))
  }
  return { answer: await answer, shown, keys }
}

it('reads a line without showing it', async () => {
  const { answer, shown, keys } = await type('sec', 'ret\r')
  expect(answer).toBe('secret')
  expect(shown).toBe('Passphrase: \n')
  expect(keys.raw).toBe(false)
  expect(keys.listenerCount('data')).toBe(0)
})

it('edits, and ignores what is no character', async () => {
  expect((await type('se\u007f\u007f\u007fgé\u0001nu\bt\n')).answer).toBe('gént')
})

it('stops at Ctrl-C', async () => {
  await expect(type('abc\u0003')).rejects.toMatchObject({ code: 'cancelled' })
})

it('asks nobody where nobody is', async () => {
  const pipe = Object.assign(new Keys(), { isTTY: false as never })
  await expect(askPassphrase('Passphrase: ', pipe)).rejects.toMatchObject({
    code: 'bad-config',
    next: expect.stringContaining('--password-file'),
  })
  await expect(confirm('Really?', pipe)).rejects.toMatchObject({ next: expect.stringContaining('--yes') })
})

it('takes a passphrase from a private file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assay-passphrase-'))
  try {
    const file = join(folder, 'passphrase')
    await writeFile(file, 'correct horse \r\n', { mode: 0o600 })
    expect(await givenPassphrase(file)).toBe('correct horse ')
    await chmod(file, 0o644)
    await expect(givenPassphrase(file)).rejects.toMatchObject({ code: 'bad-config' })
  } finally {
    await rm(folder, { recursive: true })
  }
})
