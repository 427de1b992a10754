import { basename } from 'node:path'
import { readOrNull } from '../../host/proc/cgroup.ts'
import { type ElfImage, elfImage, functionAt } from '../elf.ts'
import type { OsSink } from '../os-messages.ts'
import type { Processes } from './processes.ts'

interface Segment {
  readonly from: number
  readonly to: number
  readonly offset: number
  readonly path: string
}

interface Stack {
  readonly pid: number
  readonly tid: number
  /** Innermost first. */
  readonly addresses: readonly number[]
  readonly seenNs: number
  samples: number
}

/**
 * Samples of user stacks. Addresses are meaningful only with the maps of their process, which are read
 * while it lives; the names of functions are looked up at the end.
 */
export class Stacks {
  private readonly stacks = new Map<string, Stack>()
  private readonly maps = new Map<number, Segment[]>()
  private readonly images = new Map<string, ElfImage>()

  /** Counts so far, by keys as bpftrace prints them: `pid,tid,` and one line per address. */
  take(tNs: number, values: readonly (readonly [key: string, samples: number])[]): void {
    for (const pid of new Set(values.map(([key]) => Number.parseInt(key, 10)))) this.readMaps(pid)
    for (const [key, samples] of values) {
      const [pid, tid] = key.split(',', 2).map(Number)
      const addresses = [...key.matchAll(/\n\s*([0-9a-f]+)\b/g)].map(([, hex]) => Number.parseInt(hex as string, 16))
      const known = this.stacks.get(key)
      if (known !== undefined) known.samples = samples
      else this.stacks.set(key, { pid: pid ?? 0, tid: tid ?? 0, addresses, seenNs: tNs, samples })
    }
  }

  /** Returns each stack once, folded (outermost first, `;` between), with its samples. */
  tell(sink: OsSink, processes: Processes, startOf: (pid: number) => number | null): void {
    const tracks = new Map<number, number>()
    for (const { pid, tid, addresses, seenNs, samples } of this.stacks.values()) {
      let track = tracks.get(tid)
      if (track === undefined) {
        const of = { process: processes.process(pid), processStartNs: startOf(pid), thread: processes.thread(pid, tid) }
        const attrs = { source: 'bpf/cpu.bt @stacks', kind: 'instants', hz: 99 } as const
        track = sink.track({ name: 'cpu_stacks', unit: '1', ...of, device: null, attrs })
        tracks.set(tid, track)
      }
      const name = addresses
        .map((address) => this.nameOf(pid, address))
        .reverse()
        .join(';')
      sink.slice({ track, tNs: seenNs, durNs: 0, name, category: 'cpu_stack', args: { samples } })
    }
  }

  private readMaps(pid: number): void {
    const text = readOrNull(`/proc/${pid}/maps`) ?? ''
    const found = [...text.matchAll(/^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ +(\/.*)$/gm)].map(
      ([, from, to, offset, path]) => ({
        from: Number.parseInt(from as string, 16),
        to: Number.parseInt(to as string, 16),
        offset: Number.parseInt(offset as string, 16),
        path: path as string,
      }),
    )
    if (found.length > 0) this.maps.set(pid, found)
  }

  private nameOf(pid: number, address: number): string {
    const segment = this.maps.get(pid)?.find(({ from, to }) => address >= from && address < to)
    if (segment === undefined) return '[unknown]'
    let image = this.images.get(segment.path)
    if (image === undefined) {
      image = elfImage(segment.path)
      this.images.set(segment.path, image)
    }
    return functionAt(image, address - segment.from + segment.offset) ?? `[${basename(segment.path)}]`
  }
}
