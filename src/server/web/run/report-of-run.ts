import { analyseRun } from '../../../analysis/analyse-run.ts'
import type { Report } from '../../../analysis/report.ts'
import { parseSlo } from '../../../analysis/slo/slo.ts'
import { LayerlineError } from '../../../base/errors.ts'
import { firstLine, runTool } from '../../../base/tool.ts'
import type { StreamingReader } from '../../../store/read/run-reader.ts'

/** Rows of events up to which a report is made here: it takes the thread for some tens of ms. */
const MOST_ROWS_HERE = 100_000
const LIMIT_MS = 300_000
const MOST_BYTES = 64 << 20

/** A program and its first arguments that run `layerline`. */
export type Self = readonly string[]

/** What `layerline report RUN --json` prints: of a small run made here, else in a process of its own, whose memory goes with it. */
export async function reportOfRun(
  reader: StreamingReader,
  self: Self | null,
  slo: string | null,
  rows: number,
): Promise<Report> {
  const limits = slo === null ? undefined : parseSlo(slo)
  if (self === null || rows <= MOST_ROWS_HERE) {
    const fork = await reader.fork(null)
    try {
      return await analyseRun(fork ?? reader, { slo: limits })
    } finally {
      await fork?.close()
    }
  }
  const [program = '', ...first] = self
  const result = await runTool(
    program,
    [...first, 'report', reader.folder, '--json', ...(slo === null ? [] : ['--slo', slo])],
    {
      limit: LIMIT_MS,
      keptBytes: MOST_BYTES,
    },
  )
  if (result.how !== 'ended' || result.code !== 0) {
    throw new LayerlineError('internal/report', `the report failed: ${firstLine(result.stderr) ?? result.how}`, {
      hint: `layerline report ${reader.folder}`,
    })
  }
  return JSON.parse(result.stdout) as Report
}
