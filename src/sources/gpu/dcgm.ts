import { LayerlineError } from '../../base/errors.ts'
import { safeUrl } from '../../config/without-secrets.ts'
import { fetchMetrics } from '../prometheus/metrics-page.ts'
import { type MetricSample, parseLabels, parseMetrics } from '../prometheus/parse-metrics.ts'
import { MetricsScraper, type PageTaker } from '../prometheus/scraper.ts'
import { whatPage } from '../prometheus/what-page.ts'
import type { PreparedSource, SourceContext } from '../source.ts'
import { RejectedValues } from '../value-limits.ts'
import type { GpuSourceOptions } from './gpu-options.ts'
import { GpuTracks } from './gpu-tracks.ts'

interface DcgmField {
  track: string
  unit: string
  scale: number
  kind: 'gauge' | 'total'
}

const MIB = 1024 * 1024
const MHZ = 1e6

/** Fields of a DCGM exporter, converted to the tracks' units: its own are mJ, MiB, MHz and percent. */
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

/** Names of exporters before 2.0, and what they are called now. */
const RETIRED: Readonly<Record<string, string>> = {
  dcgm_gpu_utilization: 'DCGM_FI_DEV_GPU_UTIL',
  dcgm_mem_copy_utilization: 'DCGM_FI_DEV_MEM_COPY_UTIL',
  dcgm_power_usage: 'DCGM_FI_DEV_POWER_USAGE',
  dcgm_total_energy_consumption: 'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION',
  dcgm_sm_clock: 'DCGM_FI_DEV_SM_CLOCK',
  dcgm_memory_clock: 'DCGM_FI_DEV_MEM_CLOCK',
  dcgm_gpu_temp: 'DCGM_FI_DEV_GPU_TEMP',
  dcgm_memory_temp: 'DCGM_FI_DEV_MEMORY_TEMP',
  dcgm_fb_used: 'DCGM_FI_DEV_FB_USED',
  dcgm_fb_free: 'DCGM_FI_DEV_FB_FREE',
  dcgm_xid_errors: 'DCGM_FI_DEV_XID_ERRORS',
}

function gauge(track: string, unit: string, scale: number): DcgmField {
  return { track, unit, scale, kind: 'gauge' }
}

const isDcgm = (name: string): boolean => Object.hasOwn(DCGM_FIELDS, name) || Object.hasOwn(RETIRED, name)
/** An exporter has new values at most this often. */
const LEAST_PERIOD_MS = 100

