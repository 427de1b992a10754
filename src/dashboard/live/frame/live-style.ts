import type { Palette } from '../chart/palette.ts'

/** Sizes that a user may fix; unset ones follow from the terminal's. */
export interface LiveStyle {
  readonly palette: Palette
  /** No charts, figures alone. */
  readonly noPlot: boolean
  /** 1: a chart is one row; 2: it has rows of its own. */
  readonly plotRows: 1 | 2
  readonly plotHeight: number | undefined
  readonly sparkWidth: number | undefined
  readonly yWidth: number
  readonly numWidth: number
  readonly barWidth: number | undefined
}

export interface FrameSize {
  readonly columns: number
  readonly rows: number
}
