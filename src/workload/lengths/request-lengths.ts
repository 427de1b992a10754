import type { RandomStream } from '../../base/random-stream.ts'
import type { BoundedDraw } from '../distributions/bounded-draw.ts'
import type { EmpiricalLengths } from './empirical.ts'

/** Tokens of a request: of its prompt, and of its answer (null: the model ends when it likes). */
export interface RequestLength {
  readonly input: number
  readonly output: number | null
}

/** Where the lengths of synthetic requests come from. */
export interface RequestLengths {
  readonly provenance: Readonly<Record<string, unknown>>
  /** Of the inputs; Infinity where there is none. */
  readonly meanInput: number
  readonly meanOutput: number | null
  /** `count` hears of each length that a bound changed. */
  draw(random: RandomStream, count: (reason: ClipReason) => void): RequestLength
}

export type ClipReason = 'input_tokens_clipped' | 'output_tokens_clipped'

/** One side of a length: drawn from a distribution, or from the rows of a trace. */
export type LengthSide = BoundedDraw | EmpiricalLengths

/**
 * Lengths of both sides. Where both are drawn from the same trace, they are those of one row: long prompts keep their
 * answers.
 */
export function requestLengths(input: LengthSide, output: LengthSide | null): RequestLengths {
  const joint = isEmpirical(input) && input === output
  return {
    provenance: {
      input_tokens: input.provenance,
      output_tokens: output?.provenance ?? null,
      ...(joint ? { lengths: 'input and output of one row together' } : {}),
    },
    meanInput: isEmpirical(input) ? meanOf(input.inputs) : input.distribution.mean,
    meanOutput: output === null ? null : isEmpirical(output) ? meanOf(output.outputs) : output.distribution.mean,
    draw(random, count) {
      if (joint) {
        const row = random.below(input.inputs.length)
        return { input: input.inputs[row] ?? 1, output: input.outputs[row] ?? 1 }
      }
      return {
        input: drawSide(input, 'inputs', random, () => count('input_tokens_clipped')),
        output: output && drawSide(output, 'outputs', random, () => count('output_tokens_clipped')),
      }
    },
  }
}

/** A whole number within the bounds. */
export function drawBounded(draw: BoundedDraw, random: RandomStream, clipped?: () => void): number {
  const raw = draw.raw(random)
  if (raw >= draw.min && raw <= draw.max) return raw
  clipped?.()
  return raw < draw.min ? draw.min : draw.max
}

function drawSide(side: LengthSide, column: 'inputs' | 'outputs', random: RandomStream, clipped: () => void): number {
  if (!isEmpirical(side)) return drawBounded(side, random, clipped)
  const values = side[column]
  return values[random.below(values.length)] ?? 1
}

function isEmpirical(side: LengthSide | null): side is EmpiricalLengths {
  return side !== null && 'inputs' in side
}

function meanOf(values: Int32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}
