import type { PHASES, STAGES } from '../../trace/tables.ts'
import type { Prompt } from './request-body.ts'

/** One request as the schedule wants it. Times are ns since the run's epoch. */
export interface RequestPlan {
  requestId: number
  promptId: string | null
  sessionId?: string | null
  turn?: number | null
  stage?: (typeof STAGES)[number] | null
  size?: number | null
  requestedUnit?: string | null
  scheduledNs: number
  prompt: Prompt
  /** null: no limit is sent. */
  maxTokens: number | null
  model: string
  /** Goes into the body as it is. One object for many requests is serialised once. */
  sampling: Record<string, unknown>
  /** The sampling seed of this request, where each has its own. */
  seed?: number | null
  phase: (typeof PHASES)[number]
  repeat: number
  /** Extra columns of the prompt row, JSON. */
  attrs: string | null
  intendedInputTokens?: number | null
  intendedCachedTokens?: number | null
  /** How long a limit on requests in flight held it back after it was due, ns. */
  heldNs?: number | null
  stream: boolean
}
