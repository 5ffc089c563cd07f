/** The liars: what each does, and what it must come to. */
import type { End } from '#pinpoint/types.ts'
import type { Judging } from './course.ts'
import {
  betterMetrics,
  type Forge,
  flippedBit,
  forgedEntry,
  otherOutputs,
  otherRate,
  reorderedData,
  replayedProof,
  skippedStep,
  wrongInit,
  wrongLaneSum,
  wrongRecords,
  wrongReduction,
} from './forgeries.ts'
import { otherInbound, twoFaced } from './partners.ts'
import type { Manner } from './players.ts'

export interface Actor {
  readonly name: string
  /** What it does. */
  readonly lie: string
  readonly replicas: 1 | 2
  /** Windows of the job; the last one is lied about. */
  readonly windows: number
  /** What it hands in first, in vain: the contract takes no such entries. */
  readonly hands?: 'old entries' | 'foreign signatures'
  /** What a solver claims; without it the claim is true. */
  readonly forge?: Forge
  /** All cells are in it. */
  readonly pair?: boolean
  /** The second cell lies, and the first one claims what it was sent; neither shows any evidence. */
  readonly hidden?: boolean
  /** The others do not say what it says: the contract takes neither, and it has to come back with the truth. */
  readonly alone?: boolean
  readonly judging?: Judging
  /** Crooked accounts that challenge the claim, each with a bond. */
  readonly sybils?: number
  /** They do so in the last block in which they may. */
  readonly late?: boolean
  /** The replica whose claim they challenge; default: the one that lies. */
  readonly target?: number
  /** The claim is defended, or attacked, from several worlds at once. */
  readonly inconsistent?: boolean
  readonly solver?: Manner
  readonly acceptor?: Manner
  readonly challenger?: Manner
  /** The solver of a true claim is in league with its challengers. */
  readonly crookedSolver?: boolean
  readonly rulings: readonly ('Refuted' | 'Upheld')[]
  /** How the decided games end, by what is compared, or for want of a move; undefined: in any way. */
  readonly ends?: readonly (End | 'timeout' | 'concession')[]
}

const one = { replicas: 1, windows: 1 } as const
const later = { replicas: 1, windows: 2 } as const
const two = { replicas: 2, windows: 1 } as const
const FALSE = { rulings: ['Refuted'] } as const
const TRUE = { rulings: ['Upheld'] } as const

/** Solvers that claim what is not so, and defend it with all they have. */
const SOLVERS: readonly Actor[] = [
  {
    name: 'forged entry',
    lie: 'makes up all roots',
    ...one,
    ...FALSE,
    forge: forgedEntry,
    ends: ['export'],
    hands: 'foreign signatures',
  },
  {
    name: 'skipped steps',
    lie: 'leaves out the last update',
    ...later,
    ...FALSE,
    forge: skippedStep,
    ends: ['export'],
  },
  { name: 'wrong records', lie: 'trains on one record alone', ...one, ...FALSE, forge: wrongRecords, ends: ['word'] },
  {
    name: 'reordered data',
    lie: 'takes records in file order',
    ...later,
    ...FALSE,
    forge: reorderedData,
    ends: ['word'],
  },
  { name: 'other hyperparameter', lie: 'doubles the rate', ...later, ...FALSE, forge: otherRate, ends: ['block'] },
  {
    name: 'replayed old proof',
    lie: 'claims a window again',
    ...later,
    ...FALSE,
    forge: replayedProof,
    ends: ['input'],
  },
  {
    name: 'other outputs',
    lie: 'commits to another state',
    ...later,
    ...FALSE,
    forge: otherOutputs,
    ends: ['rootAfter'],
  },
  { name: 'better metrics', lie: 'commits to other metrics', ...one, ...FALSE, forge: betterMetrics, ends: ['metric'] },
  { name: 'one flipped bit', lie: 'flips a bit of one node', ...one, ...FALSE, forge: flippedBit, ends: ['block'] },
  { name: 'wrong reduction', lie: 'errs inside one sum', ...later, ...FALSE, forge: wrongReduction, ends: ['block'] },
  { name: 'wrong lane sum', lie: 'sends a wrong sum', ...two, ...FALSE, forge: wrongLaneSum, ends: ['block'] },
  { name: 'wrong init', lie: 'starts from another seed', ...one, ...FALSE, forge: wrongInit, ends: ['word'] },
  {
    ...{ name: 'other inbound sum', lie: 'two cells agree on a sum that neither claims', ...two, forge: otherInbound },
    ...{ pair: true, rulings: ['Refuted', 'Refuted'], ends: ['inbound', 'rootAfter'] },
  },
  {
    ...{ name: 'colluders that hide sums', lie: 'a wrong sum, which its partner claims, and nobody shows', ...two },
    // The whistleblower accuses the first cell, finds only what that was sent, and is passed on.
    ...{ forge: wrongLaneSum, hidden: true, judging: 'lazy', acceptor: { pace: 'never' } },
    ...{ rulings: ['Upheld', 'Refuted'], ends: ['inbound', 'block'] },
  },
  {
    ...{ name: 'two-faced partner', lie: 'sends a wrong sum and claims the right one', ...two, forge: twoFaced },
    ...{ alone: true, rulings: [] },
  },
]

