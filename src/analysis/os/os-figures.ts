import type { RunReader } from '../../store/read/run-reader.ts'
import type { Span } from '../requests/offered.ts'
import { numberOf, oneRow, textOf } from '../rows.ts'
import { type ColdStart, coldStarts, pidOf } from './cold-start.ts'
import { type HistogramBins, quantileBin } from './histogram.ts'

/** What the kernel saw of the server, or of the program that was run. Null: the source does not report it. */
export interface OsFigures {
  /** What looked: probes in the kernel, or /proc alone. */
  source: 'bpftrace' | '/proc'
  /** What that cannot show, in codes: what `ended_between_looks` of /proc, and more; empty with probes. */
  not_seen: readonly string[]
  /** Probe files that could not be attached, and why. */
  missing: { file: string; why: string }[]
  cold_starts: ColdStart[]
  /** Busiest first, over the measured requests; of a run without them, over all of it. */
  threads: OsThread[]
  more_threads: number
  processes: OsProcess[]
  /** Forward passes in the measured span. */
  forwards: number | null
  /** Calls of CUDA by function, over the run; the most time first. */
  cuda: { function: string; calls: number; ms: number }[]
  syscalls: { syscall: string; calls: number; ms: number }[]
  /** Of the whole machine. */
  block_read_bytes: number | null
  /** Times of which the layer knows nothing, or not when. */
  gaps: { why: string; s: number }[]
}

export interface OsThread {
  process: string
  thread: string
  on_cpu_s: number
  /** Shares of the thread's time that is known. */
  on_cpu_share: number
  blocked_share: number
  waiting_share: number
  /** Of the time it waited for a CPU, what began with losing one. */
  preempted_s: number | null
  context_switches: number | null
  migrations: number | null
}

/** A process over the whole run. */
export interface OsProcess {
  process: string
  on_cpu_s: number | null
  run_queue_waits: number | null
  /** Between these, µs: the probe counts in powers of two. */
  run_queue_wait_p99_us: { low: number; high: number } | null
  migrations: number | null
  numa_migrations: number | null
  /** CPUs it may use, and NUMA nodes; the cpuset that says so. */
  cpus_allowed: string | null
  cpuset: string | null
  /** Share of its resident memory on the node that has most of it; null on a machine of one node. */
  numa_local_share: number | null
  minor_faults: number | null
  major_faults: number | null
  mmap_calls: number | null
  mmap_bytes: number | null
  /** mlock and mlock2. */
  mlock_calls: number | null
  mlock_bytes: number | null
  locked_bytes: number | null
  read_bytes: number | null
  read_calls: number | null
  storage_read_bytes: number | null
  futex_wait_s: number | null
  gpu_opens: number | null
  gpu_ioctls: number | null
  gpu_ioctl_ms: number | null
  socket_send_bytes: number | null
  socket_receive_bytes: number | null
}

/** The name that a process had last: it may run another program than it began with. */
const LATEST_NAME = 'arg_max(t.process, t.track_id)'
const THREADS = 12
/** A server's helpers come and go; those that did least are omitted. */
const PROCESSES = 8

/** Null for a run without the layer. */
export async function osFigures(reader: RunReader, span: Span | null): Promise<OsFigures | null> {
  const head = await oneRow(
    reader,
    `SELECT count(*) AS tracks, any_value(attrs) FILTER (name = 'probes') AS probes,
      any_value(attrs) FILTER (name = 'looks') AS looks,
      count(*) FILTER (attrs LIKE '%"source":"bpf/%') AS probed FROM tracks WHERE layer = 'os'`,
  )
  if ((numberOf(head, 'tracks') ?? 0) === 0) return null
  const probes = JSON.parse(textOf(head, 'probes') ?? '{}') as {
    attached?: string[]
    missing?: { file: string; why: string }[]
  }
  const { threads, more } = await threadFigures(reader, span)
  const inSpan = span === null ? '' : `AND c.t_ns BETWEEN ${span.startNs} AND ${span.endNs}`
  const totals = await oneRow(
    reader,
    `SELECT sum(c.value) FILTER (t.name = 'forwards' ${inSpan})::DOUBLE AS forwards,
      sum(c.value) FILTER (t.name = 'block_read_bytes')::DOUBLE AS block
      FROM counters c JOIN tracks t USING (track_id) WHERE t.layer = 'os'`,
  )
  const gaps = await reader.query(
    `SELECT s.name, sum(s.dur_ns)::DOUBLE / 1e9 AS s FROM named_slices s JOIN tracks t USING (track_id)
      WHERE t.layer = 'os' AND s.category = 'gap' GROUP BY s.name ORDER BY 2 DESC`,
  )
  return {
    source: (numberOf(head, 'probed') ?? 0) > 0 || textOf(head, 'probes') !== null ? 'bpftrace' : '/proc',
    not_seen: (JSON.parse(textOf(head, 'looks') ?? '{}') as { not_seen?: string[] }).not_seen ?? [],
    missing: probes.missing ?? [],
    cold_starts: await coldStarts(reader, new Set(probes.attached)),
    threads,
    more_threads: more,
    processes: await processFigures(reader, new Set(probes.attached)),
    forwards: numberOf(totals, 'forwards'),
    cuda: (await byDevice(reader, 'cuda')).map(({ device, calls, ms }) => ({ function: device, calls, ms })),
    syscalls: (await byDevice(reader, 'syscall')).map(({ device, calls, ms }) => ({ syscall: device, calls, ms })),
    block_read_bytes: numberOf(totals, 'block'),
    gaps: gaps.map((row) => ({ why: String(row.name), s: numberOf(row, 's') ?? 0 })),
  }
}

