/** Compiles the contracts anew: the committed artifacts are what this compiler makes of the sources. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

it('compiles to the committed artifacts', async () => {
  const done = promisify(execFile)(process.execPath, [join(import.meta.dirname, 'build.ts'), '--check'])
  await expect(done).resolves.toMatchObject({ stdout: '' })
}, 600_000)
