import type { RunningEngine } from './process/running-engines.ts'
import type { OnProgress } from './progress.ts'

export interface StartOptions {
  /** 0 or absent: any free one. */
  port?: number
  /** Absent: 127.0.0.1. */
  host?: string
  /** What the engine can load: see the engine. Absent: the managed small model. */
  model?: string
  /** Requests decoded at once. */
  sequences?: number
  /** Tokens of prompt and output of one request; at most what the model was trained on. */
  contextTokens?: number
  threads?: number
  /** Requests that may wait, where the engine bounds them. */
  queue?: number
  /** Where it sends a span for each request by OTLP, if the engine can. */
  otlpEndpoint?: string
  /** Further arguments for the engine, after Layerline's: the last of an option wins. */
  extraArguments?: readonly string[]
  /** Continues to run when this process ends. */
  detached?: boolean
  onProgress?: OnProgress
  /** Gives up the start. */
  signal?: AbortSignal
  env?: NodeJS.ProcessEnv
}

/** An engine that answers. */
export interface Engine {
  /** With /v1, as OpenAI clients want it. */
  url: string
  port: number
  /** The model's id in the API. */
  model: string
  /** Its file or folder, or its id where the engine fetches it. */
  modelPath: string
  /** Of the weights; null where the engine fetches them. */
  modelSha256: string | null
  pid: number
  version: string
  arguments: string[]
  maxModelLen: number
  log: string
  /** Folder where its cores log their steps; null where they do not. */
  stepLog: string | null
  /** Ends the engine with all its processes and resolves when they are gone. */
  stop(): Promise<void>
}

export interface InstalledEngine {
  engineFolder: string
  /** File or folder of the managed small model. */
  modelPath: string
}

export interface EngineStatus {
  name: string
  version: string
  /** Whether there is a build for this machine; else why not. */
  unsupported: string | undefined
  installed: boolean
  folder: string
  engineBytes: number
  model: { name: string; installed: boolean; path: string; bytes: number; sha256: string | null }
  running: Array<RunningEngine & { uptimeS: number }>
}
