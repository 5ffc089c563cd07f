/** Features are what the system reports; made-up processors show every way to lack one. */
import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { detect, openProcessor, type Processor, probe } from './features.ts'
import { gate } from './testing.ts'

const { host, why } = await gate()

describe.skipIf(!host)(`this processor${why}`, () => {
  const flags = () =>
    new Set(
      readFileSync('/proc/cpuinfo', 'utf8')
        .match(/^flags\s*: (.*)$/m)![1]!
        .split(' '),
    )

  it('has the features that the system lists', async () => {
    const found = flags()
    const has = (...names: string[]) => names.every((name) => found.has(name))
    const avx2 = has('avx2', 'fma', 'bmi1', 'bmi2')
    const avx512 = avx2 && has('avx512f', 'avx512bw', 'avx512dq', 'avx512vl')
    const result = await probe()
    expect(result.ok).toBe(avx2)
    if (!result.ok) return
    const { amx, ...rest } = result.features
    expect(rest).toEqual({ avx2, avx512, vnni: avx512 && has('avx512_vnni') })
    // The system may still refuse tiles that the processor has.
    if (amx) expect(has('amx_tile', 'amx_int8')).toBe(true)
    if (!has('amx_tile')) expect(amx).toBe(false)
  })

  it('is asked by emitted code', () => {
    const { processor, close } = openProcessor(host!)
    onTestFinished(close)
    const [most, ...name] = processor.cpuid(0, 0)
    expect(most).toBeGreaterThan(0)
    const text = Buffer.from(Uint32Array.of(name[0], name[2], name[1]).buffer).toString('latin1')
    expect(readFileSync('/proc/cpuinfo', 'utf8')).toContain(text)
    expect(processor.xcr0() & 1).toBe(1)
    if (!flags().has('amx_tile')) expect(processor.requestTiles()).toBe(false)
  })
})

describe('made-up processors', () => {
  const bits = (...indices: number[]) => indices.reduce((word, index) => (word | (1 << index)) >>> 0, 0)
  const basic = bits(12, 27, 28)
  const ebx = bits(3, 5, 8, 16, 17, 30, 31)
  const [ecx, edx] = [bits(11), bits(24, 25)]
  const machine = (
    change: Partial<{
      most: number
      basic: number
      ebx: number
      ecx: number
      edx: number
      state: number
      tiles: boolean
    }>,
  ): Processor => {
    const all = { most: 7, basic, ebx, ecx, edx, state: 0x600e7, tiles: true, ...change }
    return {
      cpuid: (leaf) =>
        leaf === 0 ? [all.most, 0, 0, 0] : leaf === 1 ? [0, 0, all.basic, 0] : [0, all.ebx, all.ecx, all.edx],
      xcr0: () => all.state,
      requestTiles: () => all.tiles,
    }
  }
  const without = (word: number, index: number) => (word & ~(1 << index)) >>> 0
  const [avx2, avx512, vnni, amx] = [{ avx2: true }, { avx512: true }, { vnni: true }, { amx: true }]
  const none = { avx2: false, avx512: false, vnni: false, amx: false }

  it('have everything', () => {
    expect(detect(machine({}))).toEqual({ ...avx2, ...avx512, ...vnni, ...amx })
  })

  it.each([
    ['old', { most: 6 }],
    ['without fma', { basic: without(basic, 12) }],
    ['under a system that saves no vectors', { basic: without(basic, 27) }],
    ['without avx', { basic: without(basic, 28) }],
    ['with ymm not saved', { state: 0x3 }],
    ['without bmi1', { ebx: without(ebx, 3) }],
    ['without avx2', { ebx: without(ebx, 5) }],
    ['without bmi2', { ebx: without(ebx, 8) }],
  ])('have nothing: %s', (_name, change) => {
    expect(detect(machine(change))).toEqual(none)
  })

  it.each([16, 17, 30, 31])('have avx2 alone without bit %i', (index) => {
    expect(detect(machine({ ebx: without(ebx, index) }))).toEqual({ ...none, ...avx2 })
  })

  it('have avx2 alone where zmm are not saved', () => {
    expect(detect(machine({ state: 0x60067 }))).toEqual({ ...none, ...avx2 })
  })

  it('have no vnni', () => {
    expect(detect(machine({ ecx: 0 }))).toEqual({ ...none, ...avx2, ...avx512, ...amx })
  })

  it.each([[{ edx: without(edx, 24) }], [{ edx: without(edx, 25) }], [{ state: 0x200e7 }], [{ tiles: false }]])(
    'have no tiles: %o',
    (change) => {
      expect(detect(machine(change))).toEqual({ ...none, ...avx2, ...avx512, ...vnni })
    },
  )
})