/** Verifiers, challengers and players, alone and in league. */
const OTHERS: readonly Actor[] = [
  {
    ...{ name: 'lazy verifier', lie: 'accepts a false claim unseen', ...one, ...FALSE, forge: flippedBit },
    ...{ judging: 'lazy', acceptor: { pace: 'never' }, ends: ['block'] },
  },
  {
    ...{
      name: 'griefing verifier',
      lie: 'rejects a true claim',
      ...one,
      ...TRUE,
      judging: 'griefing',
      ends: ['block'],
    },
  },
  { name: 'false whistleblower', lie: 'challenges the truth', ...later, ...TRUE, sybils: 1, ends: ['block'] },
  {
    ...{ name: 'Sybil that launders', lie: 'challenges a false claim and gives up', ...one, forge: flippedBit },
    ...{ judging: 'lazy', acceptor: { pace: 'never' }, sybils: 1, challenger: { concedes: true } },
    ...{ rulings: ['Upheld', 'Refuted'], ends: ['concession', 'block'] },
  },
  {
    ...{ name: 'Sybils in all places', lie: 'eight of them do, in the last block', ...one, forge: flippedBit },
    ...{ judging: 'lazy', acceptor: { pace: 'never' }, sybils: 8, late: true, challenger: { concedes: true } },
    ...{ rulings: ['Upheld', 'Refuted'], ends: [...Array.from({ length: 8 }, () => 'concession' as const), 'block'] },
  },
  {
    ...{ name: 'colluders, true claim', lie: 'solver lets a Sybil win by time', ...one, ...TRUE, sybils: 1 },
    ...{ crookedSolver: true, solver: { pace: 'never' }, ends: ['timeout', 'block'] },
  },
  {
    ...{ name: 'colluders, false claim', lie: 'solver and acceptor let time run out', ...one, ...FALSE },
    ...{
      forge: flippedBit,
      judging: 'lazy',
      solver: { pace: 'never' },
      acceptor: { pace: 'never' },
      ends: ['timeout'],
    },
  },
  {
    ...{ name: 'colluders, own bounty', lie: 'a Sybil takes the slash of its solver', ...one, ...FALSE, sybils: 1 },
    ...{
      forge: flippedBit,
      judging: 'lazy',
      solver: { pace: 'never' },
      acceptor: { pace: 'never' },
      ends: ['timeout'],
    },
  },
  {
    ...{ name: 'attack on a partner', lie: 'a Sybil challenges whoever went on with the wrong sum', ...two, sybils: 1 },
    // The Sybil names what its partner was sent, or finds nothing to name: the claim is true.
    ...{ forge: wrongLaneSum, target: 1, rulings: ['Refuted', 'Upheld'] },
  },
  {
    ...{ name: 'stalling solver', lie: 'moves as late as it can', ...one, ...FALSE, forge: flippedBit },
    ...{ solver: { pace: 'late' }, ends: ['block'] },
  },
  {
    ...{ name: 'stalling challenger', lie: 'moves as late as it can', ...one, ...TRUE, sybils: 1 },
    ...{ challenger: { pace: 'late' }, ends: ['block'] },
  },
  {
    ...{ name: 'colluders that stall', lie: 'solver and Sybil play as long as they can', ...one, ...TRUE, sybils: 1 },
    ...{ crookedSolver: true, solver: { pace: 'late' }, challenger: { pace: 'late' }, late: true, ends: ['block'] },
  },
  {
    ...{ name: 'eight Sybils', lie: 'challenge the truth in the last block, and stall', ...one, ...TRUE, sybils: 8 },
    ...{ challenger: { pace: 'late' }, late: true, ends: Array.from({ length: 8 }, () => 'block' as const) },
  },
  {
    ...{ name: 'eight Sybils and a solver', lie: 'so, and the solver lets time run out', ...one, ...TRUE, sybils: 8 },
    ...{ crookedSolver: true, solver: { pace: 'never' }, challenger: { pace: 'late' }, late: true },
    ends: ['timeout', ...Array.from({ length: 8 }, () => 'block' as const)],
  },
  {
    ...{ name: 'inconsistent solver', lie: 'answers from another world each time', ...one, ...FALSE },
    ...{ forge: flippedBit, inconsistent: true },
  },
  {
    ...{ name: 'inconsistent challenger', lie: 'asks from another world each time', ...one, ...TRUE, sybils: 1 },
    inconsistent: true,
  },
  {
    ...{ name: 'solver and verifiers', lie: 'agree on a lie, each from a seat of its own', ...two, ...FALSE },
    ...{ forge: wrongLaneSum, judging: 'lazy', ends: ['block', 'block'] },
  },
]

export const ACTORS: readonly Actor[] = [...SOLVERS, ...OTHERS]
