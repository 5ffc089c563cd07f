/** All attacks, with where they are from. */
import type { Claim, Setting } from '../claim.ts'
import { BATCH } from '../job.ts'
import { interpolation, lessData, stale } from './lazy.ts'
import { blindfold, conforming, infinitesimal, zhangOne, zhangThree, zhangTwo } from './spoof.ts'
import { bias, indexSwapping, substitution } from './steer.ts'

export interface Attack {
  readonly name: string
  readonly make: (setting: Setting) => Claim
  /** Whether a try takes a minute: it makes batches by the hundred. */
  readonly slow?: boolean
}

export const ATTACKS: readonly Attack[] = [
  { name: 'zhang-1', make: zhangOne, slow: true },
  { name: 'zhang-2', make: zhangTwo, slow: true },
  { name: 'zhang-3', make: zhangThree },
  { name: 'infinitesimal', make: infinitesimal },
  { name: 'blindfold-top-q', make: blindfold },
  { name: 'top-q-conforming', make: conforming },
  { name: 'interpolation', make: interpolation },
  { name: 'stale', make: stale(0.5) },
  { name: 'less-data', make: lessData(BATCH / 4) },
  { name: 'little-less-data', make: lessData(BATCH - 1) },
  { name: 'index-swapping', make: indexSwapping },
  { name: 'substitution', make: substitution },
  { name: 'bias', make: bias },
]
