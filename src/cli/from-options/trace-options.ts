import { LayerlineError } from '../../base/errors.ts'
import type { TraceOptions } from '../../workload/arrivals/open-trace.ts'
import { OVERLONG, type OverlongPolicy } from '../../workload/arrivals/trace-selection.ts'
import { parseColumnMap } from '../../workload/trace-formats/column-map.ts'
import type { TraceFormatId } from '../../workload/trace-formats/formats.ts'
import type { TimeUnit } from '../../workload/trace-rows/bytes/time-unit.ts'

/** Values of those options as a command gets them; `from` and `to` by the overrides are texts. */
export interface TraceOptionValues {
  readonly trace?: string | undefined
  readonly format?: string | undefined
  readonly map?: string | undefined
  readonly 'time-unit'?: string | undefined
  readonly from?: unknown
  readonly to?: unknown
  readonly limit?: number | undefined
  readonly sample?: number | undefined
  readonly jitter?: number | undefined
  readonly 'skip-bad'?: boolean | undefined
  readonly overlong?: string | undefined
  readonly 'cache-dir'?: string | undefined
  readonly 'no-cache'?: boolean | undefined
}

/**
 * What `openTrace` is to be asked. `seed` chooses the rows of `--sample`; `maxModelLen` is the server's, null where it
 * does not say: `--overlong` cannot be kept then, and is an error if it was asked for.
 */
export function traceOptionsFrom(
  values: TraceOptionValues,
  { seed, maxModelLen }: { seed: number; maxModelLen: number | null },
): TraceOptions {
  const { trace, format, map, from, to, limit, sample, jitter, overlong } = values
  if (trace === undefined)
    throw new LayerlineError('usage/arguments', '--trace is missing; expected a file of arrivals')
  if (sample !== undefined && !(sample > 0 && sample <= 1))
    throw new LayerlineError('usage/arguments', `--sample ${sample}: expected a share above 0 and at most 1`)
  if (overlong !== undefined && maxModelLen === null) {
    throw new LayerlineError('usage/arguments', `--overlong ${overlong}: the server does not say its max_model_len`, {
      hint: 'without --overlong all rows are offered as they are',
    })
  }
  return {
    path: trace,
    ...(format === undefined ? {} : { format: format as TraceFormatId | 'auto' }),
    ...(map === undefined ? {} : { map: parseColumnMap(map) }),
    ...(values['time-unit'] === undefined ? {} : { timeUnit: values['time-unit'] as TimeUnit }),
    ...(from === undefined ? {} : { from: String(from) }),
    ...(to === undefined ? {} : { to: String(to) }),
    ...(limit === undefined ? {} : { limit }),
    ...(sample === undefined ? {} : { sample: { share: sample, seed } }),
    ...(jitter === undefined ? {} : { jitterSeed: jitter }),
    ...(values['skip-bad'] ? { skipBad: true } : {}),
    ...(values['cache-dir'] === undefined ? {} : { cacheDir: values['cache-dir'] }),
    ...(values['no-cache'] ? { noCache: true } : {}),
    ...(maxModelLen === null ? {} : { overlong: { maxModelLen, policy: (overlong ?? OVERLONG[0]) as OverlongPolicy } }),
  }
}
