import { basename } from 'node:path'
import type { OsSink, OsTrack } from '../os-messages.ts'
import type { Processes } from './processes.ts'
import { descriptorPath, isWeights, WEIGHTS } from './processes.ts'

const GPU = /^\/dev\/nvidia/
/** A path of this length filled the probe's buffer, and was truncated. */
const FULL_PATH = 199

interface Story {
  /** When it ran its program, or when the layer found it. */
  readonly beganNs: number
  readonly weights: Map<number, string>
  firstOpenNs: number | null
  /** The end of the last opening or mapping of weights. */
  lastMapNs: number | null
  openNs: number
  mapNs: number
  mapBytes: number
  firstForwardNs: number | null
  firstForwardEndNs: number | null
  readonly tracks: Map<string, number>
}

/**
 * Openings, mappings and forward passes of each process as slices, and of them the phases of a cold start: from the
 * program's start to the first weights opened, to the last mapped, to the first forward pass, to its end.
 */
export class LoadStory {
  private readonly sink: OsSink
  private readonly processes: Processes
  private readonly startOf: (pid: number) => number | null
  private readonly beganNs: () => number
  private readonly stories = new Map<number, Story>()
  /** Paths that were truncated and could not be found in another way. */
  cutPaths = 0

  constructor(sink: OsSink, processes: Processes, startOf: (pid: number) => number | null, beganNs: () => number) {
    this.sink = sink
    this.processes = processes
    this.startOf = startOf
    this.beganNs = beganNs
  }

  /** A process runs another program: what it loaded before is gone. */
  ran(pid: number, tNs: number, path: string): void {
    this.finish(pid)
    const story = this.fresh(tNs)
    this.stories.set(pid, story)
    this.slice(pid, story, 'program', { tNs, durNs: 0, name: path, category: 'exec' }, 'instants', 'sched_process_exec')
  }

  /** A file was opened; the path as it was asked for, or null if no probe reported it. */
  opened(pid: number, fd: number, endNs: number, durNs: number, text: string): string {
    const path = this.wholePath(pid, fd, text)
    const story = this.storyOf(pid)
    story.weights.delete(fd)
    if (GPU.test(path)) this.openSlice(pid, story, path, endNs, durNs, 'open_gpu')
    if (!isWeights(path)) return path
    story.weights.set(fd, path)
    story.firstOpenNs ??= endNs - durNs
    story.lastMapNs = endNs
    story.openNs += durNs
    this.openSlice(pid, story, path, endNs, durNs, 'open_weights')
    return path
  }

  /** A large part of a file was mapped. Returns its path. */
  mapped(pid: number, fd: number, endNs: number, durNs: number, bytes: number): string {
    const story = this.storyOf(pid)
    const path = story.weights.get(fd) ?? descriptorPath(pid, fd) ?? ''
    if ((!story.weights.has(fd) && !isWeights(path)) || story.firstForwardNs !== null) return path
    story.firstOpenNs ??= endNs - durNs
    story.lastMapNs = endNs
    story.mapNs += durNs
    story.mapBytes += bytes
    const slice = { tNs: endNs - durNs, durNs, name: `map ${basename(path)}`, category: 'map_weights', bytes }
    this.slice(pid, story, 'load', slice, 'spans', 'bpf/load.bt')
    return path
  }

  /** A forward pass; its end is known of llama.cpp alone. */
  forward(pid: number, tNs: number, durNs: number | null): void {
    const story = this.storyOf(pid)
    if (story.firstForwardNs === null) {
      story.firstForwardNs = tNs
      if (durNs !== null) story.firstForwardEndNs = tNs + durNs
    } else story.firstForwardEndNs ??= tNs
    if (story.firstForwardEndNs !== null) this.finish(pid)
    const slice = { tNs, durNs: durNs ?? 0, name: 'forward', category: 'forward' }
    this.slice(
      pid,
      story,
      'forward',
      slice,
      durNs === null ? 'instants' : 'spans',
      durNs === null ? 'bpf/token.bt' : 'bpf/decode.bt',
    )
  }

  /** Reports the phases that were not reported yet. */
  end(): void {
    for (const pid of this.stories.keys()) this.finish(pid)
  }

  private finish(pid: number): void {
    const story = this.stories.get(pid)
    const track = story?.tracks.get('load_phase')
    if (story === undefined || track !== undefined || story.firstOpenNs === null || story.lastMapNs === null) return
    const { beganNs, firstOpenNs, lastMapNs, firstForwardNs, firstForwardEndNs, mapBytes } = story
    const phase = (name: string, fromNs: number, toNs: number | null, bytes?: number): void => {
      if (toNs === null) return
      const slice = { tNs: fromNs, durNs: Math.max(0, toNs - fromNs), name, category: 'load_phase' }
      this.slice(pid, story, 'load_phase', bytes === undefined ? slice : { ...slice, bytes }, 'spans', 'bpf/load.bt')
    }
    phase('before the weights', beganNs, firstOpenNs)
    phase('weights', firstOpenNs, lastMapNs, mapBytes)
    phase('init', lastMapNs, firstForwardNs)
    if (firstForwardNs !== null) phase('first forward', firstForwardNs, firstForwardEndNs)
  }

  private openSlice(pid: number, story: Story, path: string, endNs: number, durNs: number, category: string): void {
    const slice = { tNs: endNs - durNs, durNs, name: `open ${basename(path)}`, category }
    this.slice(pid, story, 'load', slice, 'spans', 'bpf/load.bt')
  }

  private slice(
    pid: number,
    story: Story,
    name: string,
    slice: { tNs: number; durNs: number; name: string; category: string; bytes?: number },
    kind: OsTrack['attrs']['kind'],
    source: string,
  ): void {
    let track = story.tracks.get(name)
    if (track === undefined) {
      track = this.sink.track({
        name,
        unit: 'ns',
        process: this.processes.process(pid),
        processStartNs: this.startOf(pid),
        thread: null,
        device: null,
        attrs: { source, kind },
      })
      story.tracks.set(name, track)
    }
    this.sink.slice({ track, ...slice })
  }

  private wholePath(pid: number, fd: number, text: string): string {
    const cut = Buffer.byteLength(text) >= FULL_PATH
    // A path relative to the process's own folder is of no use here.
    if (!cut && (text.startsWith('/') || !WEIGHTS.test(text))) return text
    const path = descriptorPath(pid, fd)
    if (path === null && cut) this.cutPaths++
    return path ?? text
  }

  private storyOf(pid: number): Story {
    let story = this.stories.get(pid)
    if (story === undefined) {
      story = this.fresh(this.startOf(pid) ?? this.beganNs())
      this.stories.set(pid, story)
    }
    return story
  }

  private fresh(beganNs: number): Story {
    return {
      beganNs,
      weights: new Map(),
      firstOpenNs: null,
      lastMapNs: null,
      openNs: 0,
      mapNs: 0,
      mapBytes: 0,
      firstForwardNs: null,
      firstForwardEndNs: null,
      tracks: new Map(),
    }
  }
}
