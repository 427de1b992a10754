import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readOrNull } from '../proc/cgroup.ts'
import { KeptFile, type TextFile } from '../proc/kept-file.ts'
import { LazyTrack, type Sampled, type SampleSink } from './samples.ts'

/** A part of the machine whose energy the processor counts. */
export interface RaplZone {
  /** `package-0 intel-rapl:0`: its name, and the kernel's, which says what lies within what. */
  name: string
  file: TextFile
  /** The count starts again at 0 past this, uJ. */
  rangeUj: number
}

/** Zones of this machine that may be read: since 2020 only root may, unless that was changed. */
export function localRaplZones(root = '/sys/class/powercap'): RaplZone[] {
  let entries: string[]
  try {
    entries = readdirSync(root).sort()
  } catch {
    return []
  }
  return entries.flatMap((entry) => {
    const folder = join(root, entry)
    const name = readOrNull(join(folder, 'name'))?.trim()
    if (name === undefined || readOrNull(join(folder, 'energy_uj')) === null) return []
    const rangeUj = Number(readOrNull(join(folder, 'max_energy_range_uj')) ?? Number.NaN)
    return [{ name: `${name} ${entry}`, file: new KeptFile(join(folder, 'energy_uj')), rangeUj }]
  })
}

/** Energy that a zone took since the sample before. */
export class RaplSamples implements Sampled {
  private readonly zone: RaplZone
  private readonly track: LazyTrack
  private before: number | null = null

  static of(zones: readonly RaplZone[], sink: SampleSink): RaplSamples[] {
    return zones.map((zone) => new RaplSamples(zone, sink))
  }

  private constructor(zone: RaplZone, sink: SampleSink) {
    this.zone = zone
    this.track = new LazyTrack(sink, {
      layer: 'host',
      name: 'energy_j',
      unit: 'J',
      device: zone.name,
      attrs: { role: 'machine', source: '/sys/class/powercap energy_uj', kind: 'delta', range_uj: zone.rangeUj },
    })
  }

  sample(tNs: number): void {
    const text = this.zone.file.read()?.trim() ?? ''
    const now = /^\d+$/.test(text) ? Number(text) : null
    const { before } = this
    this.before = now
    if (now === null || before === null) {
      this.track.add(tNs, null)
      return
    }
    const grown = now >= before ? now - before : now + this.zone.rangeUj - before
    this.track.add(tNs, Number.isFinite(grown) && grown >= 0 ? grown / 1e6 : null)
  }

  close(): void {
    this.zone.file.close()
  }
}
