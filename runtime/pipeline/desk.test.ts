/** Cells of a pipeline between real peers: they train to the uncut root, sign what crosses, and refuse what is not as signed. */
import { SigningKey } from 'ethers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createEngine } from '#engine/index.ts'
import type { Peer } from '#net/peer.ts'
import { startPeer } from '#net/testing.ts'
import { encodeBorderRequest, type SealedBorder, verifyBorder } from '#proto/border.ts'
import { to0x, toHex } from '#proto/bytes.ts'
import { keyAddress } from '#proto/entry.ts'
import { encodeJob } from '#proto/job.ts'
import { Dataset } from '#runtime/dataset.ts'
import type { HashingMethods } from '#runtime/hashing/worker.ts'
import { programOf } from '#runtime/program.ts'
import { Calls, sharedBytes } from '#runtime/rpc.ts'
import { listRoot, sliceList } from '#runtime/tensors.ts'
import { tinyJob } from '#runtime/testing.ts'
import { Trainer } from '#runtime/trainer.ts'
import { type LinkOptions, openLink } from '../../experiments/lib/link.ts'
import { BORDER_PROTOCOL, BorderDesk } from './desk.ts'
import { type ReplayPorts, replayCell } from './replay.ts'
import { type CellPorts, StageRunner } from './runner.ts'
import type { StageMethods, StageOutline } from './worker.ts'

const { spec, bytes } = tinyJob()
const program = programOf(spec)
const STAGES = 2
const REPLICAS = 2
const STEPS = 3
const JOB = new Uint8Array(32).fill(7)

interface Thread {
  readonly replica: number
  readonly stage: number
  readonly compute: Calls<StageMethods>
  readonly outline: StageOutline
}

const hashing = new Calls<HashingMethods>(new URL('../hashing/worker.ts', import.meta.url))
let threads: Thread[] = []

beforeAll(async () => {
  const data = sharedBytes(bytes.length)
  data.set(bytes)
  const places = Array.from({ length: STAGES * REPLICAS }, (_, i) => ({ replica: i >> 1, stage: i & 1 }))
  threads = await Promise.all(
    places.map(async (place) => {
      const compute = new Calls<StageMethods>(new URL('./worker.ts', import.meta.url))
      const open = {
        job: encodeJob(spec),
        data,
        engine: 'wasm',
        threads: 1,
        stages: STAGES,
        stage: place.stage,
      } as const
      return { ...place, compute, outline: await compute.call('open', open) }
    }),
  )
})
afterAll(() => Promise.all([hashing.close(), ...threads.map(({ compute }) => compute.close())]))

/** The address of a peer behind a link. */
async function behind(peer: Peer, link: LinkOptions): Promise<string> {
  const [address = ''] = peer.addresses()
  const port = /tcp\/(\d+)/.exec(address)?.[1]
  const { port: other, close } = await openLink(Number(port), link)
  onTestFinished(close)
  return address.replace(`tcp/${port}`, `tcp/${other}`)
}

type Change = (thread: Thread, ports: CellPorts) => Partial<CellPorts>

/** Trains with every cell at a peer of its own, over `link` if there is one. `change` gives a cell other ports. */
async function train(own: readonly Thread[], change: Change = () => ({}), link?: LinkOptions) {
  const replicas = own.length / STAGES
  const sealed: SealedBorder[][] = own.map(() => [])
  const keys = own.map((_, i) => new SigningKey(`0x${`${i + 1}`.repeat(64)}`))
  const peers = await Promise.all(own.map(() => startPeer()))
  for (const [i, peer] of peers.entries()) {
    for (const other of peers.slice(i + 1)) await peer.connect(link ? [await behind(other, link)] : other.addresses())
  }
  const refused: string[] = []
  const runners = await Promise.all(
    own.map(async (thread, i) => {
      const { replica, stage, compute, outline } = thread
      await compute.call('init', undefined)
      const desk = new BorderDesk(peers[i] as (typeof peers)[number], keys[i] as SigningKey)
      const open = desk.open({
        ...{ jobId: JOB, epoch: 1, replica, stage },
        partnerOf: (r, s) => {
          const at = own.findIndex((one) => one.replica === r && one.stage === s)
          return { peer: peers[at]?.id, account: keyAddress(keys[at] as SigningKey) }
        },
        onSealed: (border) => void sealed[i]?.push(border),
        onRefused: (record) => void refused.push(`${record.from} ${record.to} ${record.step}`),
      })
      const { fetchBundle, fetchSum, onBorder } = open
      const ports: CellPorts = { compute, hashing, fetchBundle, fetchSum, onBorder }
      const { microBatches, lanes } = spec
      const place = { replica, replicas, stage, stages: STAGES, eager: 0, microBatches, lanes }
      const runner = new StageRunner(place, outline, [0, STEPS], { ...ports, ...change(thread, ports) })
      open.serve(runner)
      return runner
    }),
  )
  const ends = await Promise.allSettled(
    runners.map((runner) =>
      runner.run().catch((error) => {
        // The others would wait for it.
        setTimeout(() => {
          for (const each of runners) each.stop()
        }, 300)
        throw error
      }),
    ),
  )
  const errors = ends.map((end) => (end.status === 'rejected' ? (end.reason as { code?: string }).code : 'none'))
  return { errors, sealed, keys, refused, peers }
}

