/** Finds the Foundry tools: the packages installed beside us, then the PATH. */
import { accessSync, constants, existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { fail } from '#proto/errors.ts'

/** Path of the executable. Throws `not-found`, with what to install, when there is none for this platform. */
export function foundryTool(tool: 'anvil' | 'forge', path = process.env['PATH'] ?? ''): string {
  const windows = process.platform === 'win32'
  const file = windows ? `${tool}.exe` : tool
  const platform = `${windows ? 'win32' : process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const packaged = packageFolder(`@foundry-rs/${tool}-${platform}`)
  const candidates = packaged === undefined ? [] : [join(packaged, 'bin', file)]
  for (const folder of path.split(delimiter)) if (folder !== '') candidates.push(join(folder, file))
  const found = candidates.find(executable)
  if (found !== undefined) return found
  fail('not-found', `no ${tool} for ${platform} in node_modules or on the PATH`, {
    next: `Install Foundry and put ${tool} on the PATH, or point to a running chain instead.`,
  })
}

function packageFolder(name: string): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
  } catch {
    return undefined
  }
}

function executable(file: string): boolean {
  if (!existsSync(file)) return false
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
