import type { RunReader, SqlRow } from '../../store/read/run-reader.ts'
import { CERTIFY, type CertifyBlock, type CertifyTrack } from '../../trace/certify.ts'
import { PAIRS_NEEDED, type PairDifference, type PairedEffect, pairedEffect } from '../intervals/paired-effect.ts'
import { IS_TOKEN_EVENT, MEASURED, TIMED, TIMED_GAPS, TTFT_NS } from '../populations.ts'
import { countOf, textOf } from '../rows.ts'

/** What a layer adds to a figure: with it on, less with it off. */
export type CertifiedEffect =
  | (PairedEffect & {
      pairs: number
      /** The figure with the layer off. */
      off: number
      /** Whether the interval lies on one side of zero. */
      decided: boolean
    })
  /** Pairs of blocks that have something in both, and how many it takes. */
  | { pairs: number; too_few: number }

export interface CertifiedLayer {
  layer: string
  /** What being off was. */
  off: CertifyTrack['off']
  block_s: number
  itl_ms: CertifiedEffect
  ttft_ms: CertifiedEffect
  output_tokens_per_s: CertifiedEffect
}

/** What the layers of a run cost it, each switched off and on in blocks. */
export interface Certificate {
  layers: CertifiedLayer[]
}

/** Sums over the time of a block, or of one of the steps that it is made of. */
interface Sums {
  windows: number
  seconds: number
  gaps: number
  gapNs: number
  firsts: number
  ttftNs: number
  tokens: number
}

/** Of a figure in one half of a pair: how many it is the mean of, and their sum. */
type Part = (sums: Sums) => { n: number; sum: number }

const FIGURES: Readonly<Record<'itl_ms' | 'ttft_ms' | 'output_tokens_per_s', Part>> = {
  itl_ms: ({ gaps, gapNs }) => ({ n: gaps, sum: gapNs / 1e6 }),
  ttft_ms: ({ firsts, ttftNs }) => ({ n: firsts, sum: ttftNs / 1e6 }),
  output_tokens_per_s: ({ seconds, tokens }) => ({ n: seconds, sum: tokens }),
}

/**
 * Windows in which no layer switched; layers switch between the same ones. Only what lies wholly within a window
 * counts, and only windows within the measured requests.
 */
const BLOCKS_SQL = `WITH
  span AS (SELECT min(sent_ns) AS a, max(end_ns) AS b FROM ${MEASURED}),
  slice AS (SELECT t.track_id, t.attrs, s.t_ns AS a, s.t_ns + s.dur_ns AS b, s.args FROM slices s JOIN tracks t USING (track_id)
    WHERE s.category = '${CERTIFY}' AND t.name = '${CERTIFY}'),
  w AS MATERIALIZED (SELECT DISTINCT slice.a, slice.b FROM slice, span WHERE slice.a >= span.a AND slice.b <= span.b),
  g AS (SELECT w.a, count(*) AS gaps, sum(g.gap_ns) AS gap_ns FROM ${TIMED_GAPS} g
    ASOF JOIN w ON g.t_ns - g.gap_ns >= w.a WHERE g.t_ns <= w.b GROUP BY w.a),
  f AS (SELECT w.a, count(*) AS firsts, sum(${TTFT_NS}) AS ttft_ns FROM ${TIMED} r
    ASOF JOIN w ON r.sent_ns >= w.a WHERE r.first_token_ns <= w.b GROUP BY w.a),
  k AS (SELECT w.a, sum(coalesce(c.tokens, 1)) AS tokens FROM chunks c SEMI JOIN ${MEASURED} m ON m.request_id = c.request_id
    ASOF JOIN w ON c.t_ns >= w.a WHERE c.t_ns <= w.b AND ${IS_TOKEN_EVENT} GROUP BY w.a)
SELECT slice.track_id, slice.attrs, slice.args, (w.b - w.a) / 1e9 AS seconds, gaps, gap_ns, firsts, ttft_ns, tokens
FROM slice JOIN w ON w.a = slice.a LEFT JOIN g ON g.a = w.a LEFT JOIN f ON f.a = w.a LEFT JOIN k ON k.a = w.a
ORDER BY slice.track_id, slice.a`

/** Null for a run without `--certify`. */
export async function certificate(reader: RunReader): Promise<Certificate | null> {
  const tracks = await reader.query(`SELECT track_id, attrs FROM tracks WHERE name = '${CERTIFY}' ORDER BY track_id`)
  if (tracks.length === 0) return null
  const rows = await reader.query(BLOCKS_SQL)
  const layers = tracks.map((track) => {
    const { certifies, off, block_ns } = JSON.parse(textOf(track, 'attrs') ?? '{}') as CertifyTrack
    const pairs = pairsOf(rows.filter((row) => row.track_id === track.track_id))
    const effect = (part: Part) => effectOf(pairs, part, reader.run.seed)
    return {
      layer: certifies,
      off,
      block_s: block_ns / 1e9,
      itl_ms: effect(FIGURES.itl_ms),
      ttft_ms: effect(FIGURES.ttft_ms),
      output_tokens_per_s: effect(FIGURES.output_tokens_per_s),
    }
  })
  return { layers }
}

interface Pair {
  on: Sums | null
  off: Sums | null
}

function pairsOf(rows: readonly SqlRow[]): Pair[] {
  const pairs = new Map<number, Pair>()
  for (const row of rows) {
    const { pair: number, on } = JSON.parse(textOf(row, 'args') ?? '{}') as CertifyBlock
    const pair = pairs.get(number) ?? { on: null, off: null }
    pairs.set(number, pair)
    const half = on === 1 ? 'on' : 'off'
    pair[half] = added(pair[half], {
      windows: 1,
      seconds: countOf(row, 'seconds'),
      gaps: countOf(row, 'gaps'),
      gapNs: countOf(row, 'gap_ns'),
      firsts: countOf(row, 'firsts'),
      ttftNs: countOf(row, 'ttft_ns'),
      tokens: countOf(row, 'tokens'),
    })
  }
  return [...pairs.values()]
}

function added(before: Sums | null, more: Sums): Sums {
  if (before === null) return more
  return {
    windows: before.windows + more.windows,
    seconds: before.seconds + more.seconds,
    gaps: before.gaps + more.gaps,
    gapNs: before.gapNs + more.gapNs,
    firsts: before.firsts + more.firsts,
    ttftNs: before.ttftNs + more.ttftNs,
    tokens: before.tokens + more.tokens,
  }
}

/** Each pair weighs as much as the difference of its two means is sure. */
function effectOf(pairs: readonly Pair[], part: Part, seed: number): CertifiedEffect {
  const differences: PairDifference[] = []
  let offSum = 0
  let weights = 0
  for (const { on, off } of pairs) {
    // A half that was cut short has other layers on for another share of it.
    if (on === null || off === null || on.windows !== off.windows) continue
    const [a, b] = [part(on), part(off)]
    if (a.n === 0 || b.n === 0) continue
    const weight = (a.n * b.n) / (a.n + b.n)
    differences.push({ difference: a.sum / a.n - b.sum / b.n, weight })
    offSum += (weight * b.sum) / b.n
    weights += weight
  }
  const found = pairedEffect(differences, seed)
  if (found === null) return { pairs: differences.length, too_few: PAIRS_NEEDED }
  const decided = found.low > 0 || found.high < 0
  return { ...found, pairs: differences.length, off: offSum / weights, decided }
}
