import { LayerlineError } from '../base/errors.ts'
import { LAYERS, type Layer } from '../trace/tables.ts'

/** What to write of a run; each format says which of these it heeds. */
export interface ExportOptions {
  /** Start of the window, ns since the run's epoch; what overlaps it is written. */
  readonly fromNs?: number | undefined
  /** End of the window, ns since the run's epoch. */
  readonly toNs?: number | undefined
  readonly layers?: readonly string[] | undefined
  /** `tracer-csv`: `size` writes one file per prompt size. */
  readonly split?: string | undefined
  /** `tracer-csv`: the vision's files instead, `prefill_<gpu>.csv` and `decode_<gpu>.csv`. */
  readonly vision?: boolean | undefined
  /** `tracer-csv`: the result tables instead, `raw_*.csv` and `filtered_*.csv`. */
  readonly tables?: boolean | undefined
}

/** One file that an export wrote. */
export interface ExportedFile {
  readonly path: string
  readonly rows: number
  /** What a row is, in the plural. */
  readonly what: string
}

export interface ExportFormat {
  /** One sentence for the help. */
  readonly about: string
  /** The options it heeds; another one given is an error, not silence. */
  readonly options: readonly (keyof ExportOptions)[]
  write(folder: string, out: string, options: ExportOptions): Promise<ExportedFile[]>
}

/** The layers asked for, checked; all of them where none is named. */
export function chosenLayers(layers: readonly string[] | undefined): ReadonlySet<Layer> {
  if (layers === undefined) return new Set(LAYERS)
  for (const layer of layers) {
    if (!(LAYERS as readonly string[]).includes(layer)) {
      throw new LayerlineError('usage/arguments', `--layers ${layer}: no such layer; expected ${LAYERS.join(', ')}`)
    }
  }
  return new Set(layers as readonly Layer[])
}

/** A condition that a stretch of time overlaps the window; `true` without a window. */
export function overlaps(options: ExportOptions, start: string, end: string): string {
  const parts = []
  if (options.toNs !== undefined) parts.push(`${start} < ${sqlNumber(options.toNs)}`)
  if (options.fromNs !== undefined) parts.push(`${end} >= ${sqlNumber(options.fromNs)}`)
  return parts.length === 0 ? 'true' : parts.join(' AND ')
}

/** A number as SQL reads it back, exactly. */
export function sqlNumber(value: number): string {
  return `${value}::DOUBLE`
}
