import type { RunReader } from '../../store/read/run-reader.ts'
import type { Rate } from '../intervals/rate-resampling.ts'
import { requestRates } from '../intervals/request-rates.ts'
import { ANSWERED } from '../populations.ts'
import type { Offered, Span } from './offered.ts'

/** Tokens of answered requests over the measured span. */
export async function tokenRates(
  reader: RunReader,
  span: Span | null,
  concurrency: Offered['concurrency'],
): Promise<Record<'output_per_s' | 'total_per_s', Rate | null>> {
  const usable = `(SELECT * FROM ${ANSWERED} WHERE output_tokens IS NOT NULL AND end_ns IS NOT NULL AND sent_ns IS NOT NULL)`
  const rates = await requestRates(reader, span, concurrency, usable, {
    output: 'output_tokens',
    total: 'output_tokens + coalesce(input_tokens, 0)',
  })
  return { output_per_s: rates?.output ?? null, total_per_s: rates?.total ?? null }
}
