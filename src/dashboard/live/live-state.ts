import type { LiveFigures } from '../../session/live/live-figures.ts'
import type { History } from './chart/history.ts'

export const VIEWS = ['load', 'latency', 'machine'] as const
export type ViewName = (typeof VIEWS)[number]

export type LivePhase = 'starting' | 'running' | 'draining' | 'cut' | 'sealing'

/** All that a frame is drawn from. */
export interface LiveState {
  /** `replay`, and what it sends to whom. */
  readonly command: string
  readonly subject: string
  readonly phase: LivePhase
  /** The share of the seal that is done; null before. */
  readonly sealed: number | null
  /** null until the run starts. */
  readonly figures: LiveFigures | null
  readonly history: History
  readonly sampleIntervalMs: number
  readonly windowNs: number
  readonly view: ViewName
  readonly help: boolean
  /** Whether keys are read. */
  readonly keys: boolean
  /** What the user should know, newest last. */
  readonly notes: readonly string[]
}
