/** Checks of the chain's tools: the local chain of the devnet, and the contract compiler. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type Check, failed, ok, warn } from '#app/doctor/check.ts'
import { printable } from '#app/terminal/format.ts'
import { foundryTool } from '#contracts/foundry.ts'
import { isAssayError } from '#proto/errors.ts'

const run = promisify(execFile)

/** anvil is needed for a devnet; forge only to test the contracts. */
export async function checkTool(tool: 'anvil' | 'forge'): Promise<Check> {
  const name = tool === 'anvil' ? 'chain' : 'contracts'
  const problem = tool === 'anvil' ? failed : warn
  try {
    const path = foundryTool(tool)
    const { stdout } = await run(path, ['--version'], { timeout: 10_000, maxBuffer: 65_536 })
    return ok(name, printable(stdout.split('\n')[0] ?? tool))
  } catch (error) {
    const next = isAssayError(error) ? error.next : undefined
    return problem(
      name,
      (error as Error).message.split('\n')[0] ?? '',
      next ?? `Install Foundry and put ${tool} on the PATH.`,
    )
  }
}
