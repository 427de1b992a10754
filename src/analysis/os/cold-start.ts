import type { RunReader } from '../../store/read/run-reader.ts'
import { numberOf, textOf } from '../rows.ts'

/** One process from its program's start to its first forward pass. Times in ms; null: not observed. */
export interface ColdStart {
  process: string
  /** From the program's start to the first weights that were opened. */
  before_weights_ms: number | null
  /** From the first weights opened to the last mapped, and what of it were calls of openat and mmap. */
  weights_ms: number | null
  open_ms: number
  map_ms: number
  /** From the last weights mapped to the first forward pass. */
  init_ms: number | null
  first_forward_ms: number | null
  /** From the program's start to the end of the first forward pass. */
  total_ms: number | null
  files: number
  mapped_bytes: number
  /** From the first weights opened to the first forward pass (else the last weights mapped): calls that read, and what storage had to give. */
  read_bytes: number | null
  read_ms: number | null
  storage_read_bytes: number | null
  minor_faults: number | null
  major_faults: number | null
  /** Whether the weights were in memory already: by what storage gave, against what was mapped or read. */
  page_cache: 'cold' | 'partly' | 'warm' | null
}

/** At least this share of the weights from storage is cold, below the other one warm. */
const COLD_SHARE = 0.5
const WARM_SHARE = 0.05

/** Processes that opened weights and made forward passes with them; where none did, those that mapped some, or opened. */
export async function coldStarts(reader: RunReader, attached: ReadonlySet<string>): Promise<ColdStart[]> {
  const phase = (name: string): string =>
    `sum(s.dur_ns) FILTER (s.category = 'load_phase' AND s.name = '${name}') / 1e6`
  const rows = await reader.query(
    `WITH phases AS (SELECT ${pidOf('t.process')} AS pid, arg_max(t.process, t.track_id) AS process,
        min(s.t_ns) FILTER (s.category = 'load_phase') AS from_ns, max(s.t_ns + s.dur_ns) FILTER (s.category = 'load_phase') AS to_ns,
        min(s.t_ns) FILTER (s.name = 'weights' AND s.category = 'load_phase') AS open_ns,
        max(s.t_ns) FILTER (s.name = 'first forward' AND s.category = 'load_phase') AS forward_ns,
        ${phase('before the weights')} AS before_ms, ${phase('weights')} AS weights_ms, ${phase('init')} AS init_ms, ${phase('first forward')} AS forward_ms,
        coalesce(sum(s.dur_ns) FILTER (s.category = 'open_weights'), 0) / 1e6 AS open_ms,
        coalesce(sum(s.dur_ns) FILTER (s.category = 'map_weights'), 0) / 1e6 AS map_ms,
        count(DISTINCT s.name) FILTER (s.category = 'open_weights') AS files,
        coalesce(sum(s.bytes) FILTER (s.category = 'map_weights'), 0)::DOUBLE AS mapped
        FROM named_slices s JOIN tracks t USING (track_id) WHERE t.layer = 'os' GROUP BY ${pidOf('t.process')}),
      -- Two mappings of the same length are the same bytes: vLLM maps its file once to look and once to load.
      held AS (SELECT pid, sum(bytes)::DOUBLE AS held FROM (SELECT ${pidOf('t.process')} AS pid, CASE WHEN min(s.bytes) = max(s.bytes) THEN max(s.bytes) ELSE sum(s.bytes) END AS bytes
        FROM named_slices s JOIN tracks t USING (track_id) WHERE t.layer = 'os' AND s.category = 'map_weights' GROUP BY 1, s.name) GROUP BY pid),
      windows AS (SELECT *, coalesce(forward_ns, to_ns) AS end_ns FROM phases WHERE weights_ms IS NOT NULL),
      counted AS (SELECT w.pid, t.name, sum(c.value)::DOUBLE AS value FROM counters c JOIN tracks t USING (track_id)
        JOIN windows w ON w.pid = ${pidOf('t.process')} WHERE t.layer = 'os' AND c.t_ns BETWEEN w.open_ns AND w.end_ns + 100e6 GROUP BY ALL)
      SELECT w.*, ${['read_bytes', 'read_ns', 'storage_read_bytes', 'minor_faults', 'major_faults']
        .map((name) => `(SELECT value FROM counted c WHERE c.pid = w.pid AND c.name = '${name}') AS ${name}`)
        .join(', ')}, (SELECT held FROM held h WHERE h.pid = w.pid) AS held FROM windows w ORDER BY open_ns`,
  )
  const starts = rows.map((row): ColdStart => {
    const mapped = numberOf(row, 'mapped') ?? 0
    const read = numberOf(row, 'read_bytes')
    const storage = numberOf(row, 'storage_read_bytes')
    const readNs = numberOf(row, 'read_ns')
    const toNs = numberOf(row, 'forward_ns') === null ? null : numberOf(row, 'to_ns')
    const fromNs = numberOf(row, 'from_ns')
    return {
      process: textOf(row, 'process') ?? '',
      before_weights_ms: numberOf(row, 'before_ms'),
      weights_ms: numberOf(row, 'weights_ms'),
      open_ms: numberOf(row, 'open_ms') ?? 0,
      map_ms: numberOf(row, 'map_ms') ?? 0,
      init_ms: numberOf(row, 'init_ms'),
      first_forward_ms: numberOf(row, 'forward_ms'),
      total_ms: toNs === null || fromNs === null ? null : (toNs - fromNs) / 1e6,
      files: numberOf(row, 'files') ?? 0,
      mapped_bytes: mapped,
      read_bytes: read,
      read_ms: readNs === null ? null : readNs / 1e6,
      storage_read_bytes: storage,
      minor_faults: numberOf(row, 'minor_faults') ?? (attached.has('faults') ? 0 : null),
      major_faults: numberOf(row, 'major_faults') ?? (attached.has('faults') ? 0 : null),
      page_cache: pageCache(storage, Math.max(numberOf(row, 'held') ?? 0, read ?? 0)),
    }
  })
  const whole = starts.filter(({ total_ms }) => total_ms !== null)
  const mapped = starts.filter(({ mapped_bytes }) => mapped_bytes > 0)
  return whole.length > 0 ? whole : mapped.length > 0 ? mapped : starts
}

/** The pid of `pid name`, or the tid of `tid name`. */
export function pidOf(column: string): string {
  return `split_part(${column}, ' ', 1)`
}

function pageCache(storageBytes: number | null, weightBytes: number): ColdStart['page_cache'] {
  if (weightBytes === 0 || storageBytes === null) return null
  const share = storageBytes / weightBytes
  return share >= COLD_SHARE ? 'cold' : share < WARM_SHARE ? 'warm' : 'partly'
}
