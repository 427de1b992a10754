import type { LayerlineError } from '../../base/errors.ts'
import type { ServerInfo } from '../../sources/requests/probe.ts'
import type { RunPlan } from '../../trace/run-json.ts'
import type { Tally } from '../live/tally.ts'
import type { OfferProgress } from '../offer.ts'
import type { Shard } from '../open-loop/shard.ts'
import type { StopStage } from '../stop-signal.ts'

/** What a worker has to know beside the command line that it shares. */
export interface WorkerTask {
  readonly shard: Shard
  /** Of the live store it records into. */
  readonly storeShard: number
  readonly folder: string
  readonly runId: string
  readonly seed: number
  readonly server: ServerInfo
  /** The run's clock, decimal: the same in every process of this machine. */
  readonly epochUnixNs: string
  readonly monotonicBaseNs: string
}

export type ToWorker =
  | { type: 'task'; task: WorkerTask }
  | { type: 'start'; startNs: number }
  | { type: 'pause'; paused: boolean }
  | { type: 'stop'; stage: StopStage }

export type FromWorker =
  | { type: 'hello' }
  /** Its first requests lie ready. */
  | { type: 'ready' }
  | { type: 'progress'; progress: OfferProgress | null; tally: Tally }
  | { type: 'done'; facts: Partial<RunPlan>; dropped: Readonly<Record<string, number>>; longestUncommittedMs: number }
  | { type: 'failed'; code: ErrorCode; message: string; hint: string | undefined }

export type ErrorCode = ConstructorParameters<typeof LayerlineError>[0]

/** In the environment of a worker's process: its command line, as JSON. */
export const WORKER_VARIABLE = 'LAYERLINE_WORKER'

/** What a worker was asked to run; null in any other process. */
export function workerCommandLine(): string[] | null {
  const words = process.env[WORKER_VARIABLE]
  return words === undefined || process.send === undefined ? null : (JSON.parse(words) as string[])
}
