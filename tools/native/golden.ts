/**
 * Records how GNU as encodes the instructions of the native engine's assembler: `node tools/native/golden.ts` writes
 * engine/native/x86/golden.txt, one line for each instruction: its name and the bytes of its cases, in order.
 * It needs binutils; the test that reads the file does not.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { groups } from '#engine/native/x86/testing.ts'

const TARGET = new URL('../../engine/native/x86/golden.txt', import.meta.url)

const all = [...groups()]
const texts = all.flatMap(({ cases }) => cases.map(({ text }) => text))
const source = [
  '.intel_syntax noprefix',
  '.text',
  ...texts.flatMap((text, i) => [`L${i}:`, text.replaceAll('@', `L${i}`)]),
  `L${texts.length}:`,
  '.section lengths',
  ...texts.map((_, i) => `.byte L${i + 1} - L${i}`),
]
const folder = mkdtempSync(join(tmpdir(), 'assay-golden-'))
const path = (name: string) => join(folder, name)
writeFileSync(path('all.s'), `${source.join('\n')}\n`)
execFileSync('as', ['--64', '-o', path('all.o'), path('all.s')], { stdio: 'inherit' })
const section = (name: string): Uint8Array => {
  execFileSync('objcopy', [
    '-O',
    'binary',
    '-j',
    name,
    '--set-section-flags',
    `${name}=alloc`,
    path('all.o'),
    path(name),
  ])
  return readFileSync(path(name))
}
const [code, lengths] = [section('.text'), section('lengths')]
rmSync(folder, { recursive: true })

let [at, index] = [0, 0]
const lines = all.map(({ name, cases }) => {
  const encodings = cases.map(() => {
    const length = lengths[index++]!
    at += length
    return Buffer.from(code.subarray(at - length, at)).toString('hex')
  })
  return `${name}: ${encodings.join(' ')}\n`
})
writeFileSync(TARGET, lines.join(''))
console.log(`${texts.length} cases of ${all.length} instructions`)
