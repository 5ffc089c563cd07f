/** What a person is told of a network's processes that die and come back, and the end of it when one cannot be helped. */
import type { ProcessGroup } from '#app/devnet/processes.ts'
import { paint, type Terminal } from '#app/terminal/terminal.ts'

/**
 * Tells of deaths and returns in `group` on `terminal`. Runs `work` with a signal that is aborted by `signal`, and when a
 * process dies again and again.
 * @throws AssayError of the process that was given up, or what `work` throws
 */
export async function supervised<T>(
  group: ProcessGroup,
  terminal: Terminal,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController()
  group.onDeath = ({ name, how, backInMs }) => {
    const next = backInMs === undefined ? 'it stays down' : `back in ${backInMs / 1000} s`
    terminal.write(`${paint(terminal, 'red', 'down')}  ${name} ended by itself (${how}): ${next}\n`)
  }
  group.onReturn = ({ name }) => terminal.write(`${paint(terminal, 'green', 'back')}  ${name}\n`)
  group.onLost = (error) => lost.abort(error)
  try {
    const result = await work(AbortSignal.any([signal, lost.signal]))
    lost.signal.throwIfAborted()
    return result
  } catch (error) {
    lost.signal.throwIfAborted()
    throw error
  } finally {
    group.onLost = () => {}
  }
}
