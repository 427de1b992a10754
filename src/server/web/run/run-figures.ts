import { ANSWERED, TPOT_NS, TTFT_NS } from '../../../analysis/populations.ts'
import { measuredSpan } from '../../../analysis/requests/offered.ts'
import { loadOverTime } from '../../../analysis/steady-state/over-time.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import type { RunFigures } from '../api-types.ts'

const BINS = 40
/** A p99 wants so many rows; with fewer it is not shown. */
const FOR_P99 = 299

/** What the list shows of a run beside its run.json. */
export async function runFigures(reader: RunReader): Promise<Omit<RunFigures, 'id'>> {
  const span = await measuredSpan(reader)
  const [row] = await reader.query(
    `SELECT count(*) AS ok, median(${TTFT_NS}) / 1e6 AS ttft50, quantile_disc(${TTFT_NS}, 0.99) / 1e6 AS ttft99, median(${TPOT_NS}) / 1e6 AS tpot50,
      sum(output_tokens) AS tokens FROM ${ANSWERED}`,
  )
  const [all] = await reader.query("SELECT count(*) AS n FROM requests WHERE phase = 'measured'")
  const number = (key: string) => (typeof row?.[key] === 'number' ? (row[key] as number) : null)
  const ok = number('ok') ?? 0
  const seconds = span === null ? null : (span.endNs - span.startNs) / 1e9
  const tokens = number('tokens')
  return {
    requests: Number(all?.n ?? 0),
    ok,
    ttft_p50_ms: number('ttft50'),
    ttft_p99_ms: ok >= FOR_P99 ? number('ttft99') : null,
    tpot_p50_ms: number('tpot50'),
    output_tokens_per_s: tokens === null || seconds === null ? null : tokens / seconds,
    in_flight: span === null ? [] : (await loadOverTime(reader, span, BINS)).map((bin) => bin.in_flight),
  }
}
