import type { LiveFigures } from '../../../session/live/live-figures.ts'
import type { Hue } from './palette.ts'
import { shortBytes, shortCount, shortDuration, shortNumber, shortShare } from './short.ts'

/** One chart's line: what it shows, and how. */
export interface SeriesSpec {
  readonly title: string
  readonly hue: Hue
  /** NaN where there is no value. */
  readonly value: (figures: LiveFigures) => number
  readonly text: (value: number) => string
  /** Where several samples share a place: their mean, or the highest, so that no peak is lost. */
  readonly fold: 'mean' | 'max'
  /** The top of the axis, where it is known. */
  readonly top?: number
  /** Optional: no chart of it before there is a value. The others have their places from the start. */
  readonly optional?: true
  /** From here on it is painted as a warning, and as bad. */
  readonly warn?: number
  readonly bad?: number
}

const MS = 1e6
const none = (value: number | null | undefined): number => value ?? Number.NaN

function latency(
  title: string,
  value: (figures: LiveFigures) => number,
  limits: { warn?: number; bad?: number } = {},
): SeriesSpec {
  return { title, hue: 'latency', value, text: shortDuration, fold: 'max', ...limits }
}

function share(
  title: string,
  value: (figures: LiveFigures) => number,
  limits: { warn?: number; bad?: number } = {},
): SeriesSpec {
  return { title, hue: 'machine', value, text: shortShare, fold: 'mean', top: 1, optional: true, ...limits }
}

function rate(title: string, hue: Hue, value: (figures: LiveFigures) => number): SeriesSpec {
  return { title, hue, value, text: shortNumber, fold: 'mean', ...(hue === 'machine' ? { optional: true } : {}) }
}

/** Reading speed is some ten tokens a second: slower than that is felt, slower than four is bad. */
const TOKEN_LIMITS = { warn: 100 * MS, bad: 250 * MS }
/** What a send that is late adds to each latency counted from its schedule. */
const LAG_LIMITS = { warn: 2 * MS, bad: 10 * MS }

export const SERIES = {
  requests: rate('requests/s', 'flow', ({ rates }) => rates.okPerS),
  output: rate('output tokens/s', 'tokens', ({ rates }) => rates.outputTokensPerS),
  input: rate('input tokens/s', 'tokens', ({ rates }) => rates.inputTokensPerS),
  failed: {
    ...rate('failures/s', 'flow', ({ rates, requests }) => (requests.failed === 0 ? Number.NaN : rates.failedPerS)),
    warn: 1e-9,
    optional: true,
  },
  inFlight: { ...rate('in flight', 'flow', ({ requests }) => requests.inFlight), text: shortCount },
  tx: { ...rate('TX request bodies/s', 'flow', ({ rates }) => rates.txBytesPerS), text: shortBytes },
  rx: { ...rate('RX stream bytes/s', 'flow', ({ rates }) => rates.rxBytesPerS), text: shortBytes },
  ttft50: latency('TTFT p50', ({ latency }) => latency.ttft.recent.p50Ns),
  ttft95: latency('TTFT p95', ({ latency }) => latency.ttft.recent.p95Ns, { warn: 1000 * MS, bad: 5000 * MS }),
  ttft99: latency('TTFT p99', ({ latency }) => latency.ttft.recent.p99Ns, { warn: 1000 * MS, bad: 5000 * MS }),
  tpot95: latency('TPOT p95', ({ latency }) => latency.tpot.recent.p95Ns, TOKEN_LIMITS),
  itl95: latency('ITL p95', ({ latency }) => latency.itl.recent.p95Ns, TOKEN_LIMITS),
  itl99: latency('ITL p99', ({ latency }) => latency.itl.recent.p99Ns, TOKEN_LIMITS),
  e2e50: latency('E2E p50', ({ latency }) => latency.e2e.recent.p50Ns),
  e2e95: latency('E2E p95', ({ latency }) => latency.e2e.recent.p95Ns),
  e2e99: latency('E2E p99', ({ latency }) => latency.e2e.recent.p99Ns),
  lag99: latency('send lag p99', ({ latency }) => latency.lag.recent.p99Ns, LAG_LIMITS),
  running: { ...rate('server running', 'machine', ({ server }) => none(server.running)), text: shortCount },
  waiting: { ...rate('server queue', 'machine', ({ server }) => none(server.waiting)), text: shortCount, warn: 1 },
  kvCache: share('KV cache', ({ server }) => none(server.kvCacheRatio), { warn: 0.85, bad: 0.95 }),
  gpu: share('GPU busy', ({ gpus }) => mean(gpus.map((gpu) => gpu.utilizationRatio))),
  gpuPower: { ...rate('GPU power', 'machine', ({ gpus }) => total(gpus.map((gpu) => gpu.powerW))), text: watts },
  gpuMemory: {
    ...rate('GPU memory', 'machine', ({ gpus }) => total(gpus.map((gpu) => gpu.memoryUsedBytes))),
    text: shortBytes,
  },
  cpu: share('CPU busy', ({ hosts }) => most(hosts.map((host) => host.cpuBusyRatio)), { warn: 0.85, bad: 0.97 }),
  cpuPower: { ...rate('CPU power', 'machine', ({ hosts }) => total(hosts.map((host) => host.powerW))), text: watts },
  clientCores: { ...rate('client cores', 'machine', ({ client }) => none(client.cores)), warn: 0.9 },
  loopDelay: {
    ...latency('client loop p99', ({ client }) => none(client.loopDelayP99Ns), { warn: 5 * MS, bad: 20 * MS }),
    optional: true,
  },
} as const satisfies Record<string, SeriesSpec>

export type SeriesName = keyof typeof SERIES

/** One row of the table; the compiler would else see each entry as a type of its own. */
export function seriesOf(name: SeriesName): SeriesSpec {
  return SERIES[name]
}

function watts(value: number): string {
  return Number.isFinite(value) ? `${shortCount(value)}W` : shortNumber(value)
}

function known(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null)
}

function total(values: readonly (number | null)[]): number {
  const there = known(values)
  return there.length === 0 ? Number.NaN : there.reduce((sum, value) => sum + value, 0)
}

function mean(values: readonly (number | null)[]): number {
  return total(values) / known(values).length
}

function most(values: readonly (number | null)[]): number {
  const there = known(values)
  return there.length === 0 ? Number.NaN : Math.max(...there)
}