async function stateRoot(own: readonly Thread[]): Promise<string> {
  const tensors = new Map<number, Uint8Array>()
  for (const { outline, compute } of own) {
    const state = sharedBytes(outline.stateBytes)
    await compute.call('state', state)
    for (const [k, slice] of sliceList(outline.statePorts, state).entries())
      tensors.set(outline.state[k] as number, slice.bytes)
  }
  return toHex(listRoot(program.state, Buffer.concat(program.state.map((_, i) => tensors.get(i) as Uint8Array))))
}

const replica = (r: number): Thread[] => threads.filter((thread) => thread.replica === r)

/** Bundles and sums that came into stage 1 of replica 0 in the first test, and what both ends have signed. */
const kept = new Map<string, Uint8Array>()
const sums = new Map<number, Uint8Array>()
let agreed: readonly SealedBorder[] = []

/** What training the uncut program gives. */
let root = ''

test('two replicas of two stages train to the uncut root, and both ends of every border have signed the same', async () => {
  const { errors, sealed, keys } = await train(threads, (cell, { fetchBundle, fetchSum }) => ({
    fetchSum: async (name, partner, into, signal) => {
      await fetchSum(name, partner, into, signal)
      if (cell === threads[1]) sums.set(name.step, into.slice())
    },
    fetchBundle: async (name, into, signal) => {
      await fetchBundle(name, into, signal)
      if (cell === threads[1]) kept.set(`${name.kind} ${name.step} ${name.microBatch}`, into.slice())
    },
  }))
  agreed = sealed[1] ?? []
  expect(errors).toEqual(['none', 'none', 'none', 'none'])
  const engine = await createEngine('wasm')
  const trainer = new Trainer(engine, program, spec, new Dataset(spec.data, bytes))
  trainer.init()
  for (let step = 0; step < STEPS; step++) {
    trainer.sum(step, 0, 1)
    trainer.update(step)
  }
  const state = new Uint8Array(trainer.stateBytes)
  trainer.readState(state)
  await engine.close()
  root = toHex(listRoot(program.state, state))
  expect(await stateRoot(replica(0))).toBe(root)
  expect(await stateRoot(replica(1))).toBe(root)
  for (const r of [0, 1]) {
    const [low, high] = [2 * r, 2 * r + 1] as const
    // Both directions of every step, by both ends.
    expect(sealed[low]).toHaveLength(2 * STEPS)
    const inOrder = (list: readonly SealedBorder[] = []): SealedBorder[] =>
      [...list].sort((a, b) => a.record.step - b.record.step || a.record.from - b.record.from)
    expect(inOrder(sealed[low])).toEqual(inOrder(sealed[high]))
    for (const { record, sender, receiver } of sealed[low] ?? []) {
      verifyBorder(record, sender, keyAddress(keys[2 * r + record.from] as SigningKey))
      verifyBorder(record, receiver, keyAddress(keys[2 * r + record.to] as SigningKey))
    }
  }
})

test.each([
  [50, 100],
  [500, 10],
])('a link of %i Mbit/s and %i ms changes nothing but the time', async (mbit, latencyMs) => {
  const start = performance.now()
  const { errors } = await train(replica(0), undefined, {
    bitsPerSecond: mbit * 1e6,
    latencyMs,
    jitterMs: 5,
    seed: mbit,
  })
  expect(errors).toEqual(['none', 'none'])
  expect(await stateRoot(replica(0))).toBe(root)
  // Forward there and back, in every step.
  expect(performance.now() - start).toBeGreaterThan(2 * STEPS * latencyMs)
})

describe('a mismatch is seen at once', () => {
  const flipped = (root: Uint8Array): Uint8Array => root.map((byte, i) => (i === 0 ? byte ^ 1 : byte))

  test('a tensor with another root than its sender says is refused by its receiver', async () => {
    let calls = 0
    const { errors, sealed } = await train(replica(0), ({ stage }) => {
      const lying = async (...args: Parameters<typeof hashing.call>) => {
        const root = await hashing.call(...args)
        return ++calls === 3 ? flipped(root as Uint8Array) : root
      }
      return stage === 0 ? { hashing: { call: lying as typeof hashing.call } } : {}
    })
    expect(errors[1]).toBe('bad-proof')
    expect(errors[0]).not.toBe('none')
    expect(sealed[1]).toEqual([])
  })

  test('a sender that signs another root than it sent gets no signature', async () => {
    const { errors, sealed, refused } = await train(replica(0), ({ stage }, { onBorder }) =>
      stage === 0
        ? {
            onBorder: (step, from, to, root) =>
              onBorder?.(step, from, to, from === 0 ? flipped(root) : root) as Promise<void>,
          }
        : {},
    )
    expect(errors[0]).toBe('bad-proof')
    expect(refused).toContain('0 1 0')
    expect(sealed[1]?.filter(({ record }) => record.from === 0)).toEqual([])
  })
})

