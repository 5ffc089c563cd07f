/** What the processor has and the operating system lets it use, asked by emitted code. */
import { isAssayError } from '#proto/errors.ts'
import { Assembler } from './assembler.ts'
import { type CodeBlock, type Host, openHost } from './host.ts'
import { imm, mem, R9, RAX, RBX, RCX, RDI, RDX, RSI, RSP } from './x86/operands.ts'

export interface Features {
  /** AVX2 with fma, bmi1 and bmi2. */
  readonly avx2: boolean
  /** AVX-512 f, bw, dq and vl, besides all of `avx2`. */
  readonly avx512: boolean
  /** AVX-512 vnni, besides all of `avx512`. */
  readonly vnni: boolean
  /** AMX tiles with int8, for which the system gave the process permission, besides all of `avx512`. */
  readonly amx: boolean
}

export type Probe =
  | { readonly ok: true; readonly features: Features }
  | { readonly ok: false; readonly why: string; readonly next: string }

/** Registers as cpuid returns them, each 32 bits unsigned. */
export type Cpuid = (leaf: number, subleaf: number) => readonly [eax: number, ebx: number, ecx: number, edx: number]

export interface Processor {
  readonly cpuid: Cpuid
  /** The low half of the extended control register 0: the state that the system saves. */
  xcr0(): number
  /** Asks the system for the use of tiles; it is granted to the whole process, or not. */
  requestTiles(): boolean
}

/** Asks the machine. Never throws; does not start anything. */
export async function probe(): Promise<Probe> {
  try {
    const host = await openHost()
    const { processor, close } = openProcessor(host)
    const features = detect(processor)
    close()
    if (features.avx2) return { ok: true, features }
    return {
      ok: false,
      why: 'the processor (or the system) lacks AVX2, FMA or BMI2',
      next: 'Use the wasm engine.',
    }
  } catch (error) {
    if (!isAssayError(error)) throw error
    return { ok: false, why: error.message, next: error.next ?? 'Use the wasm engine.' }
  }
}

const bit = (word: number, index: number): boolean => ((word >>> index) & 1) === 1
const all = (word: number, ...indices: readonly number[]): boolean => indices.every((index) => bit(word, index))

/** Parts of XCR0: xmm and ymm; opmasks and zmm; tiles. */
const STATE = { avx: 0x6, avx512: 0xe0, tiles: 0x60000 } as const

/** Reads the features; the bits are those of the processor manuals. Tiles are requested where the processor has them. */
export function detect({ cpuid, xcr0, requestTiles }: Processor): Features {
  const none: Features = { avx2: false, avx512: false, vnni: false, amx: false }
  if (cpuid(0, 0)[0] < 7) return none
  const [, , basic] = cpuid(1, 0)
  const [, ebx, ecx, edx] = cpuid(7, 0)
  const [FMA, OSXSAVE, AVX] = [12, 27, 28] as const
  if (!all(basic, FMA, OSXSAVE, AVX)) return none
  const state = xcr0()
  const saves = (part: number): boolean => (state & part) === part
  const [BMI1, AVX2, BMI2] = [3, 5, 8] as const
  const [F, DQ, BW, VL] = [16, 17, 30, 31] as const
  const [VNNI, TILE, INT8] = [11, 24, 25] as const
  const avx2 = saves(STATE.avx) && all(ebx, BMI1, AVX2, BMI2)
  const avx512 = avx2 && saves(STATE.avx512) && all(ebx, F, DQ, BW, VL)
  return {
    avx2,
    avx512,
    vnni: avx512 && bit(ecx, VNNI),
    amx: avx512 && saves(STATE.tiles) && all(edx, TILE, INT8) && requestTiles(),
  }
}

const ARCH_PRCTL = 158
const REQUEST_PERMISSION = 0x1023
const TILE_DATA = 18

/** The processor behind a host; `close` takes back the code that asks it. */
export function openProcessor(host: Host): { readonly processor: Processor; close(): void } {
  const asm = new Assembler()
  const [cpuidAt, xgetbvAt, prctlAt] = [emitCpuid(asm), emitXgetbv(asm), emitPrctl(asm)]
  const block: CodeBlock = host.map(asm.finish())
  const [cpuid, xgetbv, prctl] = [
    host.bind(block.address + cpuidAt, 3),
    host.bind(block.address + xgetbvAt, 0),
    host.bind(block.address + prctlAt, 2),
  ]
  return {
    processor: {
      cpuid: (leaf, subleaf) => [
        cpuid(leaf, subleaf, 0),
        cpuid(leaf, subleaf, 1),
        cpuid(leaf, subleaf, 2),
        cpuid(leaf, subleaf, 3),
      ],
      xcr0: () => xgetbv(),
      requestTiles: () => prctl(REQUEST_PERMISSION, TILE_DATA) === 0,
    },
    close: () => block.close(),
  }
}

/** (leaf, subleaf, which of eax, ebx, ecx, edx) -> its value. */
function emitCpuid(asm: Assembler): number {
  asm.align(16)
  const start = asm.length
  asm.gpr('push', 64, RBX)
  asm.gpr('sub', 64, RSP, imm(16))
  asm.gpr('mov', 64, R9, RDX)
  asm.gpr('mov', 32, RAX, RDI)
  asm.gpr('mov', 32, RCX, RSI)
  asm.op('cpuid')
  for (const [i, register] of [RAX, RBX, RCX, RDX].entries()) asm.gpr('mov', 32, mem(RSP, i * 4), register)
  asm.gpr('mov', 32, RAX, mem(RSP, 0, R9, 4))
  asm.gpr('add', 64, RSP, imm(16))
  asm.gpr('pop', 64, RBX)
  asm.op('ret')
  return start
}

/** () -> low half of XCR0. The processor must have OSXSAVE. */
function emitXgetbv(asm: Assembler): number {
  asm.align(16)
  const start = asm.length
  asm.gpr('xor', 32, RCX, RCX)
  asm.op('xgetbv')
  asm.gpr('mov', 32, RAX, RAX)
  asm.op('ret')
  return start
}

/** (option, argument) -> result of the system call arch_prctl: 0, or a negative error. */
function emitPrctl(asm: Assembler): number {
  asm.align(16)
  const start = asm.length
  asm.gpr('mov', 32, RAX, imm(ARCH_PRCTL))
  asm.op('syscall')
  asm.op('ret')
  return start
}
