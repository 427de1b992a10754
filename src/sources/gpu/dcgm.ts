import { LayerlineError } from '../../base/errors.ts'
import { fetchMetrics } from '../prometheus/metrics-page.ts'
import { type MetricSample, parseLabels, parseMetrics } from '../prometheus/parse-metrics.ts'
import { MetricsScraper, type PageTaker } from '../prometheus/scraper.ts'
import type { PreparedSource, SourceContext } from '../source.ts'
import { GpuTracks } from './gpu-tracks.ts'
import type { SmiSourceOptions } from './smi/local-smi.ts'

interface DcgmField {
  track: string
  unit: string
  scale: number
  kind: 'gauge' | 'total'
}

const MIB = 1024 * 1024
const MHZ = 1e6

/** Fields of a DCGM exporter, all in our units: its are mJ, MiB, MHz and percent. */
const DCGM_FIELDS: Readonly<Record<string, DcgmField>> = {
  DCGM_FI_DEV_GPU_UTIL: gauge('gpu_utilization_ratio', 'ratio', 0.01),
  DCGM_FI_DEV_MEM_COPY_UTIL: gauge('memory_utilization_ratio', 'ratio', 0.01),
  DCGM_FI_DEV_POWER_USAGE: gauge('power_draw_w', 'W', 1),
  DCGM_FI_DEV_POWER_USAGE_INSTANT: gauge('power_draw_instant_w', 'W', 1),
  DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION: { ...gauge('energy_j', 'J', 1e-3), kind: 'total' },
  DCGM_FI_DEV_SM_CLOCK: gauge('sm_clock_hz', 'Hz', MHZ),
  DCGM_FI_DEV_MEM_CLOCK: gauge('memory_clock_hz', 'Hz', MHZ),
  DCGM_FI_DEV_GPU_TEMP: gauge('temperature_c', 'C', 1),
  DCGM_FI_DEV_MEMORY_TEMP: gauge('memory_temperature_c', 'C', 1),
  DCGM_FI_DEV_FB_USED: gauge('memory_used_bytes', 'bytes', MIB),
  DCGM_FI_DEV_FB_FREE: gauge('memory_free_bytes', 'bytes', MIB),
  DCGM_FI_DEV_FB_RESERVED: gauge('memory_reserved_bytes', 'bytes', MIB),
  DCGM_FI_DEV_XID_ERRORS: gauge('xid_error', '1', 1),
  DCGM_FI_DEV_PSTATE: gauge('pstate', '1', 1),
  DCGM_FI_PROF_GR_ENGINE_ACTIVE: gauge('graphics_engine_active_ratio', 'ratio', 1),
  DCGM_FI_PROF_SM_ACTIVE: gauge('sm_active_ratio', 'ratio', 1),
  DCGM_FI_PROF_PIPE_TENSOR_ACTIVE: gauge('tensor_active_ratio', 'ratio', 1),
  DCGM_FI_PROF_DRAM_ACTIVE: gauge('dram_active_ratio', 'ratio', 1),
  DCGM_FI_PROF_PCIE_TX_BYTES: gauge('pcie_tx_bytes_per_s', 'bytes/s', 1),
  DCGM_FI_PROF_PCIE_RX_BYTES: gauge('pcie_rx_bytes_per_s', 'bytes/s', 1),
}

function gauge(track: string, unit: string, scale: number): DcgmField {
  return { track, unit, scale, kind: 'gauge' }
}

/** DCGM answers these for what a GPU does not have: values of its 32 and 64 bit blanks. */
const BLANK_FROM = 2_147_483_632
const BLANKS_64 = 9_223_372_036_854_775_000

const isDcgm = (name: string): boolean => Object.hasOwn(DCGM_FIELDS, name)
/** More often than this an exporter has nothing new to say. */
const LEAST_PERIOD_MS = 100

/** A DCGM exporter, asked once before a run: throws `unreachable/metrics`, `input/metrics` or `missing/gpu-device`. */
export async function prepareDcgm(url: string, options: SmiSourceOptions): Promise<PreparedSource> {
  const source = {
    url,
    what: 'the DCGM exporter',
    hint: 'is dcgm-exporter running there? its page is usually http://HOST:9400/metrics',
  }
  const page = await fetchMetrics(source)
  const samples = parseMetrics(page, isDcgm)
  if (samples.length === 0) {
    throw new LayerlineError('input/metrics', `${url}: no DCGM_FI_… metric on that page`, { hint: source.hint })
  }
  const seen = devicesOf(samples)
  const missing = options.gpus.find((each) => !seen.some(({ gpu, UUID }) => each === gpu || each === UUID))
  if (missing !== undefined) {
    const there = seen.map(deviceName).join('; ')
    throw new LayerlineError('missing/gpu-device', `${url}: no GPU ${missing}`, { hint: `there are: ${there}` })
  }
  return new MetricsScraper({
    ...source,
    label: 'gpu',
    layer: 'gpu',
    periodMs: Math.max(LEAST_PERIOD_MS, options.periodMs),
    slowsDown: true,
    begin: (context) => new DcgmPages(context, url, options.gpus),
  })
}

