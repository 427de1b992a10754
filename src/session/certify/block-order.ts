import { randomStream } from '../../base/random-stream.ts'

/** Which pair of blocks a step of the run belongs to, and whether the layer is on in it. */
export interface Block {
  readonly pair: number
  readonly on: boolean
}

/**
 * A layer's block at a step: blocks of so many steps come in pairs, one on and one off, and which is first is drawn for each
 * pair and layer alone. What drifts with the time falls on both alike.
 */
export function blockAt(seed: number, layer: string, stepsPerBlock: number, step: number): Block {
  const block = Math.floor(step / stepsPerBlock)
  const pair = Math.floor(block / 2)
  const onFirst = randomStream('certify', seed, layer, pair).uniform() < 0.5
  return { pair, on: (block % 2 === 0) === onFirst }
}
