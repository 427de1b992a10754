import { LayerlineError } from '../../base/errors.ts'
import type { TraceLayout } from '../trace-formats/trace-format.ts'
import { countOne, NOT_SAID, type RowCounts, type TraceRows } from '../trace-rows/row-batch.ts'
import type { Arrival } from './arrival.ts'
import type { ChosenRow } from './chosen-row.ts'
import { mix, mixText } from './mix.ts'
import { TickSpreader } from './tick-spreader.ts'
import type { TraceSelection } from './trace-selection.ts'
import { TurnCounter } from './turn-counter.ts'

/** Makes arrivals of a trace's rows in order of time: chooses, clamps, counts and numbers them. */
export class ArrivalMaker {
  /** Made and not taken yet. */
  made: Arrival[] = []
  isDone = false
  private index = 0
  private firstUs = Number.NaN
  private lastRowUs = Number.NEGATIVE_INFINITY
  private readonly path: string
  private readonly layout: TraceLayout
  private readonly selection: TraceSelection
  private readonly counts: RowCounts
  private readonly from: number
  private readonly sampleBelow: number
  private readonly turns: TurnCounter
  private readonly spreader: TickSpreader | null

  /** Arrivals before the one with index `from` are only counted. */
  constructor(path: string, layout: TraceLayout, selection: TraceSelection, counts: RowCounts, from: number) {
    this.path = path
    this.layout = layout
    this.selection = selection
    this.counts = counts
    this.from = from
    this.sampleBelow = selection.sample * 2 ** 32
    this.turns = new TurnCounter(counts)
    const { jitter } = selection
    this.spreader =
      jitter === null ? null : new TickSpreader(path, jitter.seed, jitter.tickUs, (row, tUs) => this.make(row, tUs))
    if (selection.limit === 0) this.isDone = true
  }

  take(rows: TraceRows): void {
    const { window, jitter } = this.selection
    for (let i = 0; i < rows.count && !this.isDone; i++) {
      const stampUs = rows.tUs[i] as number
      if (stampUs < window.fromUs) continue
      if (stampUs >= window.toUs) {
        this.end()
        return
      }
      const row = this.choose(rows, i)
      if (row === null) continue
      if (jitter === null) this.make(row, row.tUs)
      else this.spreader?.add(row)
    }
  }

  /** No more rows follow. */
  end(): void {
    if (!this.isDone) this.spreader?.end()
    this.isDone = true
  }

  /** What was made since the last call. */
  drain(): readonly Arrival[] {
    const { made } = this
    this.made = []
    return made
  }

  private choose(rows: TraceRows, i: number): ChosenRow | null {
    const line = rows.line[i] as number
    const session = rows.session?.[i] ?? null
    if (!this.isSampled(line, session)) {
      countOne(this.counts, 'not_sampled')
      return null
    }
    let input = rows.input[i] as number
    let output = rows.output[i] as number
    if (input === 0 || output === 0) {
      const hasFailed = output === 0 && this.layout.zeroOutputFailed
      countOne(this.counts, hasFailed ? 'failed_in_trace' : 'zero_tokens')
      if ((hasFailed ? this.selection.failures : this.selection.zeroTokens) === 'skip') return null
      input ||= 1
      output ||= 1
    }
    const { overlong } = this.selection
    if (overlong !== null && input + (output === NOT_SAID ? 1 : output) > overlong.maxModelLen) {
      if (overlong.policy === 'fail') throw this.overlong(line, input, output, overlong.maxModelLen)
      countOne(this.counts, overlong.policy === 'skip' ? 'overlong_skipped' : 'overlong_clamped')
      if (overlong.policy === 'skip') return null
      input = Math.min(input, overlong.maxModelLen - 1)
      if (output !== NOT_SAID) output = Math.min(output, overlong.maxModelLen - input)
    }
    const stampUs = rows.tUs[i] as number
    // Rows are expected in order; if one is late all the same, it is offered at once, and counted.
    if (stampUs < this.lastRowUs) countOne(this.counts, 'out_of_order')
    else this.lastRowUs = stampUs
    return {
      tUs: this.lastRowUs,
      input,
      output,
      line,
      session,
      turn: rows.turn?.[i] ?? NOT_SAID,
      parent: rows.parent === null ? null : (rows.parent[i] as number),
      blocks: rows.blocks?.[i] ?? null,
    }
  }

  private isSampled(line: number, session: string | null): boolean {
    const { sample, sampleSeed } = this.selection
    if (sample >= 1) return true
    return (session === null ? mix(line, sampleSeed) : mixText(session, sampleSeed)) < this.sampleBelow
  }

  private make(row: ChosenRow, tUs: number): void {
    if (this.isDone) return
    if (this.index === 0) this.firstUs = tUs
    const index = this.index++
    const session = this.sessionOf(row)
    if (this.index === this.selection.limit) this.isDone = true
    if (index < this.from) return
    const { blockTokens } = this.layout
    this.made.push({
      index,
      tUs: tUs - this.firstUs,
      inputTokens: row.input,
      outputTokens: row.output === NOT_SAID ? null : row.output,
      session,
      blocks:
        row.blocks === null || blockTokens === null
          ? null
          : { ids: cutTo(row.blocks, Math.ceil(row.input / blockTokens)), blockTokens },
    })
  }

  private sessionOf({ session: id, turn: own, parent, line }: ChosenRow): Arrival['session'] {
    if (id === null) return null
    const turn = this.turns.next(id, own)
    if (parent === null) return { id, turn }
    this.turns.remember(line, turn)
    return { id, turn, after: this.turns.turnOf(parent) }
  }

  private overlong(line: number, input: number, output: number, maxModelLen: number): LayerlineError {
    const answer = output === NOT_SAID ? '' : ` and ${output} of output`
    return new LayerlineError(
      'input/trace-overlong',
      `${this.path}:${line}: ${input} tokens of input${answer}, but the server takes ${maxModelLen} in all`,
      { hint: '--overlong skip leaves such rows out, --overlong clamp cuts them; both are counted' },
    )
  }
}

function cutTo(ids: readonly number[], length: number): readonly number[] {
  return ids.length > length ? ids.slice(0, length) : ids
}
