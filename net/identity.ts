/** The transport key of a peer and the peer id that follows from it. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { check } from '#proto/errors.ts'

/**
 * The Ed25519 key of a 32-byte seed. Every gossip message is signed and verified with it, for which Ed25519 takes a
 * thirtieth of the time of secp256k1. Throws `bad-input` for another length.
 */
export async function peerKeyOf(seed: Uint8Array): Promise<PrivateKey> {
  check(seed.length === 32, 'bad-input', `a peer key has 32 bytes, not ${seed.length}`)
  return await generateKeyPairFromSeed('Ed25519', seed)
}

/** Text of the peer id of a 32-byte seed. Throws `bad-input` for another length. */
export async function peerIdOf(seed: Uint8Array): Promise<string> {
  return peerIdFromPrivateKey(await peerKeyOf(seed)).toString()
}
