/** What a network's folder tells: the ports of its processes. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readNetwork } from '#runtime/network.ts'

/** Every TCP port that the network in `folder` listens on: chain, HTTP interface, peers. */
export async function portsOf(folder: string): Promise<number[]> {
  const { rpc, api } = await readNetwork(join(folder, 'network.json'))
  const ports = [rpc, api].map((url) => Number(new URL(url).port))
  for (const name of await readdir(join(folder, 'logs'))) {
    const lines = (await readFile(join(folder, 'logs', name), 'utf8')).split('\n')
    for (const line of lines.filter((text) => text.startsWith('{"event":"ready"'))) {
      const { addresses = [] } = JSON.parse(line) as { addresses?: string[] }
      ports.push(...addresses.map((address) => Number(/\/tcp\/(\d+)/.exec(address)?.[1])))
    }
  }
  return ports
}
