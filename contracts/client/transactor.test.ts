/** Sending through nodes that stumble, accounts that are shared, chains that restart. */
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Wallet } from 'ethers'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type Anvil, startAnvil } from '#contracts/anvil.ts'
import { openChain } from '#contracts/chain.ts'
import { type Deployment, deploy } from '#contracts/deploy.ts'
import { isContractError } from '#contracts/errors.ts'
import { AssayReader } from '#contracts/reader.ts'
import { AssaySender } from '#contracts/sender.ts'
import { type Fate, startFlakyNode } from '#contracts/testing/flaky.ts'
import { isAssayError } from '#proto/errors.ts'

let folder: string
let chain: Anvil
let deployment: Deployment

const keyOf = (i: number): string => chain.accounts[i]?.privateKey ?? ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-chain-'))
  chain = await startAnvil({ blockTime: 0.1, state: join(folder, 'chain.json'), log: join(folder, 'chain.log') })
  const provider = await openChain(chain.url)
  deployment = await deploy(new Wallet(keyOf(0), provider))
  provider.destroy()
})

afterAll(async () => {
  await chain.stop()
  await rm(folder, { recursive: true, force: true })
})

async function connected<T>(url: string, use: (sender: AssaySender, reader: AssayReader) => Promise<T>, account = 1) {
  const provider = await openChain(url)
  try {
    const sender = new AssaySender(provider, deployment, keyOf(account), { pollMs: 20 })
    return await use(sender, new AssayReader(provider, deployment))
  } finally {
    provider.destroy()
  }
}

it('sends a burst in order', async () => {
  await connected(chain.url, async (sender, reader) => {
    const sent = await Promise.all(Array.from({ length: 20 }, (_, i) => sender.deposit(BigInt(i + 1))))
    const amounts = sent.map(({ events }) => (events[0]?.name === 'Ledger' ? events[0].amount : 0n))
    expect(amounts).toEqual(Array.from({ length: 20 }, (_, i) => BigInt(i + 1)))
    expect(await reader.balanceOf(sender.address)).toBe(210n)
  })
})

it('lands every call exactly once through a node that loses requests and answers', async () => {
  const pattern: Fate[] = [
    'pass',
    'pass',
    'lose-answer',
    'pass',
    'pass',
    'pass',
    'server-error',
    'pass',
    'lose-request',
  ]
  const node = await startFlakyNode(chain.url, (request, method) =>
    method === 'eth_chainId' ? 'pass' : (pattern[request % pattern.length] ?? 'pass'),
  )
  try {
    await connected(
      node.url,
      async (sender, reader) => {
        for (let i = 0; i < 12; i++) await sender.deposit(1n)
        const balance = async (): Promise<bigint> => reader.balanceOf(sender.address).catch(balance)
        expect(await balance()).toBe(12n)
      },
      2,
    )
    expect(node.troubles()).toBeGreaterThan(10)
  } finally {
    await node.stop()
  }
})

it('recovers its nonce when another program uses the account', async () => {
  await connected(chain.url, (mine) =>
    connected(chain.url, async (other, reader) => {
      const before = await reader.balanceOf(mine.address)
      for (let i = 0; i < 4; i++) {
        await mine.deposit(1n)
        await other.deposit(10n)
      }
      expect(await reader.balanceOf(mine.address)).toBe(before + 44n)
    }),
  )
})

