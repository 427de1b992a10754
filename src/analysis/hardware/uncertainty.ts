import type { EnergyKind } from './energy-sources.ts'
import { resolutionNs, type Sensor } from './sensors.ts'

/** A value and limits that should hold it: see docs/metrics.md for what they cover. */
export interface Estimate {
  value: number
  low: number
  high: number
}

/** NVIDIA's statement of how far a GPU's power may be off, where the track says nothing else. */
const GPU_ACCURACY_W = 5
const Z975 = 1.959963985

/** Of all sources of a scope together: the worst sensor's times, and how power moved. */
export interface PowerNoise {
  /** Calibration, per device, W. */
  accuracyW: number
  /** What sensor and samples smear an edge over, ns: a sensor's window, and the time between two values of it. */
  windowNs: number
  spacingNs: number
  /** How late a new value may be noticed. */
  periodNs: number
  clockNs: number
  /** Share of the time that is seen at all. */
  seen: number
  /** All devices together, W: how far apart power's 5 % and 95 % quantiles are, and the deviation of neighbouring values. */
  swingW: number
  deviationW: number
}

export function powerNoise(
  sources: readonly { sensor: Sensor; kind: EnergyKind }[],
  devices: readonly { swingW: number; deviationW: number }[],
): PowerNoise {
  const most = (of: (source: (typeof sources)[number]) => number) => Math.max(0, ...sources.map(of))
  const spacing = ({ sensor }: (typeof sources)[number]) => Math.max(sensor.update_ns, sensor.period_ns)
  const window = ({ sensor, kind }: (typeof sources)[number]) =>
    kind === 'gauge' ? (sensor.window_ns ?? sensor.period_ns) : sensor.update_ns
  const seen = (source: (typeof sources)[number]) =>
    (source.sensor.sensor_coverage ?? 1) *
    (source.kind === 'gauge' ? Math.min(1, window(source) / Math.max(1, spacing(source))) : 1)
  return {
    accuracyW: most(({ sensor }) => sensor.uncertainty_w ?? (sensor.layer === 'gpu' ? GPU_ACCURACY_W : 0)),
    windowNs: most(window),
    // Between two readings of a counter nothing is missed.
    spacingNs: most((source) => (source.kind === 'gauge' ? spacing(source) : 0)),
    periodNs: most(({ sensor }) => sensor.period_ns),
    clockNs: most(({ sensor }) => sensor.clock_uncertainty_ns),
    seen: Math.min(1, ...sources.map(seen)),
    swingW: devices.reduce((sum, { swingW }) => sum + swingW, 0),
    deviationW: Math.sqrt(devices.reduce((sum, { deviationW }) => sum + deviationW ** 2, 0)),
  }
}

/** Parts of the time that an energy belongs to. */
export interface TimeParts {
  /** All devices together, s. */
  deviceSeconds: number
  /** Without counting devices twice, s. */
  seconds: number
  /** The sum, over the moments at which its share of the time changes, of the change, and of its square. A lone request: 2 and 2. */
  edges: number
  edgeSquares: number
}

/**
 * Half the width of an energy's interval, J. Errors that always go one way are added: calibration; power smeared over edges by the sensor's window w
 * and by lines drawn over the spacing s of its values (a step P leaks P w/8 and P s/6); the clock. Those that go either way are added in
 * quadrature, 1.96 of them: when a value was new (uniform over a period) and what happened while the sensor did not look.
 */
export function energyHalfWidth(noise: PowerNoise, parts: TimeParts): number {
  const smeared = noise.swingW * parts.edges * ((noise.windowNs / 8 + noise.spacingNs / 6 + noise.clockNs / 2) / 1e9)
  const noticed = (noise.swingW ** 2 * parts.edgeSquares * (noise.periodNs / 1e9) ** 2) / 12
  const cell = Math.max(noise.spacingNs, noise.windowNs) / 1e9
  const unseen = noise.deviationW ** 2 * parts.seconds * cell * (1 - noise.seen)
  return noise.accuracyW * parts.deviceSeconds + smeared + Z975 * Math.sqrt(noticed + unseen)
}

export function estimate(value: number, half: number): Estimate {
  return { value, low: Math.max(0, value - half), high: value + half }
}

/** An energy over less time than this many resolutions of its sensor says nothing. */
export const WINDOWS_NEEDED = 10

/** The time under which an energy is refused, s. */
export function secondsNeeded(sources: readonly { sensor: Sensor }[]): number {
  return (WINDOWS_NEEDED * Math.max(0, ...sources.map(({ sensor }) => resolutionNs(sensor)))) / 1e9
}

/** Passes over the prompts until the shortest takes `needed` seconds in all. */
export function repeatsNeeded(needed: number, shortestSeconds: number): number {
  return Math.max(1, Math.ceil(needed / shortestSeconds - 1e-9))
}
