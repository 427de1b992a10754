import type { Status } from '../../trace/tables.ts'

/** Latencies in ns; NaN where nothing was counted. Each is at most 0.8 % off: they come from counts in buckets. */
export interface Quantiles {
  n: number
  p50Ns: number
  p95Ns: number
  p99Ns: number
  maxNs: number
}

export interface Latency {
  /** Since the run began. */
  total: Quantiles
  /** Over the last sample interval. */
  recent: Quantiles
}

/** Per second, over the last sample interval. */
export interface LiveRates {
  /** Requests that ended well. */
  okPerS: number
  /** Requests that were due. */
  offeredPerS: number
  failedPerS: number
  /** Prompt tokens, counted when their request ends. */
  inputTokensPerS: number
  /** Generated tokens, counted as they come. */
  outputTokensPerS: number
  txBytesPerS: number
  rxBytesPerS: number
}

/** The figures of the server's metrics page; null if it does not have them. */
export interface ServerFigures {
  running: number | null
  waiting: number | null
  kvCacheRatio: number | null
}

export interface GpuFigures {
  device: string
  utilizationRatio: number | null
  powerW: number | null
  memoryUsedBytes: number | null
  memoryTotalBytes: number | null
}

export interface HostFigures {
  host: string
  cpuBusyRatio: number | null
  memoryAvailableBytes: number | null
  /** Of the processors alone, if the machine allows reading it. */
  powerW: number | null
}

/** The load of the recording process itself. */
export interface ClientFigures {
  cores: number | null
  loopDelayP99Ns: number | null
}

/** The state of a run at a moment. Its size is bounded, however long the run is. */
export interface LiveFigures {
  /** ns since the run's epoch, and since the first request could be offered. */
  tNs: number
  elapsedNs: number
  pausedNs: number
  paused: boolean
  requests: {
    planned: number | null
    /** Of the run that is done (ended, not only offered), 0 to 1; null where its end is not known. */
    share: number | null
    /** Requests that are due: more than were sent if a limit holds some back. */
    offered: number
    /** Due and held back by a ceiling on requests in flight, now. */
    holding: number
    sent: number
    ended: number
    ok: number
    failed: number
    inFlight: number
    warmup: number
    byStatus: ReadonlyMap<Status, number>
    byHttpStatus: ReadonlyMap<number, number>
  }
  tokens: { input: number; output: number }
  /** TX: request bodies. RX: bodies of the answers, which are the bytes of the SSE stream where it is one. */
  bytes: { tx: number; rx: number }
  rates: LiveRates
  /** TTFT and ITL of every request as they come; TPOT and E2E of those that ended well; warm-up in none. */
  latency: { ttft: Latency; itl: Latency; tpot: Latency; e2e: Latency; lag: Latency }
  server: ServerFigures
  gpus: readonly GpuFigures[]
  hosts: readonly HostFigures[]
  client: ClientFigures
  lastError: string | null
}
