import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createProgress } from '#app/terminal/progress.ts'
import { terminalOf } from '#app/terminal/terminal.ts'
import { testTerminal } from '#app/terminal/testing.ts'

describe('progress in a pipe', () => {
  it('prints a line for each tenth, with loss, speed and time left', () => {
    let now = 0
    const terminal = testTerminal()
    const progress = createProgress(terminal, { label: 'training', total: 20, now: () => now })
    for (let done = 1; done <= 20; done++) {
      now += 500
      progress.update(done, { loss: 4 / done })
    }
    progress.stop()
    const lines = terminal.text().trimEnd().split('\n')
    expect(lines).toHaveLength(11)
    expect(lines[1]).toBe('training: 2/20 steps  loss 2.000  2.00 steps/s  ETA 9.0 s')
    expect(lines.at(-1)).toBe('training: 20/20 steps  loss 0.2000  2.00 steps/s  in 10.0 s')
    expect(terminal.text()).not.toContain('\u001b')
  })

  it('prints at least every ten seconds, and the last state when stopped', () => {
    let now = 0
    const terminal = testTerminal()
    const progress = createProgress(terminal, { label: 'verifying', unit: 'entries', total: 1000, now: () => now })
    for (let done = 1; done <= 11; done++) {
      now += 2000
      progress.update(done)
    }
    progress.stop()
    progress.stop()
    const lines = terminal.text().trimEnd().split('\n')
    expect(lines.map((line) => line.split(' ')[1])).toEqual(['1/1,000', '6/1,000', '11/1,000'])
  })

  it('survives a rollback', () => {
    let now = 0
    const terminal = testTerminal()
    const progress = createProgress(terminal, { label: 'training', total: 4, now: () => now })
    for (const done of [1, 2, 3, 1, 2, 3, 4]) {
      now += 1000
      progress.update(done)
    }
    progress.stop()
    expect(terminal.text()).toContain('4/4 steps  1.00 steps/s')
    expect(terminal.text()).not.toMatch(/NaN|-\d/)
  })
})

describe('progress on a terminal', () => {
  it('redraws one bar within the width and gives the cursor back', () => {
    const stream = new PassThrough() as PassThrough & { isTTY: boolean; columns: number }
    stream.isTTY = true
    stream.columns = 60
    let text = ''
    stream.on('data', (part: Buffer) => {
      text += part.toString()
    })
    let now = 0
    const progress = createProgress(terminalOf(stream, {}), { label: 'training', total: 4, now: () => now })
    for (let done = 1; done <= 4; done++) {
      now += 1000
      progress.update(done, { loss: 1.5, note: 'a note that is far too long for sixty columns' })
      if (done === 2) progress.log('window 0 settled')
    }
    progress.stop()
    progress.log('after')
    stream.read()
    expect(text).toContain('100%')
    expect(text).toContain('window 0 settled')
    expect(text.endsWith('after\n')).toBe(true)
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: strips the escape sequences of the terminal
    const lines = text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '\r').split(/[\r\n]+/)
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(60)
  })
})
