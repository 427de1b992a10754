import type { ModelShape } from './model-shape.ts'

/** What a step runs. */
export interface StepLoad {
  /** Tokens, of all requests. */
  readonly tokens: number
  /** Requests: each has one row of logits. */
  readonly requests: number
  /** Over all tokens, those that each attends to, itself included; null where contexts are not known. */
  readonly attended: number | null
  /** Over all requests, the tokens whose keys and values are read. */
  readonly context: number | null
}

export interface StepWork {
  readonly flops: number
  readonly bytes: number
}

/**
 * The least work of a step. FLOPs: two per weight and token in the matrices of the layers, two per weight and request
 * in the output matrix, and 4 x heads x head size per layer and attended token. Bytes: each weight once, keys and
 * values of the contexts read and those of the tokens written. Activations, norms and the embedding's rows are
 * excluded; so is attention if contexts are not known.
 */
export function stepWork(shape: ModelShape, load: StepLoad): StepWork {
  const { layers, hidden, heads, kvHeads, headDim, intermediate, vocabulary, bytesEach } = shape
  const attention = hidden * headDim * (2 * heads + 2 * kvHeads)
  const inLayers = layers * (attention + 3 * hidden * intermediate)
  const output = hidden * vocabulary
  const keysAndValues = 2 * kvHeads * headDim * layers
  return {
    flops:
      2 * inLayers * load.tokens + 2 * output * load.requests + 4 * heads * headDim * layers * (load.attended ?? 0),
    bytes: bytesEach * (inLayers + output + keysAndValues * (load.tokens + (load.context ?? 0))),
  }
}
