import { existsSync } from 'node:fs'
import { type AlignedTimer, everyAligned } from '../../../base/aligned-timer.ts'
import { readOrNull } from '../../host/proc/cgroup.ts'
import { monotonicNs } from '../clock/boot-clock.ts'
import type { OsSink, OsTarget } from '../os-messages.ts'
import {
  cgroupProcesses,
  gpuDescriptors,
  isWeights,
  mappedFiles,
  Processes,
  processStartNs,
  withDescendants,
} from '../rows/processes.ts'
import { ProcTracks } from './proc-tracks.ts'
import { ProcessFacts } from './process-facts.ts'
import { ThreadTimes } from './thread-times.ts'

/** Looking for children and mappings reads much: so often, at most. */
const LOOK_NS = 250e6
/**
 * What /proc cannot show: what started and ended between two looks, what happened after the last, single calls, single
 * waits.
 */
const NOT_SEEN = ['ended_between_looks', 'after_the_last_look', 'single_calls', 'single_waits'] as const

export interface ProcViewOptions {
  readonly target: OsTarget
  readonly tickMs: number
  /** Whether it replaces probes, or adds what they do not report. */
  readonly alone: boolean
  /** The target's processes as probes follow them; null, or absent, if they do not: then they are looked for. */
  readonly followed?: () => readonly number[] | null
}

/** A target as /proc shows it, with or without rights: where there are no probes, all there is. */
export class ProcView {
  private readonly options: ProcViewOptions
  private readonly sink: OsSink
  private readonly processes = new Processes()
  private readonly tracks: ProcTracks
  private readonly facts: ProcessFacts
  private readonly threads: ThreadTimes
  private readonly began = new Map<number, number | null>()
  private readonly mapped = new Map<string, number>()
  private pids: number[] = []
  private lookedNs = Number.NEGATIVE_INFINITY
  private timer: AlignedTimer | undefined
  private first = true
  /** Children that existed before the target: Layerline's own helpers. */
  private others: ReadonlySet<number> = new Set()

  constructor(options: ProcViewOptions, sink: OsSink) {
    this.options = options
    this.sink = sink
    this.tracks = new ProcTracks(sink, this.processes, (pid) => this.startOf(pid))
    this.facts = new ProcessFacts(this.tracks)
    this.threads = new ThreadTimes(this.tracks)
  }

  start(): void {
    const { target } = this.options
    if (target.kind === 'processes' && target.childrenOf !== undefined) {
      this.others = new Set(withDescendants([target.childrenOf]))
    }
    if (this.options.alone) this.tellBlind()
    this.tick()
    this.resume()
  }

  /** A track without rows that says how often it looks, and what that cannot show. */
  private tellBlind(): void {
    const none = { process: null, processStartNs: null, thread: null, device: null }
    const attrs = {
      source: '/proc/PID',
      kind: 'gauge',
      looks_every_ms: this.options.tickMs,
      not_seen: NOT_SEEN,
    } as const
    this.sink.track({ name: 'looks', unit: '1', ...none, attrs })
    this.sink.note(
      `os: /proc is looked at every ${this.options.tickMs} ms: a process or thread that begins and ends between two looks is not seen, nor what one did after the last look before its end`,
    )
  }

  /** Looks at nothing until `resume`; the first look after it speaks for all of the pause. */
  pause(): void {
    this.timer?.clear()
  }

  resume(): void {
    this.timer?.clear()
    this.timer = everyAligned(this.options.tickMs, () => this.tick())
  }

  stop(): void {
    if (this.timer === undefined) return
    this.timer?.clear()
    this.timer = undefined
    this.tick()
    this.facts.end(monotonicNs())
    if (this.facts.refused.size > 0) {
      const names = [...this.facts.refused].map((name) => `/proc/PID/${name}`).join(', ')
      this.sink.note(`os: not readable for this user: ${names}; run as root, or as the user that the target runs as`)
    }
  }

  private tick(): void {
    const tNs = monotonicNs()
    const before = new Set(this.pids)
    const followed = this.options.followed?.() ?? null
    const isLook = followed === null && tNs - this.lookedNs >= LOOK_NS
    if (isLook) this.lookedNs = tNs
    if (followed !== null) this.pids = [...followed]
    else if (isLook) this.pids = this.find()
    for (const pid of before) if (!this.pids.includes(pid)) this.facts.forget(pid)
    const now = this.pids
      .filter((pid) => existsSync(`/proc/${pid}`))
      .map((pid) => ({ pid, isNew: !this.first && !before.has(pid) }))
    this.first = false
    for (const { pid, isNew } of now) this.facts.sample(tNs, pid, isNew)
    if (!this.options.alone) return
    this.threads.sample(tNs, now)
    if (isLook) for (const { pid } of now) this.look(tNs, pid)
  }

  private find(): number[] {
    const { target } = this.options
    if (target.kind === 'cgroup') return cgroupProcesses(target.path)
    if (target.kind !== 'processes') return []
    const born = target.childrenOf === undefined ? [] : withDescendants([target.childrenOf])
    const own = born.filter((pid) => !this.others.has(pid) && readOrNull(`/proc/${pid}/comm`)?.trim() !== 'bpftrace')
    return [...new Set([...withDescendants(target.pids), ...own])]
  }

  /** Weights that are mapped, and GPU devices that are open. */
  private look(tNs: number, pid: number): void {
    for (const path of mappedFiles(pid)) {
      const key = `${pid} ${path}`
      if (this.mapped.has(key) || !isWeights(path)) continue
      const source = `/proc/${pid}/maps`
      const track = this.sink.track({
        name: 'load',
        unit: 'ns',
        process: this.processes.process(pid),
        processStartNs: this.startOf(pid),
        thread: null,
        device: null,
        attrs: { source, kind: 'instants' },
      })
      this.mapped.set(key, track)
      this.sink.slice({ track, tNs, durNs: 0, name: `mapped ${path.replace(/^.*\//, '')}`, category: 'map_weights' })
    }
    const gpu = gpuDescriptors(pid).length
    if (gpu > 0) this.tracks.gauge(tNs, { pid, name: 'gpu_descriptors', unit: '1', field: 'fd' }, gpu)
  }

  private startOf(pid: number): number | null {
    let start = this.began.get(pid)
    if (start === undefined) {
      start = processStartNs(pid, monotonicNs())
      this.began.set(pid, start)
    }
    return start
  }
}
