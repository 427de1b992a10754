import type { ColdStart } from '../../analysis/os/cold-start.ts'
import type { OsFigures, OsProcess } from '../../analysis/os/os-figures.ts'
import { bytes, duration, many, percent, wholeNumber } from '../../analysis/quantity.ts'
import { durationOr, NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { clip, printable } from '../text/text.ts'

const right = (title: string) => ({ title, align: 'right' as const })
const PROCESSES_SHOWN = 4

/** From a program's start to its first forward pass. */
export function coldStartLines(os: OsFigures | null, width: number, paint: Paint): string[] {
  return (os?.cold_starts ?? []).flatMap((start) => coldStart(start, width, paint))
}

function coldStart(start: ColdStart, width: number, paint: Paint): string[] {
  const rows: [string, number | null, string][] = [
    ['before the weights', start.before_weights_ms, 'program, libraries, imports'],
    ['weights', start.weights_ms, weightsText(start)],
    ['init', start.init_ms, 'from the weights to the first forward pass'],
    ['first forward pass', start.first_forward_ms, ''],
  ]
  const faults = `faults from the weights to the first pass: ${count(start.minor_faults)} minor, ${count(start.major_faults)} major`
  const cache =
    start.page_cache === null
      ? 'page cache: not known'
      : `page cache ${start.page_cache}: ${bytes(start.storage_read_bytes ?? 0)} from storage`
  return [
    paint.bold(clip(printable(start.process), width - 2)) +
      (start.total_ms === null ? '' : ` ${duration(start.total_ms)} in all`),
    ...table(
      [{ title: '' }, right(''), { title: '' }],
      rows.map(([name, ms, what]) => [name, durationOr(ms), what]),
      paint.dim,
    ).slice(1),
    paint.dim(`${faults} · ${cache}`),
  ]
}

function weightsText({ files, open_ms, map_ms, mapped_bytes, read_bytes, read_ms }: ColdStart): string {
  const read =
    read_bytes === null ? '' : `, read ${bytes(read_bytes)}${read_ms === null ? '' : ` in ${duration(read_ms)}`}`
  return `${files} opened in ${duration(open_ms)}, ${bytes(mapped_bytes)} mapped in ${duration(map_ms)}${read}`
}

/** What threads did, how they were scheduled, and what processes asked of memory, storage and devices. */
export function osLines(os: OsFigures | null, width: number, paint: Paint): string[] {
  if (os === null) return []
  return [
    ...threadLines(os, width, paint),
    ...os.processes.slice(0, PROCESSES_SHOWN).flatMap((process) => processLines(process, width, paint)),
    ...callLines(
      'CUDA',
      os.cuda.map(({ function: name, calls, ms }) => ({ name, calls, ms })),
      paint,
    ),
    ...callLines(
      'system calls',
      os.syscalls.map(({ syscall: name, calls, ms }) => ({ name, calls, ms })),
      paint,
    ),
    ...(os.forwards === null ? [] : [`forward passes: ${wholeNumber(os.forwards)}`]),
    ...(os.block_read_bytes === null
      ? []
      : [paint.dim(`read from block devices by the whole machine: ${bytes(os.block_read_bytes)}`)]),
    ...os.missing.map(({ file, why }) => paint.dim(printable(`no ${file}: ${why}`))),
    paint.dim(
      os.source === '/proc'
        ? 'from /proc: no single calls, no waits one by one, nothing that began and ended between two looks'
        : 'from probes in the kernel',
    ),
  ]
}

function threadLines({ threads, more_threads }: OsFigures, width: number, paint: Paint): string[] {
  if (threads.length === 0) return []
  const lines = table(
    [
      { title: 'thread', max: Math.max(18, width - 66) },
      right('on CPU'),
      right(''),
      right('blocked'),
      right('no CPU'),
      right('preempted'),
      right('switches'),
      right('migrations'),
    ],
    threads.map((thread) => [
      printable(`${thread.thread} (${thread.process.replace(/ .*$/, '')})`),
      duration(thread.on_cpu_s * 1e3),
      percent(thread.on_cpu_share),
      percent(thread.blocked_share),
      percent(thread.waiting_share),
      thread.preempted_s === null ? NOTHING : duration(thread.preempted_s * 1e3),
      count(thread.context_switches),
      count(thread.migrations),
    ]),
    paint.dim,
  )
  return more_threads > 0 ? [...lines, paint.dim(`and ${many('more thread', more_threads)}`)] : lines
}

function processLines(process: OsProcess, width: number, paint: Paint): string[] {
  const parts = [
    process.cpus_allowed === null ? null : `CPUs ${process.cpus_allowed}`,
    process.run_queue_wait_p99_us === null
      ? null
      : `wait for a CPU: p99 ${waitText(process.run_queue_wait_p99_us)} (${many('wait', process.run_queue_waits ?? 0)})`,
    process.migrations === null ? null : many('migration', process.migrations),
    process.numa_local_share === null
      ? null
      : `${percent(process.numa_local_share)} of memory on one NUMA node, ${count(process.numa_migrations)} moves between nodes`,
    process.mmap_calls === null
      ? null
      : `mmap ${wholeNumber(process.mmap_calls)} calls, ${bytes(process.mmap_bytes ?? 0)}`,
    process.mlock_calls === null
      ? null
      : process.mlock_calls === 0
        ? 'mlock: none'
        : `mlock ${wholeNumber(process.mlock_calls)} calls, ${bytes(process.mlock_bytes ?? 0)}`,
    process.minor_faults === null
      ? null
      : `faults ${wholeNumber(process.minor_faults)} minor, ${count(process.major_faults)} major`,
    process.read_bytes === null
      ? null
      : `read ${bytes(process.read_bytes)}, ${bytes(process.storage_read_bytes ?? 0)} from storage`,
    process.futex_wait_s === null ? null : `futex waits ${duration(process.futex_wait_s * 1e3)}, all threads`,
    !process.gpu_opens ? null : `GPU devices opened ${wholeNumber(process.gpu_opens)} times`,
    !process.gpu_ioctls
      ? null
      : `GPU ioctls ${wholeNumber(process.gpu_ioctls)}, ${duration(process.gpu_ioctl_ms ?? 0)}`,
    process.socket_send_bytes === null
      ? null
      : `sockets sent ${bytes(process.socket_send_bytes)}, received ${bytes(process.socket_receive_bytes ?? 0)}`,
  ].filter((part) => part !== null)
  return [paint.bold(clip(printable(process.process), width - 2)), ...parts.map((part) => `  ${part}`)]
}

function waitText({ low, high }: { low: number; high: number }): string {
  return `${duration(low / 1e3)} to ${duration((high + 1) / 1e3)}`
}

function callLines(
  what: string,
  calls: readonly { name: string; calls: number; ms: number }[],
  paint: Paint,
): string[] {
  if (calls.length === 0) return []
  return table(
    [{ title: what }, right('calls'), right('time')],
    calls.map(({ name, calls: n, ms }) => [printable(name), wholeNumber(n), duration(ms)]),
    paint.dim,
  )
}

function count(value: number | null): string {
  return value === null ? NOTHING : wholeNumber(value)
}
