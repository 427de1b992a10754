import type { RunReader } from '../../store/read/run-reader.ts'
import { MEASURED } from '../populations.ts'

const ANSWERED_BIT = 1
const TIMED_BIT = 2
const USAGE_BIT = 4

/** A table of ids up to so many times as large as there are requests is as good as a map, and much faster. */
const SPARSEST = 16
const SMALLEST = 4096

/** Measured requests, one column per fact, each request at an index of its own. */
export interface RequestFacts {
  readonly count: number
  /** The place of a request by its id; below 0: it is none of these. */
  readonly placeOf: (requestId: number) => number
  readonly answered: Uint8Array
  /** Answered, and no profiler slowed it. */
  readonly timed: Uint8Array
  /** The server's usage says its counts. */
  readonly usage: Uint8Array
  /** NaN: not known. */
  readonly outputTokens: Float64Array
}

export async function readRequestFacts(reader: RunReader): Promise<RequestFacts> {
  const rows = reader.numbers(
    `SELECT request_id, (CASE WHEN status = 'ok' THEN ${ANSWERED_BIT} + CASE WHEN profiled IS TRUE THEN 0 ELSE ${TIMED_BIT} END ELSE 0 END
      + CASE WHEN token_source = 'usage' THEN ${USAGE_BIT} ELSE 0 END)::UINTEGER AS bits, coalesce(output_tokens, -1)::DOUBLE AS output_tokens
    FROM ${MEASURED}`,
  )
  const ids: number[] = []
  const bits: number[] = []
  const output: number[] = []
  for await (const { columns } of rows) {
    const [id, bit, tokens] = columns
    for (let i = 0; i < (id?.length ?? 0); i++) {
      ids.push(id?.[i] as number)
      bits.push(bit?.[i] as number)
      output.push(tokens?.[i] as number)
    }
  }
  const has = (bit: number) => Uint8Array.from(bits, (all) => (all & bit) / bit)
  return {
    count: ids.length,
    placeOf: placesOf(ids),
    answered: has(ANSWERED_BIT),
    timed: has(TIMED_BIT),
    usage: has(USAGE_BIT),
    outputTokens: Float64Array.from(output, (tokens) => (tokens < 0 ? Number.NaN : tokens)),
  }
}

function placesOf(ids: readonly number[]): (requestId: number) => number {
  let most = 0
  for (const id of ids) most = Math.max(most, id)
  if (most > SMALLEST && most > SPARSEST * ids.length) {
    const places = new Map(ids.map((id, place) => [id, place]))
    return (id) => places.get(id) ?? -1
  }
  // From 1, so that 0 says that there is none.
  const places = new Uint32Array(most + 1)
  for (const [place, id] of ids.entries()) places[id] = place + 1
  return (id) => (id > most ? 0 : (places[id] as number)) - 1
}