async function threadFigures(reader: RunReader, span: Span | null): Promise<{ threads: OsThread[]; more: number }> {
  const inSpan = span === null ? '' : `AND c.t_ns BETWEEN ${span.startNs} AND ${span.endNs}`
  const sum = (name: string): string => `sum(c.value) FILTER (t.name = '${name}')::DOUBLE AS ${name}`
  const names = ['on_cpu_ns', 'blocked_ns', 'run_queue_wait_ns', 'preempted_ns', 'context_switches', 'migrations']
  const rows = await reader.query(
    `SELECT ${LATEST_NAME} AS process, arg_max(t.thread, t.track_id) AS thread, ${names.map(sum).join(', ')}, count(*) OVER () AS threads
      FROM counters c JOIN tracks t USING (track_id) WHERE t.layer = 'os' AND t.thread IS NOT NULL ${inSpan}
      GROUP BY ${pidOf('t.process')}, ${pidOf('t.thread')} HAVING on_cpu_ns > 0 ORDER BY on_cpu_ns DESC, thread LIMIT ${THREADS}`,
  )
  const threads = rows.map((row) => {
    const of = (name: string): number => numberOf(row, name) ?? 0
    const known = of('on_cpu_ns') + of('blocked_ns') + of('run_queue_wait_ns')
    const preempted = numberOf(row, 'preempted_ns')
    return {
      process: String(row.process),
      thread: String(row.thread),
      on_cpu_s: of('on_cpu_ns') / 1e9,
      on_cpu_share: of('on_cpu_ns') / known,
      blocked_share: of('blocked_ns') / known,
      waiting_share: of('run_queue_wait_ns') / known,
      preempted_s: preempted === null ? null : preempted / 1e9,
      context_switches: numberOf(row, 'context_switches'),
      migrations: numberOf(row, 'migrations'),
    }
  })
  return { threads, more: rows.length === 0 ? 0 : Number(rows[0]?.threads) - rows.length }
}

/** Totals of a process: the tracks that they add up, and the probe file without which a missing one is unknown and not 0. */
const TOTALS = {
  on_cpu_ns: [null, 'on_cpu_ns'],
  migrations: ['sched', 'migrations'],
  numa_migrations: ['sched', 'numa_migrations'],
  minor_faults: ['faults', 'minor_faults'],
  major_faults: ['faults', 'major_faults'],
  mmap_calls: ['mmap', 'mmap_calls'],
  mmap_bytes: ['mmap', 'mmap_bytes'],
  mlock_calls: ['mlock', 'mlock_calls', 'mlock2_calls'],
  mlock_bytes: ['mlock', 'mlock_bytes'],
  read_bytes: ['io', 'read_bytes'],
  read_calls: ['io', 'read_calls'],
  storage_read_bytes: [null, 'storage_read_bytes'],
  futex_wait_ns: ['futex', 'futex_wait_ns'],
  gpu_opens: ['gpu_access', 'gpu_open_calls'],
  gpu_ioctls: ['gpu', 'gpu_ioctl_calls'],
  gpu_ioctl_ns: ['gpu', 'gpu_ioctl_ns'],
  socket_send_bytes: ['net', 'socket_send_bytes'],
  socket_receive_bytes: ['net', 'socket_receive_bytes'],
} as const