type Labels = Record<string, string>

function devicesOf(samples: readonly MetricSample[]): Labels[] {
  const byName = new Map(samples.map(({ labels }) => parseLabels(labels)).map((labels) => [deviceName(labels), labels]))
  return [...byName.values()]
}

/** `<index> <uuid> <name>`, and the instance where the GPU is cut into several. */
function deviceName(labels: Labels): string {
  const { gpu = '?', UUID = '', modelName = '', GPU_I_PROFILE, GPU_I_ID } = labels
  const instance = GPU_I_PROFILE ? ` MIG ${GPU_I_PROFILE} ${GPU_I_ID ?? ''}` : ''
  return `${gpu} ${UUID} ${modelName}${instance}`.trim()
}

/** One GPU, or one instance of one: the fields that its exporter shows, in the order of its first page. */
interface Device {
  tracks: GpuTracks
  names: string[]
  values: Float64Array
}

class DcgmPages implements PageTaker {
  private readonly context: SourceContext
  private readonly url: string
  private readonly gpus: readonly string[]
  private readonly devices = new Map<string, Device>()
  /** Labels are the same text on each page: whose they are is worked out once. */
  private readonly deviceByLabels = new Map<string, string | null>()

  constructor(context: SourceContext, url: string, gpus: readonly string[]) {
    this.context = context
    this.url = url
    this.gpus = gpus
  }

  page(text: string, tNs: number): void {
    const byDevice = new Map<string, { name: string; value: number; labels: string }[]>()
    for (const sample of parseMetrics(text, isDcgm)) {
      const device = this.deviceOf(sample.labels)
      if (device === null) continue
      const list = byDevice.get(device)
      if (list === undefined) byDevice.set(device, [sample])
      else list.push(sample)
    }
    for (const [name, samples] of byDevice) this.add(name, samples, tNs)
  }

  end(): void {
    for (const { tracks } of this.devices.values()) tracks.declare()
  }

  private add(name: string, samples: readonly MetricSample[], tNs: number): void {
    let device = this.devices.get(name)
    if (device === undefined) {
      device = this.makeDevice(name, samples)
      this.devices.set(name, device)
    }
    device.values.fill(Number.NaN)
    for (const { name: field, value } of samples) {
      const at = device.names.indexOf(field)
      if (at !== -1) device.values[at] = isBlank(value) ? Number.NaN : value * (DCGM_FIELDS[field]?.scale ?? 1)
    }
    device.tracks.add(tNs, device.values)
  }

  private makeDevice(device: string, samples: readonly MetricSample[]): Device {
    const names = [...new Set(samples.map(({ name }) => name))]
    const { Hostname, DCGM_FI_DRIVER_VERSION } = parseLabels(samples[0]?.labels ?? '')
    const host = Hostname ?? new URL(this.url).hostname
    const tracks = new GpuTracks(
      this.context,
      { host, device, clock: 'run' },
      names.map((name) => {
        const { track, unit, kind } = DCGM_FIELDS[name] as DcgmField
        const driver = DCGM_FI_DRIVER_VERSION === undefined ? {} : { driver: DCGM_FI_DRIVER_VERSION }
        // What time a value speaks for, the exporter does not say: at most from one of its looks to the next.
        return {
          name: track,
          unit,
          attrs: { source: `DCGM exporter ${this.url}`, field: name, kind, window_ns: null, ...driver },
        }
      }),
    )
    return { tracks, names, values: new Float64Array(names.length) }
  }

  private deviceOf(labels: string): string | null {
    const known = this.deviceByLabels.get(labels)
    if (known !== undefined) return known
    const parsed = parseLabels(labels)
    const isWanted = this.gpus.length === 0 || this.gpus.some((each) => each === parsed.gpu || each === parsed.UUID)
    const device = isWanted ? deviceName(parsed) : null
    this.deviceByLabels.set(labels, device)
    return device
  }
}

function isBlank(value: number): boolean {
  return value >= BLANKS_64 || (value >= BLANK_FROM && value < 2 ** 31)
}
