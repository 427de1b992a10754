import { LayerlineError } from '../../base/errors.ts'
import type { ChosenRow } from './chosen-row.ts'
import { mix } from './mix.ts'

/** Rows with the same stamp that are held to be ordered. */
const MAX_TICK_ROWS = 500_000

/**
 * Spreads rows that share a tick evenly at random over it: from its stamp on, for a tick or until the next stamp,
 * whichever is shorter. A row's place depends only on its line and the seed.
 */
export class TickSpreader {
  private held: ChosenRow[] = []
  private readonly path: string
  private readonly seed: number
  private readonly tickUs: number
  private readonly emit: (row: ChosenRow, tUs: number) => void

  constructor(path: string, seed: number, tickUs: number, emit: (row: ChosenRow, tUs: number) => void) {
    this.path = path
    this.seed = seed
    this.tickUs = tickUs
    this.emit = emit
  }

  add(row: ChosenRow): void {
    const stampUs = this.held[0]?.tUs
    if (stampUs !== undefined && row.tUs !== stampUs) this.spread(Math.min(this.tickUs, row.tUs - stampUs))
    if (this.held.length === MAX_TICK_ROWS) {
      throw new LayerlineError(
        'input/trace-tick',
        `${this.path}:${row.line}: more than ${MAX_TICK_ROWS} rows in one instant; --jitter cannot put them in order`,
      )
    }
    this.held.push(row)
  }

  end(): void {
    this.spread(this.tickUs)
  }

  private spread(widthUs: number): void {
    const placed = this.held.map((row) => ({ row, atUs: Math.floor((mix(row.line, this.seed) / 2 ** 32) * widthUs) }))
    this.held = []
    placed.sort((a, b) => a.atUs - b.atUs || a.row.line - b.row.line)
    for (const { row, atUs } of placed) this.emit(row, row.tUs + atUs)
  }
}
