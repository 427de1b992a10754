import { openRun } from '../../store/read/open-run.ts'
import { clockBaseOf } from '../../trace/run-json.ts'
import { countOne, NOT_SAID, RowBatch, type RowCounts, type RowSource, type TraceRows } from './row-batch.ts'

/**
 * What a run was meant to offer, else what it took: its warm-up stays out. An answer that was cut short or failed is
 * asked for as long as it was meant to be.
 */
const ROWS = `SELECT scheduled_ns, coalesce(intended_input_tokens, input_tokens) AS input,
    CASE WHEN status = 'ok' THEN coalesce(output_tokens, requested_tokens) ELSE requested_tokens END AS output,
    request_id, session_id, turn, phase
  FROM requests ORDER BY scheduled_ns, request_id`

/** The requests of one of our own runs, in order of when they were due. */
export class RunRows implements RowSource {
  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  async *batches(counts: RowCounts): AsyncGenerator<TraceRows, void> {
    const reader = await openRun(this.folder)
    try {
      const epochUs = Number(clockBaseOf(reader.run).epochUnixNs / 1000n)
      const batch = new RowBatch({ session: true, turn: true, parent: false, blocks: false })
      for await (const rows of (await reader.stream(ROWS)).batches()) {
        for (const [scheduledNs, input, output, id, session, turn, phase] of rows) {
          if (phase === 'warmup') countOne(counts, 'warmup_of_the_run')
          else if (input === null) countOne(counts, 'tokens_not_known')
          else {
            const i = batch.count
            batch.tUs[i] = epochUs + Math.round(Number(scheduledNs) / 1000)
            batch.input[i] = Number(input)
            batch.output[i] = output === null ? NOT_SAID : Number(output)
            batch.line[i] = Number(id)
            if (batch.session !== null) batch.session[i] = session === null ? null : String(session)
            if (batch.turn !== null) batch.turn[i] = turn === null ? NOT_SAID : Number(turn)
            batch.count = i + 1
          }
          if (!batch.isFull) continue
          yield batch
          batch.count = 0
        }
      }
      if (batch.count > 0) yield batch
    } finally {
      await reader.close()
    }
  }
}
