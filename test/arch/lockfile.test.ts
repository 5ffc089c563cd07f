/** The lock files install from whatever registry the machine is set up for, and pin everything. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

interface Locked {
  readonly resolved?: string
  readonly version?: string
  readonly integrity?: string
  readonly funding?: unknown
}

const root = resolve(import.meta.dirname, '../..')
const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'))

describe.each(['.', 'tools/node', 'engine/tfjs/packages', 'engine/tfjs/packages/node'])('%s', (folder) => {
  const packages = read(join(folder, 'package-lock.json')).packages as Record<string, Locked>
  const installed = Object.entries(packages).filter(([path]) => path !== '')

  it('names no registry', () => {
    const named = installed.filter(([, { funding: _, ...rest }]) => /https?:|registry/.test(JSON.stringify(rest)))
    expect(named).toEqual([])
  })

  it('locks a version and a hash of each package', () => {
    expect(installed.length).toBeGreaterThan(0)
    const loose = installed.filter(([, { version, integrity }]) => !version || !integrity?.startsWith('sha512-'))
    expect(loose.map(([path]) => path)).toEqual([])
  })

  it('has exact versions only in package.json', () => {
    const { dependencies, devDependencies, optionalDependencies } = read(join(folder, 'package.json'))
    const wanted = Object.entries<string>({ ...dependencies, ...devDependencies, ...optionalDependencies })
    expect(wanted.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
  })
})
