import { join } from 'node:path'
import { TTFT_NS } from '../../analysis/populations.ts'
import { literal } from '../../store/live-schema.ts'
import type { ExportedFile } from '../export-options.ts'
import type { SealedRun } from '../sealed-run.ts'
import { copyCsv } from './csv-copy.ts'
import { plainNumber } from './sample-sql.ts'

/** Answers shorter than this share of what was requested measure an early end, not decoding. */
const SHORTEST_ANSWER = 0.5

/**
 * The Tracer's result tables. `raw_*`: one line for each measured request that was answered, of that stage.
 * `filtered_*`: medians by size, for decoding without answers shorter than half of what was requested; `left_out` counts them.
 */
export async function writeResultTables(run: SealedRun, gpuName: string, out: string): Promise<ExportedFile[]> {
  const { engine } = run.run
  const version = [engine?.server, engine?.version].filter(Boolean).join(' ')
  const seconds = '(end_ns - sent_ns) / 1e9'
  await run.connection.run(
    `CREATE OR REPLACE TEMP TABLE answered AS SELECT *, ${seconds} AS s,
      CASE WHEN stage = 'prefill' THEN input_tokens ELSE output_tokens END / nullif(${seconds}, 0) AS speed,
      coalesce(requested_tokens, size) AS wanted,
      stage = 'decode' AND output_tokens < ${SHORTEST_ANSWER} * coalesce(requested_tokens, size) AS too_short
    FROM requests WHERE phase = 'measured' AND status = 'ok' AND end_ns IS NOT NULL AND sent_ns IS NOT NULL AND stage IN ('prefill', 'decode')`,
  )
  const files: ExportedFile[] = []
  for (const stage of ['prefill', 'decode'] as const) {
    const size = stage === 'prefill' ? 'requested_response_size' : 'requested_length'
    files.push(
      await copyCsv(
        run,
        `SELECT '' AS provider, ${literal(gpuName)} AS gpu, ${literal(version)} AS engine, model AS llm, ${plainNumber('size')} AS ${size},
          output_tokens AS response_size, round(s, 6) AS latency_s, round(speed, 3) AS throughput_tokens_per_s,
          request_id, prompt_id, input_tokens, round((${TTFT_NS}) / 1e9, 6) AS ttft_s
        FROM answered WHERE stage = '${stage}' ORDER BY request_id`,
        join(out, `raw_${stage}.csv`),
        'requests',
      ),
    )
    const keys =
      stage === 'prefill'
        ? 'model, size_text AS prompt_size,'
        : 'size_text AS requested_response_size, round(median(output_tokens) FILTER (NOT too_short))::BIGINT AS actual_median_response_size,'
    files.push(
      await copyCsv(
        run,
        `SELECT ${keys} round(median(s) FILTER (NOT too_short), 6) AS median_latency_s,
          round(median(speed) FILTER (NOT too_short), 3) AS median_throughput_tokens_per_s,
          count(*) FILTER (NOT too_short) AS requests, count(*) FILTER (too_short) AS left_out${stage === 'decode' ? ', model' : ''}
        FROM (SELECT * REPLACE (coalesce(too_short, false) AS too_short), ${plainNumber('size')} AS size_text FROM answered WHERE stage = '${stage}')
        GROUP BY model, size, size_text ORDER BY model, size`,
        join(out, `filtered_${stage}.csv`),
        'sizes',
      ),
    )
  }
  return files
}
