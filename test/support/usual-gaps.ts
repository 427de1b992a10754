import { type GapFigures, gapDistribution } from '../../src/analysis/latency/gap-distributions.ts'
import { readTokenEvents } from '../../src/analysis/token-events/token-events.ts'
import type { RunReader } from '../../src/store/read/run-reader.ts'

/** What is usual of a run's gaps, as the report has it. */
export async function usualGaps(reader: RunReader): Promise<GapFigures['usual']> {
  return (await gapDistribution(await readTokenEvents(reader), 'raw')).usual
}
