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
      "cnn-tiny": "479af42b5266d54b8ce9cd7cc7cb1111e8845d793fce065ca1b3205bcd7bb8b7",
      "gpt-dropout": "f554ea115a14c62f8d684ccb6edd3b5945b48f214a7280e5ed09f00f227545d9",
      "gpt-tiny": "c0896532e9a2b5d2f6e810e8d5583d5df2b8d5d7ab33c78f00a09c901d552106",
      "mlp-tiny": "c457c3e4aa7dfcbd27ee80ddba44347740d10b77228e4ac0df2b3af2b109d029",
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
