import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import type { SourceContext } from '../source.ts'
import type { TextFile } from './proc/kept-file.ts'
import { DiskSamples } from './samples/disk-samples.ts'
import { CpuSamples, MemorySamples, NetworkSamples } from './samples/machine-samples.ts'
import { ProcessSamples, type ProcFolder } from './samples/process-samples.ts'
import { RaplSamples } from './samples/rapl-samples.ts'
import type { Sampled, SampleSink } from './samples/samples.ts'

/** Zones of the processor's energy counter as another machine lists them: the path, the name, the range. */
export interface RemoteRaplZone {
  path: string
  name: string
  rangeUj: number
}

export interface RemoteHostOptions {
  host: string
  clock: string
  rapl: readonly RemoteRaplZone[]
  /** The engine there, its descendants included; null where there is none, or it is not ours to see. */
  enginePid: number | null
}

const PROC_FILES = ['/proc/stat', '/proc/meminfo', '/proc/vmstat', '/proc/self/net/dev', '/proc/diskstats']

/**
 * The machine at the other end of a connection, sampled as this one is, from texts of its /proc that the transport
 * delivers. Its tracks have the role `remote`: a verdict about this machine must not read them.
 */
export class RemoteHost {
  private readonly fixedPaths: readonly string[]
  private readonly options: RemoteHostOptions
  private readonly sink: SampleSink
  private engine: ProcessSamples | null = null
  private readonly parts: Sampled[]
  private texts: ReadonlyMap<string, string> = new Map()
  private before: number | null = null

  constructor(context: SourceContext, options: RemoteHostOptions) {
    this.options = options
    this.fixedPaths = [...PROC_FILES, ...options.rapl.map(({ path }) => path)]
    const text = (path: string): TextFile => ({ read: () => this.texts.get(path) ?? null, close: () => undefined })
    const sink: SampleSink = {
      track: (spec) => {
        const id = context.trackId()
        context.writers.tracks.append({
          track_id: id,
          layer: codeOf(LAYERS, spec.layer),
          host: options.host,
          process: spec.process ?? null,
          process_start_ns: spec.processStartNs ?? null,
          device: spec.device ?? null,
          name: spec.name,
          unit: spec.unit,
          clock: options.clock,
          attrs: JSON.stringify({ ...spec.attrs, role: 'remote', of: spec.attrs.role }),
        })
        return id
      },
      add: (track, tNs, value) => context.writers.counters.append({ track_id: track, t_ns: tNs, value }),
    }
    this.sink = sink
    this.parts = [
      new CpuSamples(text, sink),
      new MemorySamples(text, sink, 4096),
      new NetworkSamples(text, sink),
      new DiskSamples(text, sink),
      ...RaplSamples.of(
        options.rapl.map(({ path, name, rangeUj }) => ({ name, rangeUj, file: text(path) })),
        sink,
      ),
    ]
  }

  /** What to read there for the next sample; `*` stands for all of a folder. */
  get paths(): readonly string[] {
    const { enginePid } = this.options
    if (enginePid === null) return this.fixedPaths
    const first = ['/proc/[0-9]*/stat', '/proc/[0-9]*/task/*/children', '/proc/[0-9]*/task/*/schedstat']
    return [...this.fixedPaths, ...(this.engine?.paths ?? ['/proc/uptime', `/proc/${enginePid}/cmdline`, ...first])]
  }

  sample(tNs: number, texts: ReadonlyMap<string, string>): void {
    const dtNs = this.before === null ? null : tNs - this.before
    this.texts = texts
    this.engine ??= this.findEngine(tNs)
    for (const part of this.parts) part.sample(tNs, dtNs)
    this.engine?.sample(tNs, dtNs)
    this.before = tNs
  }

  private findEngine(tNs: number): ProcessSamples | null {
    const { enginePid } = this.options
    if (enginePid === null) return null
    const root = { pid: enginePid, role: 'engine' } as const
    const machine = { pageBytes: 4096, uptime: this.texts.get('/proc/uptime') ?? '', nowNs: tNs }
    const proc: ProcFolder = {
      read: (path) => this.texts.get(path) ?? null,
      list: (folder) => [
        ...new Set(
          [...this.texts.keys()].flatMap((path) =>
            path.startsWith(`${folder}/`) ? (path.slice(folder.length + 1).split('/')[0] ?? []) : [],
          ),
        ),
      ],
    }
    return ProcessSamples.of(proc, root, [root], this.sink, machine)
  }
}
