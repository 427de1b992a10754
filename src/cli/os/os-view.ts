import { bytes, duration, percent, wholeNumber } from '../../analysis/quantity.ts'
import { unixMinusMonotonic } from '../../base/time.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { table } from '../../dashboard/text/table.ts'
import { printable } from '../../dashboard/text/text.ts'
import { startMetricsServer } from '../../server/metrics-server.ts'
import { osMetricsText } from '../../session/live/os-metrics-text.ts'
import type { OsCount, OsEvent } from '../../sources/os/os-messages.ts'
import type { OsSource, OsTotal } from '../../sources/os/os-source.ts'
import { hasColor } from '../views/print-report.ts'

export interface OsViewOptions {
  readonly events: boolean
  readonly live: boolean
  readonly quiet: boolean
  readonly 'metrics-port': number | undefined
  readonly 'log-every': number | undefined
}

const FRAME_S = 1
const LINE_S = 5
const PROCESSES = 12

/** Shows what a source sees as it runs: rare events as JSON lines, a table or lines, a page for Prometheus. */
export async function osView(source: OsSource, options: OsViewOptions): Promise<{ close(): void }> {
  if (options.events) source.onEvent = eventLines()
  const port = options['metrics-port']
  const server = port === undefined ? null : await startMetricsServer(port, () => osMetricsText(source))
  if (server !== null && (port === 0 || !options.quiet)) process.stderr.write(`metrics: ${server.url}\n`)
  const stop = options.live ? liveTable(source, options['log-every']) : () => undefined
  return {
    close() {
      stop()
      server?.close()
    },
  }
}

/** `{"pid":…,"comm":…,"syscall":…,"timestamp":…}`, the time in Unix seconds. */
function eventLines(): (event: OsEvent) => void {
  const { offsetNs } = unixMinusMonotonic()
  const offsetUs = Number(offsetNs / 1000n)
  return ({ pid, tid, comm, syscall, tNs, ...more }) => {
    const timestamp = Math.round(tNs / 1000 + offsetUs) / 1e6
    process.stdout.write(`${JSON.stringify({ pid, tid, comm, syscall, timestamp, ...more })}\n`)
  }
}

/** Every second a table over the last second, on a terminal in place; else one line per process every five. */
function liveTable(source: OsSource, everyS: number | undefined): () => void {
  const inPlace = process.stderr.isTTY === true && process.env.TERM !== 'dumb'
  const periodMs = (everyS ?? (inPlace ? FRAME_S : LINE_S)) * 1000
  let before = new Map<string, number>()
  let drawn = 0
  let lastMs = performance.now()
  const draw = (): void => {
    const totals = source.totals()
    const now = new Map(totals.map(({ name, process, value }) => [`${process} ${name}`, value]))
    const spanMs = performance.now() - lastMs
    lastMs = performance.now()
    const lines = liveLines(
      totals,
      (process, name) => (now.get(`${process} ${name}`) ?? 0) - (before.get(`${process} ${name}`) ?? 0),
      spanMs,
    )
    before = now
    if (inPlace && drawn > 0) process.stderr.write(`\x1b[${drawn}A\x1b[J`)
    process.stderr.write(`${lines.join('\n')}\n`)
    drawn = lines.length
  }
  const timer = setInterval(draw, periodMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    draw()
  }
}

function liveLines(
  totals: readonly OsTotal[],
  added: (process: string, name: string) => number,
  spanMs: number,
): string[] {
  const processes = [...new Set(totals.flatMap(({ process }) => (process === null ? [] : [process])))]
  const perS = (value: number): string => wholeNumber((value / spanMs) * 1e3)
  const rows = processes
    .map((process) => ({ process, onCpuNs: added(process, 'on_cpu_ns') }))
    .sort((a, b) => b.onCpuNs - a.onCpuNs)
    .slice(0, PROCESSES)
    .map(({ process, onCpuNs }) => [
      printable(process),
      percent(onCpuNs / 1e6 / spanMs),
      percent(added(process, 'run_queue_wait_ns') / 1e6 / spanMs),
      perS(added(process, 'minor_faults') + added(process, 'major_faults')),
      `${bytes((added(process, 'read_bytes') / spanMs) * 1e3)}/s`,
      perS(added(process, 'mmap_calls')),
      perS(added(process, 'mlock_calls') + added(process, 'mlock2_calls')),
      perS(added(process, 'gpu_ioctl_calls')),
      perS(added(process, 'forwards')),
    ])
  const right = (title: string) => ({ title, align: 'right' as const })
  const columns = [
    { title: `last ${duration(spanMs)}` },
    ...['CPU', 'no CPU', 'faults/s', 'read', 'mmap/s', 'mlock/s', 'GPU ioctl/s', 'forward/s'].map(right),
  ]
  return table(columns, rows, paintFor(hasColor()).dim)
}

/** Counts by name of the thread and process, the most of each first. */
export function countLines(counts: readonly OsCount[]): string[] {
  const rows = [...counts]
    .sort((a, b) => a.name.localeCompare(b.name) || b.value - a.value)
    .map(({ name, comm, next_comm, pid, value }) => [
      name,
      printable(next_comm === undefined ? comm : `${comm} -> ${next_comm}`),
      String(pid),
      String(value),
    ])
  return table(
    [{ title: '' }, { title: 'comm' }, { title: 'pid', align: 'right' }, { title: 'count', align: 'right' }],
    rows,
    paintFor(hasColor()).dim,
  )
}
