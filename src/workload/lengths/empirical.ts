import { LayerlineError } from '../../base/errors.ts'
import { randomStream } from '../../base/random-stream.ts'
import type { ArrivalSchedule } from '../arrivals/arrival.ts'

/** Lengths of rows of a trace, input and output of a row at the same place. */
export interface EmpiricalLengths {
  readonly inputs: Int32Array
  readonly outputs: Int32Array
  readonly provenance: Readonly<Record<string, unknown>>
}

/** Rows kept: enough that no percentile up to p99.9 moves, and 0.5 MB. */
const MOST_ROWS = 65_536

/**
 * Reads a trace once and keeps its lengths, all of them or a sample of `MOST_ROWS` drawn evenly (Vitter's algorithm R).
 * Rows without an output length, and rows without tokens, are skipped. Throws `input/lengths` if none is left.
 */
export async function empiricalLengths(name: string, trace: ArrivalSchedule, seed: number): Promise<EmpiricalLengths> {
  const random = randomStream('lengths', name, seed)
  const inputs: number[] = []
  const outputs: number[] = []
  let rows = 0
  for await (const batch of trace.batches()) {
    for (const { inputTokens, outputTokens } of batch) {
      if (outputTokens === null || outputTokens < 1 || inputTokens < 1) continue
      const place = rows < MOST_ROWS ? rows : Math.floor(random.uniform53() * (rows + 1))
      rows++
      if (place >= MOST_ROWS) continue
      inputs[place] = inputTokens
      outputs[place] = outputTokens
    }
  }
  if (rows === 0) throw new LayerlineError('input/lengths', `${name}: no row has an input and an output length`)
  return {
    inputs: Int32Array.from(inputs),
    outputs: Int32Array.from(outputs),
    provenance: { distribution: 'empirical', trace: trace.provenance, rows, rows_kept: inputs.length },
  }
}
