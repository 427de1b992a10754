import { openProcText, type ProcTexts, type TextFile } from '../proc/kept-file.ts'
import { growth, LazyTrack, type Sampled, type SampleSink } from './samples.ts'

/** /proc/diskstats counts in these, whatever the disk's own are. */
const SECTOR_BYTES = 512
/** Large storage hosts have hundreds; the first that are used are shown. */
const MAX_DISKS = 8

export interface DiskCounts {
  readBytes: number
  writtenBytes: number
  busyMs: number
}

/** /proc/diskstats: whole disks, and partitions only where their disk is not listed; no loop or RAM devices. */
export function parseDiskstats(text: string): Map<string, DiskCounts> {
  const all = new Map<string, DiskCounts>()
  for (const line of text.split('\n')) {
    const [, , name = '', , , read, , , , written, , , busy] = line.trim().split(/\s+/)
    if (busy === undefined || /^(loop|ram|zram|fd|sr)\d/.test(name)) continue
    const counts = {
      readBytes: Number(read) * SECTOR_BYTES,
      writtenBytes: Number(written) * SECTOR_BYTES,
      busyMs: Number(busy),
    }
    if (Number.isFinite(counts.readBytes + counts.writtenBytes + counts.busyMs)) all.set(name, counts)
  }
  for (const name of [...all.keys()]) {
    const disk = /^(.*\d)p\d+$/.exec(name)?.[1] ?? /^(.*\D)\d+$/.exec(name)?.[1]
    if (disk !== undefined && all.has(disk)) all.delete(name)
  }
  return all
}

/** Bytes read from and written to each disk that is used, and the share of time that it was busy. */
export class DiskSamples implements Sampled {
  private readonly file: TextFile
  private readonly sink: SampleSink
  private readonly tracks = new Map<string, { read: LazyTrack; written: LazyTrack; busy: LazyTrack }>()
  private before = new Map<string, DiskCounts>()

  constructor(proc: ProcTexts, sink: SampleSink) {
    this.file = openProcText(proc, 'diskstats')
    this.sink = sink
  }

  sample(tNs: number, dtNs: number | null): void {
    const now = parseDiskstats(this.file.read() ?? '')
    for (const [name, counts] of now) {
      const before = this.before.get(name)
      const read = growth(counts.readBytes, before?.readBytes)
      const written = growth(counts.writtenBytes, before?.writtenBytes)
      if (!this.tracks.has(name)) {
        if ((!read && !written) || this.tracks.size >= MAX_DISKS) continue
        this.tracks.set(name, this.makeTracks(name))
      }
      const tracks = this.tracks.get(name)
      const busyMs = growth(counts.busyMs, before?.busyMs)
      tracks?.read.add(tNs, read)
      tracks?.written.add(tNs, written)
      tracks?.busy.add(tNs, busyMs === null || dtNs === null ? null : Math.min(1, (busyMs * 1e6) / dtNs))
    }
    this.before = now
  }

  private makeTracks(device: string): { read: LazyTrack; written: LazyTrack; busy: LazyTrack } {
    const track = (name: string, unit: string, field: string, kind: 'delta' | 'mean'): LazyTrack =>
      new LazyTrack(this.sink, {
        layer: 'host',
        name,
        unit,
        device,
        attrs: { role: 'machine', source: `/proc/diskstats ${field}`, kind },
      })
    return {
      read: track('disk_read_bytes', 'bytes', 'sectors read', 'delta'),
      written: track('disk_write_bytes', 'bytes', 'sectors written', 'delta'),
      busy: track('disk_busy_ratio', 'ratio', 'time doing I/O', 'mean'),
    }
  }

  close(): void {
    this.file.close()
  }
}