describe('a cell is verified alone', () => {
  async function replay(change: Partial<ReplayPorts>) {
    const [, { compute, outline }] = replica(0) as [Thread, Thread]
    await compute.call('init', undefined)
    // The sums of the other replica, which are signed elsewhere.
    const fetchSum: ReplayPorts['fetchSum'] = async ({ step }, _, into) => into.set(sums.get(step) as Uint8Array)
    const { microBatches, lanes } = spec
    const place = { replica: 0, replicas: REPLICAS, stage: 1, stages: STAGES, eager: 0, microBatches, lanes }
    return await replayCell(place, outline, [0, STEPS], {
      ...{ compute, hashing, fetchSum },
      fetchBundle: async (name, into) =>
        into.set(kept.get(`${name.kind} ${name.step} ${name.microBatch}`) as Uint8Array),
      signedRoot: ({ step, from, to }) =>
        agreed.find(({ record }) => record.step === step && record.from === from && record.to === to)?.record.root,
      ...change,
    })
  }

  test('from what came in, against what is signed', async () => {
    expect(await replay({})).toEqual({ foreign: [], forged: [] })
  })

  test('what it has signed and does not follow from what came in is a forgery of its own', async () => {
    const signedRoot: ReplayPorts['signedRoot'] = ({ step, from, to }) => {
      const { root } = (
        agreed.find(({ record }) => record.step === step && record.from === from && record.to === to) as SealedBorder
      ).record
      return step === 1 && from === 1 ? root.map((byte) => byte ^ 1) : root
    }
    expect(await replay({ signedRoot })).toEqual({ foreign: [], forged: [{ step: 1, from: 1, to: 0 }] })
  })

  test('tensors of other roots than are signed say nothing about it', async () => {
    const foreign: ReplayPorts['fetchBundle'] = async (name, into) => {
      const other = name.kind === 'activation' && name.step === 2 ? 1 : name.step
      into.set(kept.get(`${name.kind} ${other} ${name.microBatch}`) as Uint8Array)
    }
    expect(await replay({ fetchBundle: foreign })).toEqual({ foreign: [{ step: 2, from: 0, to: 1 }], forged: [] })
  })
})

test('a cell that may not hold what its stage needs is refused', async () => {
  const [{ compute, stage }] = replica(1) as [Thread]
  const data = sharedBytes(bytes.length)
  data.set(bytes)
  const open = { job: encodeJob(spec), data, engine: 'wasm', threads: 1, stages: STAGES, stage } as const
  await compute.call('open', { ...open, limit: 1 << 16 })
  await expect(compute.call('init', undefined)).rejects.toMatchObject({ code: 'over-limit' })
})

test('nobody but the cell beside it gets anything, and malformed requests are faults', async () => {
  const [first] = replica(0) as [Thread]
  const key = new SigningKey(to0x(new Uint8Array(32).fill(1)))
  const errors: string[] = []
  const host = await startPeer({ onError: ({ code, consequence }) => void errors.push(`${code} ${consequence}`) })
  const stranger = await startPeer()
  await stranger.connect(host.addresses())
  const desk = new BorderDesk(host, key)
  const account = keyAddress(key)
  const open = desk.open({ jobId: JOB, epoch: 1, replica: 0, stage: 0, partnerOf: () => ({ peer: host.id, account }) })
  const { fetchBundle, fetchSum } = open
  const place = { replica: 0, replicas: 1, stage: 0, stages: 2, eager: 0, microBatches: 4, lanes: 4 }
  open.serve(
    new StageRunner(place, { ...first.outline, borders: [] }, [0, 1], {
      compute: first.compute,
      fetchBundle,
      fetchSum,
    }),
  )
  const options = { maxResponse: 1 << 20, timeoutMs: 5_000 }
  const bundle = { type: 'bundle', jobId: JOB, epoch: 1, replica: 0, from: 0, to: 1, step: 0, microBatch: 0 } as const
  const ask = (body: Uint8Array) => stranger.request(host.id, BORDER_PROTOCOL, body, options)
  const request = encodeBorderRequest({ ...bundle, kind: 'activation' })
  await expect(ask(request)).rejects.toMatchObject({ code: 'bad-input' })
  await expect(ask(request.subarray(1))).rejects.toMatchObject({ code: 'bad-encoding' })
  await expect(ask(encodeBorderRequest({ ...bundle, kind: 'sum', epoch: 2 }))).rejects.toMatchObject({
    code: 'unavailable',
  })
  expect(errors).toEqual(['bad-input ignore', 'bad-encoding penalise', 'unavailable none'])
})
