/**
 * The basic figures, each defined here once: as SQL over the tables of a run, and as the client computes it from the
 * same moments during the run. What other tools mean by these names: src/analysis/definitions/.
 */
interface BaseFigure {
  readonly unit: 'ns'
  /** The formula, as the docs and `--definitions` give it. */
  readonly formula: string
  /** A row of `requests`, or of `chunks` for `itl`; NULL where it has none. */
  readonly sql: string
  /** The same, from moments in ns since the run's epoch; NaN if one of them is missing. */
  readonly of: (...moments: number[]) => number
}

export const BASE_FIGURES = {
  ttft: {
    unit: 'ns',
    formula: 'first event with a token - last body byte sent',
    sql: 'first_token_ns - sent_ns',
    of: ttftNs,
  },
  itl: {
    unit: 'ns',
    formula: 'event with a token - the one before it',
    sql: 't_ns - lag(t_ns) OVER (PARTITION BY request_id ORDER BY "index")',
    of: itlNs,
  },
  tpot: {
    unit: 'ns',
    formula: '(last token - first token) / (output tokens - 1)',
    sql: 'CASE WHEN output_tokens >= 2 AND last_token_ns > first_token_ns THEN (last_token_ns - first_token_ns) / (output_tokens - 1) END',
    of: tpotNs,
  },
  e2e: {
    unit: 'ns',
    formula: 'end of the stream - last body byte sent',
    sql: 'end_ns - sent_ns',
    of: e2eNs,
  },
} as const satisfies Record<string, BaseFigure>

export type BaseFigureName = keyof typeof BASE_FIGURES

export function ttftNs(firstTokenNs: number, sentNs: number): number {
  return firstTokenNs - sentNs
}

export function itlNs(tNs: number, beforeNs: number): number {
  return tNs - beforeNs
}

/** NaN if there is no second token, or all arrived in one instant. */
export function tpotNs(lastTokenNs: number, firstTokenNs: number, outputTokens: number): number {
  return outputTokens >= 2 && lastTokenNs > firstTokenNs
    ? (lastTokenNs - firstTokenNs) / (outputTokens - 1)
    : Number.NaN
}

export function e2eNs(endNs: number, sentNs: number): number {
  return endNs - sentNs
}
