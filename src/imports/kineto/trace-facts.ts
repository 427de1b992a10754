/** What a trace's file says beside its events. */
export interface TraceFacts {
  /** Unix ns to be added to every time; null where the file does not say. */
  readonly baseTimeNs: string | null
  readonly rank: number | null
  readonly worldSize: number | null
  readonly host: string | null
  readonly vllm: string | null
  /** Names of the devices by their id. */
  readonly devices: Readonly<Record<string, string>>
}

/**
 * Reads the facts before and after the list of events. By patterns, not as JSON: the file need not be valid, and the
 * events are skipped.
 */
export function traceFacts(text: string): TraceFacts {
  const find = (pattern: RegExp) => pattern.exec(text)?.[1] ?? null
  const number = (found: string | null) => (found === null ? null : Number(found))
  const devices = find(/"deviceProperties"\s*:\s*\[([\s\S]*?)\]\s*,/) ?? ''
  const named = devices.matchAll(/"id"\s*:\s*(\d+)\s*,\s*"name"\s*:\s*"([^"]*)"/g)
  return {
    baseTimeNs: find(/"baseTimeNanoseconds"\s*:\s*"?(\d{1,20})/),
    rank: number(find(/"distributedInfo"\s*:\s*\{[\s\S]*?"rank"\s*:\s*(\d{1,9})/)),
    worldSize: number(find(/"distributedInfo"\s*:\s*\{[\s\S]*?"world_size"\s*:\s*(\d{1,9})/)),
    host: find(/"host_name"\s*:\s*"([^"]*)"/),
    vllm: find(/"vllm_version"\s*:\s*"([^"]*)"/),
    devices: Object.fromEntries([...named].map(([, id, name]) => [id, name ?? ''])),
  }
}
