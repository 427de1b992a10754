import { codeOf } from '../../trace/columns.ts'
import { PHASES, STATUSES } from '../../trace/tables.ts'
import type { RunWriter } from '../run-writer.ts'

/** What a sample's line says of its request. */
export interface Label {
  promptId: string
  inputTokens: number | null
  outputTokens: number | null
  size: number | null
  model: string | null
}

interface Stretch {
  key: string
  label: Label
  fromNs: number
  toNs: number
  samples: number
}

const STATUS_OK = codeOf(STATUSES, 'ok')
const MEASURED = codeOf(PHASES, 'measured')

/**
 * Requests of a file that only labels samples. A request is a stretch of lines with the same label; a line without one
 * ends it. The file has no times of the request itself: `scheduled_ns` is the first sample that names it, the others are
 * NULL, and `attrs` has the stretch.
 */
export class LabelStretches {
  private readonly run: RunWriter
  private readonly tokensAre: string
  private open: Stretch | null = null

  constructor(run: RunWriter, tokensAre: string) {
    this.run = run
    this.tokensAre = tokensAre
  }

  see(tNs: number, label: Label | null): void {
    const key = label === null ? null : JSON.stringify(label)
    if (this.open !== null && this.open.key !== key) this.end()
    if (label === null || key === null) return
    this.open ??= { key, label, fromNs: tNs, toNs: tNs, samples: 0 }
    this.open.toNs = tNs
    this.open.samples++
  }

  end(): void {
    if (this.open === null) return
    const { label, fromNs, toNs, samples } = this.open
    this.open = null
    this.run.writers.requests.append({
      request_id: this.run.nextRequestId(),
      shard: 0,
      prompt_id: label.promptId,
      size: label.size,
      scheduled_ns: fromNs,
      status: STATUS_OK,
      input_tokens: label.inputTokens,
      output_tokens: label.outputTokens,
      phase: MEASURED,
      repeat: 0,
      model: label.model,
      profiled: false,
      attrs: JSON.stringify({ labelled_from_ns: fromNs, labelled_to_ns: toNs, samples, tokens_are: this.tokensAre }),
    })
  }
}
