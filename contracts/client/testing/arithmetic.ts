/**
 * The arithmetic libraries of the contracts, called on a chain of their own: blocks by the packed batch, micro-steps by
 * program.
 */
import { ContractFactory, Interface, Wallet } from 'ethers'
import { encodeProgram } from '#arith/encode.ts'
import type { ElementProgram, Word } from '#arith/types.ts'
import type { Hex } from '#contracts/abi/types.generated.ts'
import { startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import artifacts from '#contracts/testing/probes.generated.json' with { type: 'json' }

/** A word that the machine may use: `OpenedWord` of the contracts. */
export interface Opened {
  readonly traced: boolean
  readonly operand: number
  readonly index: number
  readonly word: Word
}

export interface StepCase {
  readonly element: number
  readonly t: number
  readonly opened: readonly Opened[]
  /** The expected word. */
  readonly word: Word
}

export interface Attempt {
  readonly program: Uint8Array
  readonly element: number
  readonly t: number
  readonly opened: readonly Opened[]
}

export interface Outcome {
  /** Name of the error, `OutOfGas`, or undefined for a word. */
  readonly error: string | undefined
  readonly word: Word
  readonly gas: number
}

export interface Probe {
  /**
   * The number of the first case that differs, or that of all cases.
   * @param cases three arguments and the expected word, again and again
   */
  check(code: number, cases: Uint32Array): Promise<number>
  /** The gas of the dearest case. */
  mostGas(code: number, cases: Uint32Array): Promise<number>
  checkSteps(program: ElementProgram, cases: readonly StepCase[]): Promise<number>
  survey(attempts: readonly Attempt[], gas: number): Promise<Outcome[]>
  traceLength(program: ElementProgram): Promise<number>
  outputType(program: ElementProgram): Promise<{ dtype: number; dims: number[]; elements: number }>
  /** The result of one block, and its gas. */
  evaluate(code: number, args: readonly [Word, Word, Word]): Promise<{ word: Word; gas: number }>
  /** The word of a micro-step, and its gas. */
  execute(program: ElementProgram, step: Omit<StepCase, 'word'>): Promise<{ word: Word; gas: number }>
  stop(): Promise<void>
}

const ERRORS = new Interface([
  'error BadProgram()',
  'error NoBlock(uint256)',
  'error NoMicroStep(uint256,uint256)',
  'error MissingWord(bool,uint8,uint64)',
])

/** Starts a chain and deploys the probe. */
export async function startProbe(): Promise<Probe> {
  const chain = await startAnvil({ accounts: 1 })
  const provider = await openChain(chain.url)
  const { abi, bytecode } = artifacts.ArithmeticProbe
  const wallet = new Wallet(chain.accounts[0]?.privateKey ?? '', provider)
  const contract = await new ContractFactory(abi, bytecode, wallet).deploy()
  await contract.waitForDeployment()
  const to = (await contract.getAddress()) as Hex
  provider.destroy()
  const face = new Interface(abi)

  /** ethers takes seconds to handle megabytes of data. */
  const call = async (data: string): Promise<string> => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params: [{ to, data }, 'latest'] })
    const response = await fetch(chain.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const { result, error } = (await response.json()) as { result?: string; error?: { message: string; data?: string } }
    if (result !== undefined) return result
    const named = error?.data === undefined ? null : ERRORS.parseError(error.data)
    throw new Error(named === null ? error?.message : `${named.name}(${named.args.join(', ')})`)
  }
  const ask = async (name: string, ...args: unknown[]) =>
    face.decodeFunctionResult(name, await call(face.encodeFunctionData(name, args)))

  const packed = async (name: string, code: number, cases: Uint32Array): Promise<number> => {
    const data = Buffer.alloc(4 * cases.length)
    for (let i = 0; i < cases.length; i++) data.writeUInt32BE(cases[i]!, 4 * i)
    const head = face.getFunction(name)!.selector + [code, 0x40, data.length].map(word256).join('')
    // The padding of the last word is missing: nothing looks there.
    return Number(BigInt(await call(head + data.toString('hex'))))
  }

  return {
    check: (code, cases) => packed('check', code, cases),
    mostGas: (code, cases) => packed('mostGas', code, cases),
    async checkSteps(program, cases) {
      return Number((await ask('checkSteps', encodeProgram(program), cases))[0])
    },
    async survey(attempts, gas) {
      const [outcomes] = (await ask('survey', attempts, gas)) as unknown as [[string, bigint, bigint][]]
      return outcomes.map(([selector, word, spent]) => ({
        error: nameOf(selector),
        word: Number(word),
        gas: Number(spent),
      }))
    },
    async traceLength(program) {
      return Number((await ask('traceLength', encodeProgram(program)))[0])
    },
    async outputType(program) {
      const [dtype, dims, elements] = await ask('outputType', encodeProgram(program))
      return { dtype: Number(dtype), dims: [...dims].map(Number), elements: Number(elements) }
    },
    async evaluate(code, args) {
      const [gas, word] = await ask('gasOf', code, ...args)
      return { gas: Number(gas), word: Number(word) }
    },
    async execute(program, { element, t, opened }) {
      const [gas, word] = await ask('gasOfStep', encodeProgram(program), element, t, opened)
      return { gas: Number(gas), word: Number(word) }
    },
    stop: () => chain.stop(),
  }
}

const word256 = (value: number): string => value.toString(16).padStart(64, '0')

function nameOf(selector: string): string | undefined {
  if (selector === '0x00000000') return undefined
  return ERRORS.getError(selector)?.name ?? (selector === '0xffffffff' ? 'OutOfGas' : selector)
}