/** A DCGM exporter, asked once before a run: throws `unreachable/metrics`, `input/metrics` or `missing/gpu-device`. */
export async function prepareDcgm(url: string, options: GpuSourceOptions): Promise<PreparedSource> {
  const source = {
    url,
    what: 'the DCGM exporter',
    hint: 'is dcgm-exporter running there? its page is usually http://HOST:9400/metrics',
  }
  const page = await fetchMetrics(source)
  const samples = parseMetrics(page, isDcgm)
  if (samples.length === 0) {
    throw new LayerlineError('input/metrics', `${safeUrl(url)}: no DCGM_FI_… metric on that page; ${whatPage(page)}`, {
      hint: source.hint,
    })
  }
  const seen = devicesOf(samples)
  const missing = options.gpus.find((each) => !seen.some((labels) => isNamed(labels, each)))
  if (missing !== undefined) {
    const there = seen.map(deviceName).join('; ')
    throw new LayerlineError('missing/gpu-device', `${safeUrl(url)}: no GPU ${missing}`, {
      hint: `there are: ${there}`,
    })
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
  const { gpu = labels.minor_number ?? '?', modelName = labels.model_name ?? '', GPU_I_PROFILE, GPU_I_ID } = labels
  const instance = GPU_I_PROFILE ? ` MIG ${GPU_I_PROFILE} ${GPU_I_ID ?? ''}` : ''
  return `${gpu} ${uuidOf(labels)} ${modelName}${instance}`.trim()
}

function uuidOf({ UUID, uuid }: Labels): string {
  return UUID ?? uuid ?? ''
}

function isNamed(labels: Labels, each: string): boolean {
  return each === labels.gpu || each === uuidOf(labels)
}

/** One GPU, or one instance of one: the fields that its exporter has shown, in the order of their first page. */
interface Device {
  tracks: GpuTracks
  names: string[]
  values: Float64Array
  driver: string | undefined
}

/** Exporters in clusters add labels that change with what runs on a GPU. */
const MOST_LABELS = 10_000

class DcgmPages implements PageTaker {
  private readonly context: SourceContext
  private readonly url: string
  private readonly gpus: readonly string[]
  private readonly devices = new Map<string, Device>()
  /** Labels have the same text on each page: which GPU they belong to is determined once. */
  private readonly deviceByLabels = new Map<string, string | null>()
  private readonly rejected = new Map<string, RejectedValues>()

  constructor(context: SourceContext, url: string, gpus: readonly string[]) {
    this.context = context
    this.url = url
    this.gpus = gpus
  }

  page(text: string, tNs: number): number {
    let taken = 0
    const byDevice = new Map<string, MetricSample[]>()
    for (const sample of parseMetrics(text, isDcgm)) {
      const device = this.deviceOf(sample.labels)
      if (device === null) continue
      taken++
      const list = byDevice.get(device)
      if (list === undefined) byDevice.set(device, [sample])
      else list.push(sample)
    }
    for (const [name, samples] of byDevice) this.add(name, samples, tNs)
    return taken
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
    for (const { name: said } of samples) this.extend(device, RETIRED[said] ?? said)
    device.values.fill(Number.NaN)
    for (const { name: said, value } of samples) {
      const at = device.names.indexOf(RETIRED[said] ?? said)
      // Of two names of a field, or a GPU that several containers share, the first is taken.
      if (Number.isNaN(device.values[at])) device.values[at] = value
    }
    device.tracks.add(tNs, device.values)
  }

  /** A field that the exporter shows for the first time is recorded from then on. */
  private extend(device: Device, name: string): void {
    if (device.names.includes(name)) return
    const { track, unit, scale, kind } = DCGM_FIELDS[name] as DcgmField
    const driver = device.driver === undefined ? {} : { driver: device.driver }
    device.names.push(name)
    device.values = new Float64Array(device.names.length)
    // The exporter does not report what time a value covers: at most the time between two of its samples.
    device.tracks.extend({
      name: track,
      unit,
      scale,
      attrs: { source: `DCGM exporter ${safeUrl(this.url)}`, field: name, kind, window_ns: null, ...driver },
    })
  }

  private makeDevice(device: string, samples: readonly MetricSample[]): Device {
    const labels = parseLabels(samples[0]?.labels ?? '')
    const host = labels.Hostname ?? labels.hostname ?? new URL(this.url).hostname
    let rejected = this.rejected.get(host)
    if (rejected === undefined) {
      rejected = new RejectedValues(this.context, {
        layer: 'gpu',
        host,
        source: `DCGM exporter ${safeUrl(this.url)}`,
        clock: 'run',
      })
      this.rejected.set(host, rejected)
    }
    return {
      tracks: new GpuTracks(this.context, { host, device, clock: 'run', rejected }, []),
      names: [],
      values: new Float64Array(0),
      driver: labels.DCGM_FI_DRIVER_VERSION,
    }
  }

  private deviceOf(labels: string): string | null {
    const known = this.deviceByLabels.get(labels)
    if (known !== undefined) return known
    const parsed = parseLabels(labels)
    const isWanted = this.gpus.length === 0 || this.gpus.some((each) => isNamed(parsed, each))
    const device = isWanted ? deviceName(parsed) : null
    if (this.deviceByLabels.size < MOST_LABELS) this.deviceByLabels.set(labels, device)
    return device
  }
}
