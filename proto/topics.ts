/** Names on the network: gossip topics and request protocols, each with its version. */

/** Gossip topics; each carries one kind of announcement (messages.ts). */
export const TOPICS = {
  peer: '/assay/peers/1',
  job: '/assay/jobs/1',
  entry: '/assay/entries/1',
} as const

/** Request protocols of the roles; blobs and objects are the network's own (net/). */
export const PROTOCOLS = {
  /** `ExchangeRequest` -> the raw bytes of a partial sum. */
  exchange: '/assay/exchange/1',
  /** `StatementRequest` -> the preimage of a node: docs/spec/pinpoint.md. */
  statement: '/assay/statement/1',
} as const
