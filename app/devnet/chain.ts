/** Program of the devnet's chain process: runs anvil and ends it when it is told to stop or its parent dies. */
import { parseArgs } from 'node:util'
import { startAnvil } from '#contracts/anvil.ts'
import { runShell } from '#runtime/shell.ts'

await runShell('chain', true, async (shell) => {
  const { values } = parseArgs({
    options: {
      state: { type: 'string' },
      log: { type: 'string' },
      port: { type: 'string' },
      fund: { type: 'string' },
    },
  })
  const anvil = await startAnvil({
    ...(values.state === undefined ? {} : { state: values.state }),
    ...(values.log === undefined || process.env.ASSAY_LOG !== 'debug' ? {} : { log: values.log }),
    port: Number(values.port ?? 0),
    fund: values.fund?.split(',') ?? [],
  })
  shell.onStop(() => anvil.stop())
  // Also when this process is made to end before anvil has written its state.
  process.once('exit', () => {
    try {
      process.kill(anvil.pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  })
  anvil.exited.then(() => shell.signal.aborted || process.exit(1))
  shell.ready({ rpc: anvil.url, anvil: anvil.pid })
})
