/** Answers of a node in which one digit is changed: the check that must notice, and the place that it must name. */
import { ASSAY } from '#contracts/codec.ts'
import { flipAt, flipIn, flipLog, type Tamper, word } from './tampering.ts'

type Answer = readonly [what: string, tamper: () => Tamper, section: string, check: string, place: RegExp]

export const ANSWERS: readonly Answer[] = [
  [
    "a job's terms",
    () => flipLog('JobRegistered', ({ terms }) => terms.specHash),
    'job',
    'terms',
    /^the registration in block \d+: the job id is/,
  ],
  [
    'an entry',
    () => flipLog('WindowCommitted', ({ entries }) => entries[0]?.lanesRoot),
    'training',
    'signatures',
    /^window 0 of epoch 1, entry 0: signed by 0x/,
  ],
  [
    'a signature',
    () => flipLog('WindowCommitted', ({ window, signatures }) => (window === 1 ? signatures[2] : undefined)),
    'training',
    'signatures',
    /^window 1 of epoch 1, entry 2: /,
  ],
  [
    'an audit seed',
    () => flipLog('SeedFixed', ({ seed }) => seed),
    'verification',
    'seeds',
    /^window 0 of epoch 1: its audit seed is 0x/,
  ],
  [
    'what was drawn',
    () => flipLog('SeedFixed', ({ sampled }) => word(sampled)),
    'verification',
    'seeds',
    /^window 0 of epoch 1, entry 0: it was not drawn, the seed says drawn/,
  ],
  [
    'a commitment to a verdict',
    () => flipLog('VerdictCommitted', ({ commitment }) => commitment),
    'verification',
    'reveals',
    /^window 0 of epoch 1, entry \d, verdict of 0x[0-9a-f]{40}: what it opens is/,
  ],
  [
    'a revealed verdict',
    () => flipLog('VerdictRevealed', ({ digest }) => digest),
    'verification',
    'reveals',
    /^window 0 of epoch 1, entry \d, verdict of 0x[0-9a-f]{40}: what its transaction says is/,
  ],
  [
    'a proof of replay',
    () => flipLog('VerdictRevealed', ({ digest }) => digest),
    'replay',
    'sampled',
    /^window 0 of epoch 1, entry \d, verdict of 0x[0-9a-f]{40}: its proof of replay is/,
  ],
  [
    'the pool of verifiers',
    () => flipLog('PoolFixed', ({ pool }) => word(pool[0]?.weight ?? 0n)),
    'job',
    'assignment',
    /^block \d+, log \d+ \(PoolFixed\): its pool of verifiers is/,
  ],
  [
    'a line of the ledger',
    () => flipLog('Ledger', ({ reason, amount }) => (reason === 'Payout' ? word(amount) : undefined)),
    'ledger',
    'lines',
    /^ledger line \d+, block \d+, log \d+: it says Payout of \d+ wei to 0x[0-9a-f]{40} for window 0, entry 0; the rules say/,
  ],
  [
    'the final root',
    () => flipLog('JobSettled', ({ finalRoot }) => finalRoot),
    'training',
    'continuity',
    /^the end of the job: the root it settled with is/,
  ],
  [
    'a log, whatever it says',
    () => flipLog('BiddingOpened', ({ bidsClose }) => word(BigInt(bidsClose))),
    'chain',
    'blocks',
    /^block \d+, log \d+: its data differ from the receipt's at byte 31$/,
  ],
  [
    'a header',
    () => (method, _, result) => {
      const block = result as { number: string; timestamp: string; transactions: unknown[] }
      const wanted = method === 'eth_getBlockByNumber' && block.transactions.length > 0
      return wanted ? { ...block, timestamp: flipIn(block.timestamp, block.timestamp) } : result
    },
    'chain',
    'blocks',
    /^block \d+: the hash of its header is/,
  ],
  [
    "the contract's storage",
    () => (method, params, result) => {
      const { data } = (params[0] ?? {}) as { data?: string }
      const asked = method === 'eth_call' && data?.startsWith(ASSAY.interface.getFunction('entryOf')?.selector ?? '-')
      return asked && data?.endsWith('3') ? flipAt(String(result), 20) : result
    },
    'chain',
    'storage',
    /^window 0 of epoch 1, entry 3: the contract's hash is/,
  ],
  [
    "the contract's code",
    () => (method, _, result) =>
      method === 'eth_getCode' && String(result).length > 20_000 ? flipAt(String(result), 4002) : result,
    'chain',
    'code',
    /^\w+ at 0x[0-9a-f]{40}: its code differs from this build's at byte 2000$/,
  ],
  [
    "the contract's ether",
    () => (method, _, result) =>
      method === 'eth_getBalance' ? `0x${(BigInt(String(result)) - 1n).toString(16)}` : result,
    'ledger',
    'balances',
    /^the contract: it holds \d+ wei, its ledger says \d+$/,
  ],
]
