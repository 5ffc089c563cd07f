/** The set-up in a scratch repository with an `npm` of our own first on PATH. */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

let root: string

/** Replaces the scratch repository's npm; `body` is shell script. */
function npm(body: string): void {
  writeFileSync(join(root, 'bin', 'npm'), `#!/bin/sh\necho "$@" >> "${root}/calls"\n${body}\n`)
  chmodSync(join(root, 'bin', 'npm'), 0o755)
}

const calls = (): string[] => {
  const file = join(root, 'calls')
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'assay-bootstrap-'))
  mkdirSync(join(root, 'bin'))
  mkdirSync(join(root, 'tools'))
  cpSync(join(import.meta.dirname, 'bootstrap.mjs'), join(root, 'tools', 'bootstrap.mjs'))
  writeFileSync(join(root, 'package-lock.json'), '{}')
  writeFileSync(
    join(root, 'echo.ts'),
    'const code: number = Number(process.argv[2])\nconsole.log(JSON.stringify(process.argv.slice(3)))\nprocess.exit(code)\n',
  )
  writeFileSync(
    join(root, 'wait.ts'),
    "process.on('SIGTERM', () => process.exit(9))\nsetInterval(() => undefined, 1000)\nconsole.log('ready')\n",
  )
  npm('sleep 0.3; mkdir -p node_modules')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the bootstrap with a PATH of our own; `signal` is sent at the command's first output. */
function bootstrap(args: readonly string[], signal?: NodeJS.Signals): Promise<Ended> {
  const { npm_execpath: _, npm_lifecycle_event: __, ...env } = process.env
  const child = spawn(process.execPath, [join(root, 'tools', 'bootstrap.mjs'), ...args], {
    cwd: root,
    env: { ...env, PATH: [join(root, 'bin'), '/usr/bin', '/bin'].join(':') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    if (stdout === '' && signal !== undefined) child.kill(signal)
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  return new Promise((done) => child.on('close', (code, by) => done({ code, signal: by, stdout, stderr })))
}

it('installs once and passes arguments, output and exit code through', async () => {
  const first = await bootstrap(['echo.ts', '3', '--a', 'b c'])
  expect(first).toMatchObject({ code: 3, stdout: '["--a","b c"]\n' })
  expect(first.stderr).toContain('installing packages')
  const second = await bootstrap(['echo.ts', '0'])
  expect(second).toMatchObject({ code: 0, stdout: '[]\n', stderr: '' })
  expect(calls()).toHaveLength(1)
})

it('installs again when the lock file changes', async () => {
  await bootstrap(['echo.ts', '0'])
  writeFileSync(join(root, 'package-lock.json'), '{"changed":true}')
  await bootstrap(['echo.ts', '0'])
  expect(calls()).toHaveLength(2)
})

it('lets one of two at once install', async () => {
  const both = await Promise.all([bootstrap(['echo.ts', '0']), bootstrap(['echo.ts', '0'])])
  expect(both.map(({ code }) => code)).toEqual([0, 0])
  expect(calls()).toHaveLength(1)
  expect(both.map(({ stderr }) => stderr).join('')).toContain('waiting for another set-up')
})

it('takes over the lock of a set-up that was killed', async () => {
  const lock = join(root, '.tmp', 'bootstrap.lock')
  mkdirSync(dirname(lock))
  writeFileSync(lock, 'held by process 1\n')
  utimesSync(lock, new Date(0), new Date(0))
  expect(await bootstrap(['echo.ts', '0'])).toMatchObject({ code: 0 })
  expect(existsSync(lock)).toBe(false)
})

it('explains a failing installation, frees the lock and tries again the next time', async () => {
  npm('echo "npm error code ENOTFOUND" >&2; exit 1')
  const failed = await bootstrap(['echo.ts', '0'])
  expect(failed).toMatchObject({ code: 1, stdout: '' })
  expect(failed.stderr).toMatch(/ENOTFOUND[\s\S]*Next step: the package registry could not be reached/)
  expect(existsSync(join(root, '.tmp', 'bootstrap.lock'))).toBe(false)
  npm('mkdir -p node_modules')
  expect(await bootstrap(['echo.ts', '0'])).toMatchObject({ code: 0 })
})

it('runs tools of node_modules by name and says when there is none', async () => {
  npm(
    `mkdir -p node_modules/.bin; printf '#!/bin/sh\\necho tool $1\\n' > node_modules/.bin/t; chmod +x node_modules/.bin/t`,
  )
  expect(await bootstrap(['t', 'x'])).toMatchObject({ code: 0, stdout: 'tool x\n' })
  const none = await bootstrap(['no-such-tool'])
  expect(none.code).toBe(127)
  expect(none.stderr).toContain('cannot run no-such-tool')
})

it.each([
  ['SIGTERM', { code: 9, signal: null }],
  ['SIGINT', { code: null, signal: 'SIGINT' }],
] as const)('passes %s on and ends as the command ended', async (signal, end) => {
  expect(await bootstrap(['wait.ts'], signal)).toMatchObject(end)
})
