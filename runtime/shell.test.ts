import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { StreamStateError } from '@libp2p/interface'
import { expect, test } from 'vitest'

const SHELL = fileURLToPath(new URL('./shell.ts', import.meta.url))

interface Started {
  readonly child: ChildProcess
  /** Exit code and standard output. */
  readonly ended: Promise<string>
  /** Resolves when `text` is among the output. */
  says(text: string): Promise<void>
}

/** A process that runs `body` in a shell, with `shell` in scope, and is ready then. */
async function start(body: string, attached = false): Promise<Started> {
  const program = `
    import { StreamStateError } from '@libp2p/interface'
    import { runShell } from ${JSON.stringify(SHELL)}
    await runShell('test', ${attached}, async (shell) => {
      shell.onStop(() => void process.stdout.write('closed\\n'))
      setInterval(() => {}, 1000)
      ${body}
      shell.ready({})
    })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.on('data', (part: Buffer) => {
    output += part
  })
  const ended = new Promise<string>((resolve) => child.once('close', (code) => resolve(`${code}: ${output}`)))
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => void (output.includes(text) && resolve())
      child.stdout.on('data', look)
      child.once('close', () => reject(new Error(`it never said ${text}`)))
      look()
    })
  await says('ready')
  return { child, ended, says }
}

const READY = '{"event":"ready"}\n'

test('SIGTERM closes what is open and ends well', async () => {
  const { child, ended } = await start('')
  child.kill('SIGTERM')
  expect(await ended).toBe(`0: ${READY}closed\n`)
})

test('an attached process ends with its standard input, others do not', async () => {
  const [attached, free] = await Promise.all([start('', true), start('')])
  attached.child.stdin?.end()
  free.child.stdin?.end()
  expect(await attached.ended).toBe(`0: ${READY}closed\n`)
  expect(free.child.exitCode).toBe(null)
  free.child.kill('SIGTERM')
  expect(await free.ended).toBe(`0: ${READY}closed\n`)
})

test('an error that nobody handles ends the process, in order', async () => {
  const { ended } = await start(`setTimeout(() => { throw new Error('a bug') }, 50)`)
  expect(await ended).toBe(`1: ${READY}closed\n`)
})

test('a write of libp2p on a connection that has just closed does not', async () => {
  expect(new StreamStateError('closed').name).toBe('StreamStateError')
  const late = `throw new StreamStateError('Cannot write to a stream that is closed')`
  const { child, ended, says } = await start(
    `queueMicrotask(() => { ${late} }); setTimeout(() => process.stdout.write('alive\\n'), 50)`,
  )
  await says('alive')
  child.kill('SIGTERM')
  expect(await ended).toBe(`0: ${READY}alive\nclosed\n`)
})

test('the role finishes what it is writing before what it uses is closed', async () => {
  const { child, ended } = await start(`
    shell.ready({})
    await new Promise((resolve) => shell.signal.addEventListener('abort', () => setTimeout(resolve, 300)))
    process.stdout.write('written\\n')
  `)
  child.kill('SIGTERM')
  expect(await ended).toBe(`0: ${READY}written\n${READY}closed\n`)
})

test('a role can end its own process in order', async () => {
  const { ended } = await start(`setTimeout(() => shell.stop(), 50)`)
  expect(await ended).toBe(`0: ${READY}closed\n`)
})
