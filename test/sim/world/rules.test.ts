/** For each rule of a world a forgery that breaks it: a rule that cannot fire guards nothing. */
import { expect, test } from 'vitest'
import type { ChainEvent } from '#contracts/codec.ts'
import type { Entry, SignedEntry } from '#proto/entry.ts'
import type { JobView } from '#proto/machines/job-view.ts'
import { BareRun } from '#test/sim/bare.ts'
import { SymbolicTrainer } from '#test/sim/symbolic.ts'
import { BLOCK_RULES, ENTRY_RULES, PROCESS_RULES } from '#test/sim/world/rules.ts'
import { Life } from '#test/sim/world/schedule.ts'
import type { Member, World } from '#test/sim/world/world.ts'

const bytes = (fill: number, size = 32): Uint8Array => new Uint8Array(size).fill(fill)
const entry: Entry = {
  jobId: bytes(1),
  epoch: 1,
  replica: 0,
  window: 0,
  stepFrom: 0,
  stepTo: 2,
  rootBefore: bytes(2),
  rootAfter: bytes(3),
  lanesRoot: bytes(4),
  metricsRoot: bytes(5),
  solver: bytes(6, 20),
}
const signed = (change: Partial<Entry> = {}): SignedEntry => ({
  entry: { ...entry, ...change },
  signature: bytes(7, 65),
})
const view = { jobId: '0x01', epoch: 1, cells: ['0x06'], windows: new Map() } as unknown as JobView

/** A world with what a rule looks at, after which nothing is wrong. */
function world(change: object = {}): World {
  const honest = {
    signed: [],
    verdicts: new Map(),
    view,
    members: [],
    cast: { spec: { entrySteps: 2 } },
    bare: new BareRun(new SymbolicTrainer(4, 4), 2),
    schedule: { now: 1_000_000, fired: 0 },
    reorganisedAt: 0,
    viewAt: () => view,
  }
  return { ...honest, ...change } as unknown as World
}

const rule = <T extends { readonly name: string }>(rules: readonly T[], name: string): T =>
  rules.find((one) => one.name === name) as T
const member = (change: object = {}): Member =>
  ({ lies: false, place: { name: 'solver' }, computed: [], ...change }) as unknown as Member

test('two entries for one range', () => {
  const nobodyEquivocates = rule(ENTRY_RULES, 'nobodyEquivocates')
  const before = world({ signed: [signed()] })
  nobodyEquivocates(before, member(), signed())
  expect(() => nobodyEquivocates(before, member(), signed({ rootAfter: bytes(9) }))).toThrow('contradict')
})

test('an entry that one machine alone would not have made', () => {
  const entriesHonest = rule(ENTRY_RULES, 'entriesHonest')
  expect(() => entriesHonest(world(), member(), signed())).toThrow('is not the bare run')
  entriesHonest(world(), member({ lies: true }), signed())
})

test('two verdicts on one entry', () => {
  const oneVerdict = rule(BLOCK_RULES, 'oneVerdict')
  const about = { name: 'VerdictCommitted', window: 0, index: 0, verifier: '0x02' }
  const event = (commitment: string): ChainEvent => ({ ...about, commitment }) as unknown as ChainEvent
  const now = world()
  oneVerdict(now, [event('0x03')])
  oneVerdict(now, [event('0x03')])
  expect(() => oneVerdict(now, [event('0x04')])).toThrow('two verdicts')
})

test('a process that sees another job than the chain tells', () => {
  const viewsAgree = rule(PROCESS_RULES, 'viewsAgree')
  const book = (seen: JobView) => member({ node: { book: { views: new Map([['0x01', seen]]), block: 5 } } })
  viewsAgree(world({ members: [book(view)] }))
  expect(() => viewsAgree(world({ members: [book({ ...view, epoch: 2 })] }))).toThrow('another job')
})

test('a crash that costs more than the entries under way', () => {
  const littleWorkLost = rule(PROCESS_RULES, 'littleWorkLost')
  const [dead, alive] = [new Life('dead', 0), new Life('alive', 0)]
  const computed = (resumed: number) => [
    ...[0, 1, 2, 3, 4].map((step) => ({ life: dead, epoch: 1, step })),
    { life: alive, epoch: 1, step: resumed },
  ]
  const place = { name: 'solver', life: alive }
  littleWorkLost(world({ members: [member({ computed: computed(1), place })] }))
  // A life that starts over when the chain takes back blocks loses nothing by its death.
  littleWorkLost(world({ members: [member({ computed: [...computed(1).slice(0, 3), ...computed(1)], place })] }))
  expect(() => littleWorkLost(world({ members: [member({ computed: computed(0), place })] }))).toThrow('again')
})

test('every rule has its forgery here', () => {
  const names = [...ENTRY_RULES, ...BLOCK_RULES, ...PROCESS_RULES].map(({ name }) => name)
  expect(names).toEqual(['nobodyEquivocates', 'entriesHonest', 'oneVerdict', 'viewsAgree', 'littleWorkLost'])
})
