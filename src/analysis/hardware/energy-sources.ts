import { POWER_TRACKS } from '../../trace/gpu-power.ts'
import { resolutionNs, type Sensor } from './sensors.ts'

/** How a track tells of energy: power at a time, energy since the sample before, or since a beginning. */
export type EnergyKind = 'gauge' | 'delta' | 'counter'

export interface EnergySource {
  sensor: Sensor
  kind: EnergyKind
}

/** Of devices of one kind: GPUs, or the processors of a host. Each device once. */
export interface EnergyScope {
  scope: 'gpu' | 'host'
  sources: EnergySource[]
}

const POWER_GAUGES: ReadonlySet<string> = new Set(POWER_TRACKS)

/**
 * The sources of energy figures. On each GPU, its energy counter; without one (or if it does not change), the power
 * gauge of the finest resolution and, of two alike, of the longer window, which misses less between samples. On hosts,
 * the processor's own counters, packages and memory.
 */
export function energyScopes(sensors: readonly Sensor[]): EnergyScope[] {
  const gpus = new Map<string, Sensor[]>()
  for (const sensor of sensors) {
    if (sensor.layer !== 'gpu' || sensor.n < 2) continue
    const key = JSON.stringify([sensor.host, sensor.device])
    gpus.set(key, [...(gpus.get(key) ?? []), sensor])
  }
  const gpu = [...gpus.values()].flatMap((tracks) => bestOf(tracks) ?? [])
  const host = hostCounters(sensors.filter(({ layer, name, n }) => layer === 'host' && name === 'energy_j' && n > 0))
  return [
    ...(gpu.length === 0 ? [] : [{ scope: 'gpu' as const, sources: gpu }]),
    ...(host.length === 0 ? [] : [{ scope: 'host' as const, sources: host }]),
  ]
}

function bestOf(tracks: readonly Sensor[]): EnergySource | null {
  const counter = tracks.find(({ name, moves }) => name === 'energy_j' && moves)
  if (counter !== undefined) return { sensor: counter, kind: counter.kind === 'delta' ? 'delta' : 'counter' }
  const [gauge] = tracks
    .filter(({ name }) => POWER_GAUGES.has(name))
    .sort((a, b) => resolutionNs(a) - resolutionNs(b) || (b.window_ns ?? 0) - (a.window_ns ?? 0))
  return gauge === undefined ? null : { sensor: gauge, kind: 'gauge' }
}

/** `package-0 intel-rapl:0`: zones that lie in no other. Some processors show a package twice, by two interfaces. */
function hostCounters(sensors: readonly Sensor[]): EnergySource[] {
  const moving = sensors.filter(({ moves }) => moves)
  const named = (pattern: RegExp) => moving.filter(({ device }) => pattern.test(device ?? ''))
  const direct = named(/^package(?!.*mmio)/)
  const packages = direct.length > 0 ? direct : named(/^package/)
  const whole = packages.length > 0 ? packages : named(/^psys/)
  const memory = packages.length > 0 ? named(/^dram(?!.*mmio)/) : []
  const chosen = whole.length > 0 ? [...whole, ...memory] : moving.filter(({ device }) => device === null)
  return chosen.map((sensor) => ({ sensor, kind: sensor.kind === 'delta' ? 'delta' : 'counter' }))
}
