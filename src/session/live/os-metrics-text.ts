import type { OsCount } from '../../sources/os/os-messages.ts'
import type { OsSource, OsTotal } from '../../sources/os/os-source.ts'
import { metric, type Sample } from './metrics-text.ts'

/** Counts by name of the thread, and the system call that each is of. */
const SYSCALLS: Readonly<Record<string, string>> = {
  mmap_calls: 'mmap',
  mlock_calls: 'mlock',
  mlock2_calls: 'mlock2',
  openat_calls: 'openat',
  gpu_open_calls: 'openat_gpu',
}

/**
 * What the kernel counted so far, in the Prometheus text format: names of the first tracer, then a counter for each of
 * Layerline's tracks. /proc alone does not show calls: their names are omitted then.
 */
export function osMetricsText(source: Pick<OsSource, 'probed' | 'counts' | 'totals'>): string {
  return (source.probed ? callsText(source.counts()) : '') + tracksText(source.totals())
}

function callsText(counts: readonly OsCount[]): string {
  const sum = (...names: string[]): number =>
    counts.reduce((all, { name, value }) => all + (names.includes(name) ? value : 0), 0)
  const byCall = new Map<string, Sample>()
  for (const { name, comm, value } of counts) {
    const syscall = SYSCALLS[name]
    if (syscall === undefined) continue
    const key = `${syscall} ${comm}`
    byCall.set(key, [(byCall.get(key)?.[0] ?? 0) + value, { syscall, comm }])
  }
  return [
    metric('llm_mmap_calls_total', 'counter', 'Calls of mmap', [[sum('mmap_calls')]]),
    metric('llm_mlock_calls_total', 'counter', 'Calls of mlock and mlock2', [[sum('mlock_calls', 'mlock2_calls')]]),
    metric('llm_openat_gpu_calls_total', 'counter', 'Calls of openat for /dev/nvidia*', [[sum('gpu_open_calls')]]),
    metric('llm_syscall_by_process', 'counter', 'System calls by name of the thread', [...byCall.values()]),
  ].join('')
}

function tracksText(totals: readonly OsTotal[]): string {
  const ours = new Map<string, OsTotal[]>()
  for (const total of totals) {
    const name = metricName(total)
    ours.set(name, [...(ours.get(name) ?? []), total])
  }
  return [...ours]
    .map(([name, each]) =>
      metric(
        name,
        'counter',
        `What the track ${each[0]?.name} adds up to`,
        each.map(({ unit, value, process }): Sample => {
          const shown = unit === 'ns' ? value / 1e9 : value
          return process === null ? [shown] : [shown, { process }]
        }),
      ),
    )
    .join('')
}

/** Prometheus names units in full, and times are seconds: `on_cpu_ns` is `on_cpu_seconds`. */
function metricName({ name, unit }: OsTotal): string {
  return `layerline_os_${unit === 'ns' ? name.replace(/_ns$/, '_seconds') : name}_total`
}