async function processFigures(reader: RunReader, attached: ReadonlySet<string>): Promise<OsProcess[]> {
  const columns = Object.entries(TOTALS).map(
    ([column, [, ...names]]) =>
      `sum(c.value) FILTER (t.name IN (${names.map((name) => `'${name}'`).join(', ')}))::DOUBLE AS ${column}`,
  )
  const rows = await reader.query(
    `SELECT ${LATEST_NAME} AS process, ${columns.join(', ')}, max(c.value) FILTER (t.name = 'locked_bytes') AS locked_bytes,
      any_value(t.attrs) FILTER (t.name = 'cpus_allowed') AS placement
      FROM counters c JOIN tracks t USING (track_id) WHERE t.layer = 'os' AND t.process IS NOT NULL
      GROUP BY ${pidOf('t.process')} ORDER BY on_cpu_ns DESC NULLS LAST, process LIMIT ${PROCESSES}`,
  )
  const waits = await histograms(reader, 'run_queue_wait_us')
  const nodes = await numaShares(reader)
  return rows.map((row) => {
    const process = String(row.process)
    const { on_cpu_ns, futex_wait_ns, gpu_ioctl_ns, ...plain } = Object.fromEntries(
      Object.entries(TOTALS).map(([name, [file]]) => [
        name,
        numberOf(row, name) ?? (file !== null && attached.has(file) ? 0 : null),
      ]),
    ) as Record<keyof typeof TOTALS, number | null>
    const placement = JSON.parse(textOf(row, 'placement') ?? '{}') as { cpus?: string; cpuset?: string | null }
    const pid = Number.parseInt(process, 10)
    const bins = waits.get(pid) ?? []
    return {
      process,
      ...plain,
      on_cpu_s: over(on_cpu_ns, 1e9),
      futex_wait_s: over(futex_wait_ns, 1e9),
      gpu_ioctl_ms: over(gpu_ioctl_ns, 1e6),
      locked_bytes: numberOf(row, 'locked_bytes'),
      run_queue_waits: bins.length === 0 ? null : bins.reduce((sum, { n }) => sum + n, 0),
      run_queue_wait_p99_us: quantileBin(bins, 0.99),
      cpus_allowed: placement.cpus ?? null,
      cpuset: placement.cpuset ?? null,
      numa_local_share: nodes.get(pid) ?? null,
    }
  })
}

function over(value: number | null, by: number): number | null {
  return value === null ? null : value / by
}

async function histograms(reader: RunReader, name: string): Promise<Map<number, HistogramBins>> {
  const rows = await reader.query(
    `SELECT ${pidOf('t.process')} AS pid, json_extract(t.attrs, '$.low')::DOUBLE AS low, json_extract(t.attrs, '$.high')::DOUBLE AS high,
      sum(c.value)::DOUBLE AS n FROM counters c JOIN tracks t USING (track_id)
      WHERE t.layer = 'os' AND t.name = '${name}' GROUP BY ALL ORDER BY low`,
  )
  const found = new Map<number, HistogramBins>()
  for (const row of rows) {
    const bin = { low: numberOf(row, 'low') ?? 0, high: numberOf(row, 'high') ?? 0, n: numberOf(row, 'n') ?? 0 }
    const pid = Number(row.pid)
    found.set(pid, [...(found.get(pid) ?? []), bin])
  }
  return found
}

/** Of the last look at each process; nothing on a machine of one node. */
async function numaShares(reader: RunReader): Promise<Map<number, number>> {
  const rows = await reader.query(
    `SELECT pid, max(bytes) / sum(bytes) AS share, count(*) AS nodes FROM
      (SELECT ${pidOf('t.process')} AS pid, t.device, arg_max(c.value, c.t_ns) AS bytes FROM counters c JOIN tracks t USING (track_id)
        WHERE t.layer = 'os' AND t.name = 'numa_resident_bytes' GROUP BY ALL) GROUP BY pid`,
  )
  return new Map(rows.filter((row) => Number(row.nodes) > 1).map((row) => [Number(row.pid), Number(row.share)]))
}

async function byDevice(
  reader: RunReader,
  kind: 'cuda' | 'syscall',
): Promise<{ device: string; calls: number; ms: number }[]> {
  const rows = await reader.query(
    `SELECT t.device, sum(c.value) FILTER (t.name = '${kind}_calls')::DOUBLE AS calls,
      coalesce(sum(c.value) FILTER (t.name = '${kind}_ns'), 0)::DOUBLE / 1e6 AS ms
      FROM counters c JOIN tracks t USING (track_id) WHERE t.layer = 'os' AND t.name IN ('${kind}_calls', '${kind}_ns')
      GROUP BY t.device ORDER BY ms DESC, t.device LIMIT ${THREADS}`,
  )
  return rows.map((row) => ({
    device: String(row.device),
    calls: numberOf(row, 'calls') ?? 0,
    ms: numberOf(row, 'ms') ?? 0,
  }))
}
