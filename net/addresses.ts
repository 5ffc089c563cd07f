/** Addresses: how far one reaches, and which of those that others announce are worth dialling. */
import { BlockList, isIP } from 'node:net'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { AssayError } from '#proto/errors.ts'

/** How far an address reaches: this machine, this site, everywhere. */
export type Scope = 'machine' | 'site' | 'world'

const REACH: readonly Scope[] = ['machine', 'site', 'world']

const MACHINE = blocks(['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'])
const SITE = blocks(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10'])
/** Shared, reserved, documentation and multicast addresses: nobody is reached there. */
const NOBODY = blocks([
  ...['100.64.0.0/10', '192.0.0.0/24', '192.0.2.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4', 'ff00::/8', '2001:db8::/32', '64:ff9b::/96'],
])

function blocks(subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [address = '', bits] = subnet.split('/')
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}

/** Throws `bad-input` for text that is no multiaddr. */
export function parseAddress(address: string): Multiaddr {
  try {
    return multiaddr(address)
  } catch (cause) {
    throw new AssayError('bad-input', `${JSON.stringify(address.slice(0, 200))} is not a multiaddr`, { cause })
  }
}

/** The peer that an address ends in, if it names one. */
export function peerOf(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === 'p2p')?.value
}

/** How far an address of IP and TCP reaches; undefined for a name, another transport, or an address of nobody. */
export function scopeOf(address: Multiaddr): Scope | undefined {
  const [host, transport, ...rest] = address.getComponents()
  if ((host?.name !== 'ip4' && host?.name !== 'ip6') || transport?.name !== 'tcp') return undefined
  if (rest.some(({ name }) => name !== 'p2p') || rest.length > 1) return undefined
  const ip = host.value ?? ''
  const family = isIP(ip) === 6 ? 'ipv6' : 'ipv4'
  if (isIP(ip) === 0) return undefined
  if (MACHINE.check(ip, family)) return 'machine'
  if (SITE.check(ip, family)) return 'site'
  return NOBODY.check(ip, family) ? undefined : 'world'
}

/**
 * The scope of a network that is joined through `bootstrap`: where its nearest address leads. A network without any is of
 * this machine, unless it finds peers on the site by itself.
 */
export function networkScope(bootstrap: readonly string[], discovers = false): Scope {
  const scopes = bootstrap.map((address) => REACH.indexOf(scopeOf(parseAddress(address)) ?? 'world'))
  if (scopes.length === 0) return discovers ? 'site' : 'machine'
  return REACH[Math.min(...scopes)] as Scope
}

/**
 * Those of the `addresses` that `peer` announces of itself which are dialled in a network of `scope`: they name that
 * peer, and reach at least as far as the network. Whoever announces an address of this machine or site in a network that
 * spans more would have us knock at our own neighbours' doors.
 */
export function dialable(addresses: readonly string[], peer: string, scope: Scope): string[] {
  return addresses.filter((text) => {
    try {
      const address = parseAddress(text)
      const reach = scopeOf(address)
      return reach !== undefined && peerOf(address) === peer && REACH.indexOf(reach) >= REACH.indexOf(scope)
    } catch {
      return false
    }
  })
}
