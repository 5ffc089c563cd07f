import { describe, expect, it } from 'vitest'
import { curve } from '#app/terminal/curve.ts'
import { byteCount, count, duration, figure, percent, printable, short, truncate } from '#app/terminal/format.ts'
import { table } from '#app/terminal/table.ts'
import { paint, terminalOf } from '#app/terminal/terminal.ts'

const tty = { write: () => true, isTTY: true, columns: 120 }
const pipe = { write: () => true }

describe('terminalOf', () => {
  it('colours a terminal, not a pipe, and obeys NO_COLOR, FORCE_COLOR and TERM=dumb', () => {
    expect(terminalOf(tty, {}).colour).toBe(true)
    expect(terminalOf(pipe, {}).colour).toBe(false)
    expect(terminalOf(tty, { NO_COLOR: '1' }).colour).toBe(false)
    expect(terminalOf(tty, { NO_COLOR: '' }).colour).toBe(true)
    expect(terminalOf(pipe, { FORCE_COLOR: '1' }).colour).toBe(true)
    expect(terminalOf(pipe, { FORCE_COLOR: '0' }).colour).toBe(false)
    expect(terminalOf(tty, { TERM: 'dumb' })).toMatchObject({ colour: false, live: false, unicode: false })
  })

  it('knows the width, and where Unicode shows', () => {
    expect(terminalOf(tty, {}).width).toBe(120)
    expect(terminalOf(pipe, {}).width).toBe(80)
    expect(terminalOf(pipe, {}).unicode).toBe(true)
    expect(terminalOf(tty, { TERM: 'linux' }).unicode).toBe(false)
    expect(terminalOf(pipe, { LC_ALL: 'C', LANG: 'de_DE.UTF-8' }).unicode).toBe(false)
    expect(terminalOf(pipe, { LANG: 'de_DE.UTF-8' }).unicode).toBe(true)
  })

  it('paints only in colour', () => {
    expect(paint({ colour: true }, 'red', 'x')).toBe('\u001b[31mx\u001b[0m')
    expect(paint({ colour: false }, 'red', 'x')).toBe('x')
  })
})

describe('format', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [999.7, '1.0 s'],
    [59_949, '59.9 s'],
    [59_960, '1 m 00 s'],
    [185_000, '3 m 05 s'],
    [3_599_700, '1 h 00 m'],
    [7_620_000, '2 h 07 m'],
    [97 * 3_600_000, '4 d 01 h'],
    [Number.NaN, '-'],
    [-1, '-'],
    [Number.POSITIVE_INFINITY, '-'],
  ])('duration %d', (ms, text) => expect(duration(ms)).toBe(text))

  it.each([
    [2.31415, '2.314'],
    [0.0125, '0.01250'],
    [1234.5, '1235'],
    [-0.5, '-0.5000'],
    [0, '0'],
    [1.5e-9, '1.500e-9'],
    [Number.NaN, 'NaN'],
  ])('figure %d', (value, text) => expect(figure(value)).toBe(text))

  it('counts, bytes, shares, hashes', () => {
    expect([count(0), count(999), count(1000), count(12345678n)]).toEqual(['0', '999', '1,000', '12,345,678'])
    expect([byteCount(640), byteCount(1536), byteCount(12 << 20)]).toEqual(['640 bytes', '1.5 KiB', '12.0 MiB'])
    expect(percent(0.125)).toBe('12.5%')
    expect([short('3f9a0c41aa'), short('0x3f9a0c41aa')]).toEqual(['3f9a0c41', '0x3f9a0c41'])
  })

  it('makes foreign text harmless', () => {
    expect(printable('a\u001b[2Jb\u202ec\nd\u0000')).toBe('a·[2Jb·c·d·')
    expect(printable('a\nb\tc', true)).toBe('a\nb·c')
    expect(printable('Käse 語 🎉')).toBe('Käse 語 🎉')
  })

  it('truncates by visible columns', () => {
    expect(truncate('\u001b[31mabc\u001b[0m', 3)).toBe('\u001b[31mabc\u001b[0m')
    expect(truncate('abcdef', 4)).toBe('abc…')
    expect(truncate('abcdef', 0)).toBe('')
  })
})

describe('table', () => {
  const head = [{ title: 'who' }, { title: 'amount', align: 'right' }, { title: 'why', flexible: true }] as const
  const rows = [
    ['solver 0', '120', 'window 0 settled'],
    ['verifier 1', '7', 'refuted an entry of solver 1 in window 3'],
  ]

  it('aligns', () => {
    expect(table(head, rows, { width: 80, unicode: true }).join('\n')).toMatchInlineSnapshot(`
      "who         amount  why
      ──────────  ──────  ────────────────────────────────────────
      solver 0       120  window 0 settled
      verifier 1       7  refuted an entry of solver 1 in window 3"
    `)
  })

  it('shrinks flexible columns and no others', () => {
    expect(table(head, rows, { width: 40, unicode: false }).join('\n')).toMatchInlineSnapshot(`
      "who         amount  why
      ----------  ------  --------------------
      solver 0       120  window 0 settled
      verifier 1       7  refuted an entry of~"
    `)
    expect(table(head, rows, { width: 10, unicode: true })[3]).toBe('verifier 1       7  refuted…')
  })

  it('copes with missing cells and no rows', () => {
    expect(table(head, [['x']], { width: 80, unicode: false })[2]).toBe('x')
    expect(table(head, [], { width: 80, unicode: false })).toHaveLength(2)
  })
})

describe('curve', () => {
  const decay = Array.from({ length: 200 }, (_, i) => 1.5 + 2.5 / (1 + i / 10))

  it('draws braille', () => {
    expect(curve(decay, { width: 40, height: 5, unicode: true }).join('\n')).toMatchInlineSnapshot(`
      "3.785 │⢱
            │⠘⡄
            │ ⠱⡀
            │  ⠈⠢⢄⡀
      1.620 │     ⠈⠉⠑⠒⠒⠢⠤⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀
            └────────────────────────────
             step 0                   199"
    `)
  })

  it('draws stars where there is no Unicode', () => {
    expect(curve(decay, { width: 40, height: 5, unicode: false, first: 100 }).join('\n')).toMatchInlineSnapshot(`
      "3.471 |*
            | *
            | **
            |   ******
      1.622 |         *******************
            +----------------------------
             step 100                 299"
    `)
  })

  it('fits every width, with any number of values', () => {
    for (const width of [20, 33, 80, 200]) {
      for (const size of [1, 2, 3, 50, 1000]) {
        const lines = curve(decay.slice(0, 1).concat(Array.from({ length: size - 1 }, (_, i) => i)), {
          width,
          unicode: true,
        })
        expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(width)
        expect(lines).toHaveLength(10)
      }
    }
  })

  it('leaves gaps for values that are not finite, and says when there is nothing', () => {
    expect(curve([1, Number.NaN, 1], { width: 20, height: 2, unicode: false }).join('\n')).toMatchInlineSnapshot(`
      "1.000 |**    **
      1.000 |
            +--------
             step 0 2"
    `)
    expect(curve([Number.NaN, Number.POSITIVE_INFINITY], { width: 20, unicode: true })).toEqual(['(nothing to draw)'])
    expect(curve([], { width: 20, unicode: true })).toEqual(['(nothing to draw)'])
  })
})
