/** Who can read what a submitter hands out, said before it happens. */
import { labelled } from '#app/report.ts'
import { confirm } from '#app/terminal/passphrase.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'
import { DEVNET_CHAIN_ID } from '#contracts/anvil.ts'
import { fail } from '#proto/errors.ts'
import type { Network } from '#runtime/network.ts'

/** Whether everything of this network stays on one machine, and its money is play money. */
export function isDevnet(network: Network): boolean {
  return network.chainId === DEVNET_CHAIN_ID
}

/** The notice: nothing that a job names is secret, to whom it is shown, and that it cannot be taken back. */
export function readersNotice(terminal: Terminal): string[] {
  const lines = [
    'solvers, verifiers and everyone else who connects to the network can read the training data,',
    'the job and the model: they are served to whoever knows their roots, which stand on the chain.',
    'Nothing is encrypted, and nothing can be called back. Submit no personal or confidential data.',
  ]
  return lines.map((line, i) => labelled(terminal, i === 0 ? 'readers' : '', paint(terminal, 'yellow', line)))
}

/**
 * Asks for consent on a terminal. `yes` and devnets need none; where nobody can be asked, it must have been given.
 * @throws AssayError `cancelled` if it is refused, `bad-config` where nobody can be asked
 */
export async function consent(network: Network, yes: boolean, interactive: boolean): Promise<void> {
  if (yes || isDevnet(network)) return
  const next = 'Add --yes once you may publish the data.'
  if (!interactive) fail('bad-config', 'the data of a job becomes readable to strangers', { next })
  if (!(await confirm('Publish the data and submit the job?'))) fail('cancelled', 'nothing was submitted', { next })
}
