/** A thread of the native engine: the same code, called through a gate of its own. */
import { serve } from '../compiled/serve.ts'
import { callable } from './callable.ts'
import { openHost } from './host.ts'

await serve(async (memory) => {
  const host = await openHost()
  return (portable) => callable(host, memory, portable as number)
})
