import { join } from 'node:path'
import { horizonOf } from '../../analysis/hardware/flights.ts'
import { labelledSamplesQuery } from '../../analysis/hardware/samples.ts'
import { findSensors } from '../../analysis/hardware/sensors.ts'
import type { ExportedFile, ExportOptions } from '../export-options.ts'
import type { SealedRun } from '../sealed-run.ts'
import { copyCsv } from './csv-copy.ts'
import type { SampledGpu } from './gpus.ts'
import {
  IN_FLIGHT,
  LABELLED_STRETCHES,
  onlyModel,
  pairsSql,
  plainNumber,
  samplesSql,
  unixUs,
  withGpuClock,
} from './sample-sql.ts'

/** The size of a sample: its request's; between requests that of the one before, before them all the first. */
const SPLIT_SIZE = `coalesce(size, last_value(size IGNORE NULLS) OVER (ORDER BY t_ns ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
  first_value(size IGNORE NULLS) OVER (ORDER BY t_ns ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING))`

/**
 * The Tracer's trace: one line per GPU sample, with the request that was in flight for most of the sample's window (of
 * equals the one sent first), and no prompt if there was none. `out` ends in .csv for one file, else it is a folder.
 */
export async function writeSampleTrace(
  run: SealedRun,
  gpus: readonly SampledGpu[],
  out: string,
  options: ExportOptions,
): Promise<ExportedFile[]> {
  const files: ExportedFile[] = []
  for (const gpu of gpus) {
    await labelSamples(run, gpu, options)
    const bySize = options.split === 'size'
    const sizes = bySize
      ? await run.rows('SELECT split_size, min(us)::DOUBLE AS us FROM labelled GROUP BY 1 ORDER BY 2')
      : await run.rows('SELECT NULL AS split_size, min(us)::DOUBLE AS us FROM labelled HAVING count(*) > 0')
    for (const row of sizes) {
      const size = row.split_size === null ? null : Number(row.split_size)
      const where = bySize ? `WHERE split_size IS NOT DISTINCT FROM ${size === null ? 'NULL' : `${size}::DOUBLE`}` : ''
      const path = fileOf(out, Number(row.us), [
        ...(gpus.length > 1 ? [`gpu${gpu.index}`] : []),
        ...(sameSecond(sizes, Number(row.us)) ? [`size${size ?? 'none'}`] : []),
      ])
      const shown = bySize ? 'split_size' : 'size'
      files.push(
        await copyCsv(
          run,
          `SELECT strftime(make_timestamp(gpu_ms * 1000), '%Y/%m/%d %H:%M:%S.%g') AS gpu_ts, gpu_util, mem_util,
            strftime(make_timestamp(us), '%Y-%m-%dT%H:%M:%S.%f') AS logged_at, prompt_id, in_toks, out_toks,
            ${plainNumber(shown)} AS prompt_size, model FROM labelled ${where} ORDER BY t_ns`,
          path,
          'samples',
        ),
      )
    }
  }
  return files
}

/**
 * Makes the table `labelled`. Labels are those of `report`: by the sensor's window, repeats as what they repeat. A sample
 * without a utilisation has no sensor to go by: its own window decides. A run that was imported keeps its file's labels.
 * Each step is a table of its own: as one query its joins are planned badly and take thirty times as long.
 */
async function labelSamples(run: SealedRun, gpu: SampledGpu, options: ExportOptions): Promise<void> {
  const step = (name: string, sql: string) => run.connection.run(`CREATE OR REPLACE TEMP TABLE ${name} AS ${sql}`)
  const utilization = gpu.tracks.get('gpu_utilization_ratio')
  const sensors = (await findSensors(run.reader)).filter(({ track_id }) => track_id === utilization)
  const horizon = await horizonOf(run.reader)
  const percent = (name: string) => plainNumber(`round(100 * ${name}, 2)`, 2)
  await step('gpu_samples', withGpuClock(samplesSql(gpu, options), gpu, run.run))
  await step(
    'by_sensor',
    sensors.length === 0 || horizon === null
      ? 'SELECT NULL::DOUBLE AS t_ns, NULL::UINTEGER AS request_id WHERE false'
      : `SELECT t_ns, request_id FROM (${labelledSamplesQuery(sensors, horizon)}) WHERE request_id IS NOT NULL`,
  )
  await step(
    'by_window',
    `SELECT t_ns, arg_max(request_id, (overlap_ns, -from_ns, -request_id::DOUBLE)) AS request_id FROM (
      ${pairsSql('SELECT * FROM gpu_samples WHERE gpu_utilization_ratio IS NULL', `SELECT request_id, from_ns, to_ns FROM (${IN_FLIGHT})`)}
      UNION ALL (${pairsSql('SELECT * FROM gpu_samples', LABELLED_STRETCHES)})) GROUP BY t_ns`,
  )
  await step(
    'labelled',
    `SELECT *, ${unixUs(run.run)} AS us, ${SPLIT_SIZE} AS split_size FROM (
      SELECT s.t_ns, s.gpu_ms, ${percent('gpu_utilization_ratio')} AS gpu_util, ${percent('memory_utilization_ratio')} AS mem_util,
        r.prompt_id, r.input_tokens AS in_toks, r.output_tokens AS out_toks, r.size, coalesce(r.model, ${onlyModel(run.run)}) AS model
      FROM gpu_samples s LEFT JOIN by_sensor k USING (t_ns) LEFT JOIN by_window o USING (t_ns)
        LEFT JOIN requests r ON r.request_id = coalesce(k.request_id, o.request_id))`,
  )
}

function sameSecond(files: readonly { us?: unknown }[], us: number): boolean {
  return files.filter((file) => Math.floor(Number(file.us) / 1e6) === Math.floor(us / 1e6)).length > 1
}

function fileOf(out: string, us: number, more: readonly string[]): string {
  if (/\.csv$/i.test(out)) return more.length === 0 ? out : out.replace(/\.csv$/i, `_${more.join('_')}.csv`)
  const stamp = new Date(us / 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_')
  return join(out, `${['trace', stamp, ...more].join('_')}.csv`)
}
