/** `npm run experiment -- NAME [ARG...]`: runs experiments/NAME/run.ts with the remaining arguments. */
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const folder = resolve(import.meta.dirname, '..', 'experiments')
const script = (name: string): string => join(folder, name, 'run.ts')

const [name = '', ...args] = process.argv.slice(2)
const known = readdirSync(folder).filter((entry) => existsSync(script(entry)))
if (known.includes(name)) {
  // The script sees the arguments that it would see if it were run by itself.
  process.argv.splice(1, process.argv.length, script(name), ...args)
  await import(pathToFileURL(script(name)).href)
} else {
  console.error(`${name === '' ? 'no experiment named' : `no experiment ${name}`}; there are: ${known.join(', ')}`)
  process.exitCode = 2
}
