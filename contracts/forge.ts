/**
 * `node contracts/forge.ts ARGS`: forge in this folder, with this Node as the one that runs the compiler.
 *
 * `lint` fails on a warning. `test` refuses to start when the committed artifacts, which the tests deploy, are not those of the sources.
 */
import { spawn } from 'node:child_process'
import { delimiter, dirname } from 'node:path'
import { foundryTool } from '#contracts/foundry.ts'
import { isAssayError } from '#proto/errors.ts'
import { isSealed } from './build.ts'

/** Runs forge; its output goes to our stderr unless it is the `main` one. Resolves with its exit code. */
export function forge(
  args: readonly string[],
  profile: 'default' | 'test' | 'coverage' | 'lint',
  main = false,
): Promise<number> {
  const path = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`
  const env = { ...process.env, PATH: path, FOUNDRY_PROFILE: profile }
  const stdio = ['ignore', main ? 'inherit' : process.stderr, 'inherit'] as const
  const child = spawn(foundryTool('forge'), args, { cwd: import.meta.dirname, env, stdio: [...stdio] })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}

async function main(args: readonly string[]): Promise<number> {
  if (args[0] === 'lint') return forge([...args, '--deny', 'warnings'], 'lint', true)
  if (args[0] !== 'test') return forge(args, 'default', true)
  if (!isSealed()) {
    console.error('The committed artifacts are not those of the sources: run node contracts/build.ts')
    return 1
  }
  return forge(args, 'test', true)
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2))
  } catch (error) {
    if (!isAssayError(error)) throw error
    console.error(`${error.message}. ${error.next ?? ''}`)
    process.exitCode = 1
  }
}
