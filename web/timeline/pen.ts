import type { TimelineModel } from './model.ts'
import type { Palette } from './palette.ts'

/** Height of the time axis above the rows. */
export const RULER = 26

export interface Pen {
  readonly c: CanvasRenderingContext2D
  readonly model: TimelineModel
  readonly palette: Palette
  /** What lies where, for the pointer; filled while drawing. */
  readonly hits: Hit[]
}

export interface Hit {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
  readonly what:
    | { kind: 'slice'; id: number; name: string; t: number; dur: number; n: number }
    | { kind: 'token'; request: number; index: number; t: number; n: number }
    | { kind: 'request'; id: number; sent: number; first: number; end: number; n: number }
    | { kind: 'counter'; track: number; t: number; min: number; max: number }
    | { kind: 'cell'; t: number; name: string; n: number; busy: number }
}
