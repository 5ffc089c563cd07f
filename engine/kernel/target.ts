/** What the emitters know about the machine they emit for. */
export interface Target {
  /** Words of a vector: a power of two, 4..32. */
  readonly lanes: number
  /** The register tile of contractions, given how many vectors wide it is: its rows. */
  readonly tileRows: (vectors: number) => number
  /** Vectors of the widest tile. */
  readonly tileVectors: number
}
