/** Canonical encoding: round trips, refused alterations, and roots that must not move unnoticed. */
import { expect, test } from 'vitest'
import { toHex } from '#proto/bytes.ts'
import { AssayError } from '#proto/errors.ts'
import { seededRandom } from '#proto/testing.ts'
import { decodeGraph, encodeGraph, graphRoot, programRoot } from './encode.ts'
import { PRESETS, type PresetName } from './presets.ts'
import { buildProgram } from './program.ts'
import { PHASES } from './types.ts'

const names = Object.keys(PRESETS) as PresetName[]

test.each(names)('%s: decoding gives the graph back', (name) => {
  const program = buildProgram(PRESETS[name])
  for (const phase of PHASES) {
    const graph = decodeGraph(encodeGraph(program[phase]))
    expect(graph).toEqual(program[phase])
    expect(graphRoot(graph)).toEqual(graphRoot(program[phase]))
  }
})

test.each(names)('%s: building twice gives one root', (name) => {
  expect(programRoot(buildProgram(PRESETS[name]))).toEqual(programRoot(buildProgram(PRESETS[name])))
})

/**
 * Golden roots: a change here changes what every job commits to. If it is meant, say so in the changelog.
 */
test('program roots of the presets', () => {
  const roots = names.map((name) => [name, toHex(programRoot(buildProgram(PRESETS[name])))])
  expect(Object.fromEntries(roots)).toMatchInlineSnapshot(`
    {
      "cnn-tiny": "d6a4194e725fbc2043f42b3964a897a3d31db6781cca77adfa8907438f6f26f5",
      "gpt-dropout": "b19aab972b0f3c96bf7af736ca1246c26a833b07a8a8b12140521f5f08d09404",
      "gpt-tiny": "172d651bcaa05c10249c280939b094355b0566bc93dd3a73ff9bee9ef0814274",
      "mlp-tiny": "df230ff1229c6fb140a7b119924b2bf851d804d6fb18201adcfdc98dd53d646b",
    }
  `)
})

test('every alteration of one byte is refused or gives another root', () => {
  const { combine, evaluate } = buildProgram(PRESETS['mlp-tiny'])
  for (const graph of [combine, evaluate]) {
    const bytes = encodeGraph(graph)
    const root = toHex(graphRoot(graph))
    const random = seededRandom(5)
    let refused = 0
    for (let k = 0; k < 400; k++) {
      const altered = bytes.slice()
      const at = random.below(bytes.length)
      altered[at] = (altered[at] as number) ^ (1 << random.below(8))
      try {
        expect(toHex(graphRoot(decodeGraph(altered)))).not.toBe(root)
      } catch (error) {
        if (!(error instanceof AssayError)) throw error
        refused++
      }
    }
    expect(refused).toBeGreaterThan(200)
  }
})

test('truncated and longer bytes are refused', () => {
  const bytes = encodeGraph(buildProgram(PRESETS['mlp-tiny']).combine)
  for (const length of [0, 1, 4, bytes.length >> 1, bytes.length - 1]) {
    expect(() => decodeGraph(bytes.slice(0, length))).toThrow(AssayError)
  }
  expect(() => decodeGraph(new Uint8Array([...bytes, 0]))).toThrow('trailing')
})
