import { join } from 'node:path'
import { E2E_NS, TTFT_NS } from '../../analysis/populations.ts'
import { literal } from '../../store/live-schema.ts'
import { POWER_TRACKS } from '../../trace/gpu-power.ts'
import type { ExportedFile, ExportOptions } from '../export-options.ts'
import type { SealedRun } from '../sealed-run.ts'
import { copyCsv } from './csv-copy.ts'
import type { SampledGpu } from './gpus.ts'
import { IN_FLIGHT, onlyModel, pairsSql, plainNumber, samplesSql, unixUs } from './sample-sql.ts'

/** A request's stages; an answer that did not come in a stream has only the stage that its prompt was meant for. */
const STAGE_TIMES = {
  prefill: `CASE WHEN first_token_ns IS NOT NULL OR status <> 'ok' OR stage = 'prefill' THEN from_ns END AS a_ns,
    coalesce(first_token_ns, to_ns) AS b_ns`,
  decode: `CASE WHEN first_token_ns IS NOT NULL THEN first_token_ns WHEN status = 'ok' AND stage = 'decode' THEN from_ns END AS a_ns,
    to_ns AS b_ns`,
} as const

/**
 * The files of the Tracer's vision: one line for each request that was in a stage during a sample's window, with the
 * share of the window that it was (`overlap`). One file per stage and GPU.
 */
export async function writeVision(
  run: SealedRun,
  gpus: readonly SampledGpu[],
  out: string,
  options: ExportOptions,
): Promise<ExportedFile[]> {
  const files: ExportedFile[] = []
  for (const gpu of gpus) {
    const twin = gpus.filter(({ name }) => name === gpu.name).length > 1
    const name = twin ? `${gpu.name}_${gpu.index}` : gpu.name
    for (const stage of ['prefill', 'decode'] as const) {
      files.push(
        await copyCsv(
          run,
          visionSql(run, gpu, stage, options),
          join(out, `${stage}_${name}.csv`),
          'samples of requests',
        ),
      )
    }
  }
  return files
}

function visionSql(run: SealedRun, gpu: SampledGpu, stage: 'prefill' | 'decode', options: ExportOptions): string {
  const ms = (sql: string) => `round((${sql}) / 1e6, 6)`
  const spans = `SELECT request_id, a_ns AS from_ns, b_ns AS to_ns FROM (SELECT *, ${STAGE_TIMES[stage]} FROM (${IN_FLIGHT})) WHERE a_ns IS NOT NULL`
  return `WITH s AS MATERIALIZED (${samplesSql(gpu, options)}), p AS (${pairsSql('SELECT * FROM s', spans)}),
      pairs AS (SELECT s.*, r.*, p.overlap_ns FROM p JOIN s USING (t_ns) JOIN requests r USING (request_id))
    SELECT strftime(make_timestamp(${unixUs(run.run)}), '%Y-%m-%dT%H:%M:%S.%fZ') AS timestamp,
      prompt_id, input_tokens, coalesce(requested_tokens, CASE WHEN stage = 'decode' THEN size END)::UINTEGER AS output_tokens_requested,
      output_tokens, ${literal(gpu.name)} AS gpu_name, coalesce(model, ${onlyModel(run.run)}) AS llm_name,
      '${stage}' AS inference_stage, ${plainNumber('round(100 * gpu_utilization_ratio, 2)', 2)} AS gpu_utilization,
      round(coalesce(${POWER_TRACKS.join(', ')}), 3) AS power_w,
      request_id, ${plainNumber('size')} AS size,
      round(overlap_ns / (t_ns - least(window_from_ns, t_ns - 1)), 6) AS overlap,
      ${ms('t_ns - sent_ns')} AS since_sent_ms, ${ms(TTFT_NS)} AS ttft_ms, ${ms(E2E_NS)} AS e2e_ms,
      ${plainNumber('round(100 * memory_utilization_ratio, 2)', 2)} AS memory_utilization, round(power_draw_average_w, 3) AS power_average_w,
      round(sm_clock_hz / 1e6, 3) AS sm_clock_mhz, round(memory_used_bytes / 1048576, 3) AS memory_used_mib, temperature_c,
      ${ms('t_ns - window_from_ns')} AS window_ms
    FROM pairs ORDER BY t_ns, request_id`
}
