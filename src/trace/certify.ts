/** Track and category of the blocks in which `--certify` had a layer on or off; `attrs.certifies` names the layer. */
export const CERTIFY = 'certify'

/** Name of a gap that `--certify` made: it is not a fault. */
export const CERTIFY_GAP = 'taken out by --certify'

/** `attrs` of a track of blocks. */
export interface CertifyTrack {
  readonly certifies: string
  /** What "off" means: the layer pauses, or is detached. */
  readonly off: 'paused' | 'detached'
  readonly block_ns: number
}

/** `args` of a block: it is compared with the others of its pair. */
export interface CertifyBlock {
  readonly pair: number
  readonly on: 0 | 1
}
