import type { TimeShares } from '../../analysis/latency/time-shares.ts'
import type { TrackFigures } from '../../analysis/machine.ts'
import { bytes, duration, percent, threeDigits } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { durationOr } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { bar } from '../text/sparkline.ts'
import { table } from '../text/table.ts'
import { printable } from '../text/text.ts'

export function timeLines({ time }: Report, width: number, paint: Paint): string[] {
  if (time === null) return []
  const parts: [keyof TimeShares & string, string, (text: string) => string][] = [
    ['connect', 'connecting', paint.yellow],
    ['first_token', 'waiting for the first token', paint.cyan],
    ['decode', 'streaming', paint.green],
    ['stalls', time.stall_ms === null ? 'stalls' : `stalls (gaps over ${durationOr(time.stall_ms)})`, paint.red],
    ['tail', 'after the last token', paint.dim],
    ['failed', 'failed requests', paint.red],
    ['idle', 'nothing in flight', paint.dim],
  ]
  return table(
    [{ title: '' }, { title: '' }, { title: '', align: 'right' }, { title: '', align: 'right' }],
    parts
      .filter(([key]) => (time[key] ?? 0) > 0)
      .map(([key, name, color]) => {
        const share = time[key] as number
        return [
          name,
          { text: bar(share, Math.max(12, width - 58)) || '▏', paint: color },
          percent(share),
          duration(share * time.total_s * 1e3),
        ]
      }),
    paint.dim,
  ).slice(1)
}

/** What the text report knows how to name; the rest is in `--json` and in the tables. */
const SHOWN: readonly { layer: TrackFigures['layer']; name: string; says: string; as: (value: number) => string }[] = [
  { layer: 'host', name: 'cpu_busy_ratio', says: 'machine CPU', as: percent },
  { layer: 'host', name: 'cpu_steal_ratio', says: 'stolen by the hypervisor', as: percent },
  { layer: 'host', name: 'memory_available_bytes', says: 'memory available', as: bytes },
  { layer: 'host', name: 'cpu_cores', says: 'CPU', as: cores },
  { layer: 'host', name: 'rss_bytes', says: 'memory', as: bytes },
  { layer: 'client', name: 'cpu_cores', says: 'client CPU', as: cores },
  { layer: 'client', name: 'thread_cpu_cores', says: "client's thread CPU", as: cores },
  { layer: 'client', name: 'event_loop_utilization_ratio', says: "client's loop busy", as: percent },
  {
    layer: 'client',
    name: 'event_loop_delay_p99_ns',
    says: "client's loop late (p99)",
    as: (ns) => duration(ns / 1e6),
  },
  { layer: 'client', name: 'gc_pause_ns', says: "client's GC per sample", as: (ns) => duration(ns / 1e6) },
  { layer: 'client', name: 'bytes_waiting', says: 'unread in sockets', as: bytes },
]

/** Three ways to read one series: its mean, its lowest and its highest sample. */
export function machineLines({ machine }: Report, width: number, paint: Paint): string[] {
  const rows = SHOWN.flatMap(({ layer, name, says, as }) =>
    machine.tracks
      .filter((track) => track.layer === layer && track.name === name && track.device === null)
      .map((track) => [label(says, track), as(track.mean), as(track.min), as(track.max), String(track.n)]),
  )
  if (rows.length === 0) return ['not recorded']
  const right = (title: string) => ({ title, align: 'right' as const })
  return table(
    [{ title: '', max: Math.max(20, width - 54) }, right('mean'), right('lowest'), right('highest'), right('samples')],
    rows,
    paint.dim,
  )
}

function label(says: string, { layer, process, role }: TrackFigures): string {
  if (layer === 'client' || process === null) return says
  const who = role === null || role === 'machine' ? printable(process) : `${role} (${printable(process)})`
  return `${who} ${says}`
}

function cores(value: number): string {
  return `${threeDigits(value)} cores`
}