it('does not lose its place after a call that reverts', async () => {
  await connected(chain.url, async (sender, reader) => {
    const before = await reader.balanceOf(sender.address)
    const calls = [sender.deposit(5n), sender.withdraw(10n ** 30n), sender.deposit(6n)]
    const [first, second, third] = await Promise.allSettled(calls)
    expect([first?.status, second?.status, third?.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(second?.status === 'rejected' && isContractError(second.reason, 'InsufficientBalance')).toBe(true)
    expect(await reader.balanceOf(sender.address)).toBe(before + 11n)
  })
})

it('names the error of a call that reverts only in its block', async () => {
  await connected(chain.url, async (sender, reader) => {
    const free = await reader.balanceOf(sender.address)
    // Both pass the estimate on the same state; the second meets an empty balance.
    const outcomes = await Promise.allSettled([sender.withdraw(free), sender.withdraw(free)])
    const failed = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
    expect(failed).toHaveLength(1)
    expect(isContractError(failed[0], 'InsufficientBalance')).toBe(true)
  })
})

it('says when an account cannot pay', async () => {
  const provider = await openChain(chain.url)
  const poor = new AssaySender(provider, deployment, Wallet.createRandom().privateKey)
  await expect(poor.deposit(1n)).rejects.toSatisfy((error) => isAssayError(error, 'no-funds'))
  provider.destroy()
})

it('keeps state and connections through a restart of the chain', async () => {
  await connected(
    chain.url,
    async (sender, reader) => {
      await sender.deposit(77n)
      const { port, mnemonic } = chain
      await chain.stop()
      const late = sender.deposit(1n)
      chain = await startAnvil({ blockTime: 0.1, state: join(folder, 'chain.json'), port, mnemonic })
      await late
      expect(await reader.balanceOf(sender.address)).toBe(78n)
    },
    3,
  )
})

it('keeps a state that is whole through a sudden end of the chain, and sends again what that lost', async () => {
  await connected(
    chain.url,
    async (sender, reader) => {
      await sender.deposit(1n)
      const early = await reader.block()
      // Saved once a second, or less often on a busy machine.
      const seen = Date.now()
      await vi.waitFor(async () => expect((await stat(join(folder, 'chain.json'))).mtimeMs).toBeGreaterThan(seen), {
        timeout: 60_000,
        interval: 50,
      })
      await sender.deposit(2n)
      const { port, mnemonic } = chain
      process.kill(chain.pid, 'SIGKILL')
      await chain.exited
      chain = await startAnvil({ blockTime: 0.1, state: join(folder, 'chain.json'), port, mnemonic })
      expect(await reader.block(early?.number)).toEqual(early)
      await sender.restore()
      await sender.deposit(4n)
      expect(await reader.balanceOf(sender.address)).toBe(7n)
      const events = await reader.events(deployment.fromBlock, await reader.blockNumber())
      const mine = events.flatMap((event) =>
        event.name === 'Ledger' && event.account === sender.address ? [event.amount] : [],
      )
      expect(mine).toEqual([1n, 2n, 4n])
    },
    4,
  )
})

it('follows a chain that takes back blocks, and sends again what they held', async () => {
  const quiet = await startAnvil({ blockTime: 0 })
  const provider = await openChain(quiet.url)
  const stop = new AbortController()
  try {
    await provider.send('evm_setAutomine', [true])
    const onQuiet = await deploy(new Wallet(quiet.accounts[0]?.privateKey ?? '', provider))
    const sender = new AssaySender(provider, onQuiet, quiet.accounts[1]?.privateKey ?? '', { pollMs: 20 })
    const reader = new AssayReader(provider, onQuiet)
    let amounts: bigint[] = []
    let rollbacks = 0
    const following = reader.follow(
      onQuiet.fromBlock,
      (events) => void amounts.push(...events.flatMap((event) => (event.name === 'Ledger' ? [event.amount] : []))),
      {
        signal: stop.signal,
        pollMs: 10,
        onRollback: () => {
          rollbacks++
          amounts = []
        },
      },
    )
    await sender.deposit(1n)
    const snapshot: unknown = await provider.send('evm_snapshot', [])
    await sender.deposit(2n)
    await vi.waitFor(() => expect(amounts).toEqual([1n, 2n]))
    expect(await sender.restore()).toBe(false)

    await provider.send('evm_revert', [snapshot])
    await provider.send('anvil_mine', ['0x2'])
    await vi.waitFor(() => expect(amounts).toEqual([1n]))
    expect(rollbacks).toBe(1)
    expect(await sender.restore()).toBe(true)
    await sender.deposit(3n)
    await vi.waitFor(() => expect(amounts).toEqual([1n, 2n, 3n]))
    expect(await reader.balanceOf(sender.address)).toBe(6n)
    stop.abort()
    await following
  } finally {
    stop.abort()
    provider.destroy()
    await quiet.stop()
  }
})

it('fills the place of a transaction that the chain lost and nobody remembers', async () => {
  const quiet = await startAnvil({ blockTime: 0 })
  const provider = await openChain(quiet.url)
  try {
    await provider.send('evm_setAutomine', [true])
    const onQuiet = await deploy(new Wallet(quiet.accounts[0]?.privateKey ?? '', provider))
    const sender = () => new AssaySender(provider, onQuiet, quiet.accounts[1]?.privateKey ?? '', { pollMs: 20 })
    await sender().deposit(1n)
    const snapshot: unknown = await provider.send('evm_snapshot', [])
    await sender().deposit(2n)
    const restarted = sender()
    await provider.send('evm_setAutomine', [false])
    const late = restarted.deposit(4n)
    const pending = (): Promise<number> => provider.getTransactionCount(restarted.address, 'pending')
    await vi.waitFor(async () => expect(await pending()).toBe(3))
    await provider.send('anvil_dropAllTransactions', [])
    await provider.send('evm_revert', [snapshot])
    await provider.send('evm_setAutomine', [true])
    await late
    expect(await new AssayReader(provider, onQuiet).balanceOf(restarted.address)).toBe(5n)
    expect(await pending()).toBe(3)
  } finally {
    provider.destroy()
    await quiet.stop()
  }
})

it('says when no chain answers', async () => {
  await expect(openChain('http://127.0.0.1:1', 200)).rejects.toSatisfy((error) => isAssayError(error, 'chain'))
})
