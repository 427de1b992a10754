/** What every source of GPU samples is asked for. */
export interface GpuSourceOptions {
  periodMs: number
  /** Indices or UUIDs; empty for all. */
  gpus: readonly string[]
  /** On a host over ssh, the process that listens there is sampled too. */
  serverPort?: number | undefined
}
