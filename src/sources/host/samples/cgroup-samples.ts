import { join } from 'node:path'
import { cgroupPlaceOf, parseThrottledNs } from '../proc/cgroup.ts'
import { KeptFile } from '../proc/kept-file.ts'
import type { ProcessRoot } from './process-samples.ts'
import { growth, LazyTrack, type Sampled, type SampleSink } from './samples.ts'

/** Time that CPU quotas held a process's cgroup back: its own and those of the cgroups around it, summed. */
export class ThrottleSamples implements Sampled {
  private readonly files: KeptFile[]
  private readonly track: LazyTrack
  private before: number | null = null

  /** One for each cgroup that the processes are in; a client's and an engine's in one cgroup are the client's. */
  static of(proc: string, roots: readonly ProcessRoot[], sink: SampleSink): ThrottleSamples[] {
    const byFolder = new Map<string, ThrottleSamples>()
    for (const root of roots) {
      const place = cgroupPlaceOf(root.pid, 'cpu', proc)
      const [folder] = place?.folders ?? []
      if (place === null || folder === undefined || byFolder.has(folder)) continue
      byFolder.set(folder, new ThrottleSamples(place.folders, root, sink))
    }
    return [...byFolder.values()]
  }

  private constructor(folders: string[], root: ProcessRoot, sink: SampleSink) {
    this.files = folders.map((folder) => new KeptFile(join(folder, 'cpu.stat')))
    this.track = new LazyTrack(sink, {
      layer: 'host',
      name: 'cgroup_throttled_ns',
      unit: 'ns',
      attrs: { role: root.role, source: `${folders[0]}/cpu.stat`, kind: 'delta', pid: root.pid },
    })
  }

  sample(tNs: number): void {
    const counts = this.files.map((file) => parseThrottledNs(file.read() ?? '')).filter((count) => count !== null)
    const now = counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0)
    this.track.add(tNs, growth(now, this.before))
    this.before = now
  }

  close(): void {
    for (const file of this.files) file.close()
  }
}
