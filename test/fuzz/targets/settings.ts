/** Decoders of what people and peers state about networks, accounts and weights: network files, keys, addresses, proofs. */
import { parseProof, proofText } from '#app/weights/proof.ts'
import { parseAddress, peerOf, scopeOf } from '#net/addresses.ts'
import { bytesEqual, to0x, toHex } from '#proto/bytes.ts'
import { check, fail } from '#proto/errors.ts'
import { encodeJob } from '#proto/job.ts'
import { bareSecret } from '#runtime/keys.ts'
import { decryptSecret, encryptSecret, keystoreAccount } from '#runtime/keystore.ts'
import { type Network, parseNetwork } from '#runtime/network.ts'
import { type SeededRandom, type Target, textOf, utf8, words } from '#test/fuzz/target.ts'
import { jsonText, mutateValue } from '#test/fuzz/targets/json.ts'
import { aJob } from '#test/fuzz/targets/values.ts'

/** A mutation of JSON text as the value it stands for. */
const mutateJson = (bytes: Uint8Array, random: SeededRandom): Uint8Array => {
  try {
    return utf8(jsonText(mutateValue(JSON.parse(textOf(bytes)), random)))
  } catch {
    return bytes
  }
}

const PEER = '/p2p/16Uiu2HAmDzNumbpiQ1q1BjC2mWfwfxHeH5ZUtSDWaBoUhdtQEYr6'

const network: Target<Network> = {
  name: 'network-file',
  covers: ['runtime/network.ts#parseNetwork'],
  valid: (random) => {
    const account = (): string => to0x(random.bytes(20))
    const contracts = { assay: account(), arbiter: account(), randomness: account(), fromBlock: random.below(100) }
    const base = { rpc: 'http://127.0.0.1:8545', chainId: 31337, contracts, api: 'https://example.org:1/x' }
    const bootstrap = Array.from({ length: random.below(3) }, () => `/ip4/127.0.0.1/tcp/${random.below(65_536)}${PEER}`)
    return utf8(jsonText({ ...base, bootstrap, ...(random.bool() ? { names: { [account()]: 'solver-1' } } : {}) }))
  },
  decode: (bytes) => {
    let value: unknown
    try {
      value = JSON.parse(textOf(bytes))
    } catch {
      fail('bad-config', 'no JSON')
    }
    return parseNetwork(value, 'the network file')
  },
  encode: (value) => utf8(JSON.stringify(value)),
  form: 'stable',
  same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
  codes: ['bad-config'],
  mutate: mutateJson,
  tokens: words('"__proto__":', 'http://', 'file:///', 'http://[::1]:x', '-1', '1e1', '0.5', 'null'),
  slowness: 2,
}

const PASSPHRASE = 'a passphrase'
/** The least that scrypt can cost. */
const KEYSTORES = await Promise.all([1, 2, 3].map((n) => encryptSecret(new Uint8Array(32).fill(n), PASSPHRASE, 2)))

/** A mutation that leaves the cost of scrypt low is worth more than one that is refused for it. */
const keystore: Target<string> = {
  name: 'keystore',
  covers: ['runtime/keystore.ts#decryptSecret', 'runtime/keystore.ts#keystoreAccount'],
  valid: (random) => utf8(random.pick(KEYSTORES)),
  decode: async (bytes) => {
    const text = textOf(bytes)
    keystoreAccount(text)
    return toHex(await decryptSecret(text, PASSPHRASE, 'the keystore'))
  },
  codes: ['bad-config', 'over-limit'],
  mutate: mutateJson,
  tokens: words('"N":', '"n":', '"P":', '"kdf":"pbkdf2"', '"version":3', '"Crypto":', '1073741824', '0x', 'null'),
  allocates: (size) => 2 ** 20 + 64 * size,
  slowness: 8,
}

const bare: Target<Uint8Array> = {
  name: 'bare-key',
  covers: ['runtime/keys.ts#bareSecret'],
  valid: (random) => utf8(`${random.bool() ? '0x' : ''}${toHex(random.bytes(32))}\n`),
  decode: (bytes) => bareSecret(textOf(bytes), 'the key file'),
  encode: (secret) => utf8(to0x(secret)),
  form: 'stable',
  codes: ['bad-config'],
  tokens: words('0x', ' ', '\n', '0'.repeat(64), 'f'.repeat(64)),
  slowness: 8,
}

const address: Target = {
  name: 'multiaddr',
  covers: ['net/addresses.ts#parseAddress'],
  valid: (random) => {
    const host = random.pick(['/ip4/127.0.0.1', '/ip4/10.1.2.3', '/ip6/::1', '/dns4/example.org', '/ip6/2001:db9::1'])
    return utf8(`${host}/tcp/${random.below(65_536)}${random.bool() ? PEER : ''}`)
  },
  decode: (bytes) => {
    const one = parseAddress(textOf(bytes))
    return [scopeOf(one), peerOf(one)]
  },
  codes: ['bad-input'],
  tokens: words(
    '/ip4',
    '/ip6',
    '/tcp/',
    '/udp/1',
    '/quic-v1',
    '/ws',
    '/p2p/',
    '/p2p-circuit',
    '/unix/a',
    '/',
    '%',
    '999',
  ),
}

const proof: Target<ReturnType<typeof parseProof>> = {
  name: 'weights-proof',
  covers: ['app/weights/proof.ts#parseProof'],
  valid: (random) => {
    const hash = (): string => toHex(random.bytes(32))
    const tensors = Array.from({ length: random.below(4) }, (_, i) => ({ name: `t${i}`, root: hash() }))
    const metrics = random.bool() ? null : { records: 8, loss: 1.5 }
    const spec = toHex(encodeJob(aJob(random)))
    const provenance = { kind: 'run' as const, engine: 'wasm' }
    return utf8(
      proofText({
        format: 'assay/proof/1',
        spec,
        provenance,
        metrics,
        stateRoot: hash(),
        tensors,
        files: { a: hash() },
      }),
    )
  },
  decode: (bytes) => {
    const text = textOf(bytes)
    check(bytesEqual(utf8(text), bytes), 'bad-encoding', 'no UTF-8')
    return parseProof(text)
  },
  encode: (value) => utf8(proofText(value)),
  form: 'canonical',
  codes: ['bad-encoding', 'over-limit'],
  mutate: (bytes, random) => {
    try {
      return utf8(`${JSON.stringify(mutateValue(JSON.parse(textOf(bytes)), random), null, 2)}\n`)
    } catch {
      return bytes
    }
  },
  bombs: () => [
    ['a job of eight megabytes', utf8(`{"format":"assay/proof/1","spec":"${'ab'.repeat(4 * 2 ** 20)}"}`)],
    ['a field of a megabyte', utf8(`{"${'x'.repeat(2 ** 20)}":1}`)],
    ['lists in lists', utf8('['.repeat(2 ** 20))],
  ],
  slowness: 2,
}

export const SETTINGS = [network, keystore, bare, address, proof] as readonly Target[]
