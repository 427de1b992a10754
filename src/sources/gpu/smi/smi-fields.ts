/** One measured value of a GPU: its track, and how nvidia-smi spells it, best first. */
export interface SmiField {
  readonly track: string
  readonly unit: string
  /** nvidia-smi's number times this is the track's. */
  readonly scale: number
  readonly spellings: readonly string[]
  /**
   * The time that a value covers, up to its stamp: the window of a mean; 0 for one moment; null if the maker does not
   * document it.
   */
  readonly window: 'utilization' | 'power' | 'second' | 'moment'
}

const MIB = 1024 * 1024
const MHZ = 1e6

export const SMI_FIELDS: readonly SmiField[] = [
  field('gpu_utilization_ratio', 'ratio', 0.01, ['utilization.gpu'], 'utilization'),
  field('memory_utilization_ratio', 'ratio', 0.01, ['utilization.memory'], 'utilization'),
  field('power_draw_w', 'W', 1, ['power.draw'], 'power'),
  field('power_draw_average_w', 'W', 1, ['power.draw.average'], 'second'),
  field('power_draw_instant_w', 'W', 1, ['power.draw.instant'], 'moment'),
  field('power_limit_w', 'W', 1, ['enforced.power.limit', 'power.limit'], 'moment'),
  field('sm_clock_hz', 'Hz', MHZ, ['clocks.current.sm', 'clocks.sm'], 'moment'),
  field('memory_clock_hz', 'Hz', MHZ, ['clocks.current.memory', 'clocks.mem'], 'moment'),
  field('temperature_c', 'C', 1, ['temperature.gpu'], 'moment'),
  field('memory_temperature_c', 'C', 1, ['temperature.memory'], 'moment'),
  field('memory_used_bytes', 'bytes', MIB, ['memory.used'], 'moment'),
  field('memory_total_bytes', 'bytes', MIB, ['memory.total'], 'moment'),
  field('pstate', '1', 1, ['pstate'], 'moment'),
  field('clocks_event_reasons', '1', 1, ['clocks_event_reasons.active', 'clocks_throttle_reasons.active'], 'moment'),
]

function field(
  track: string,
  unit: string,
  scale: number,
  spellings: readonly string[],
  window: SmiField['window'],
): SmiField {
  return { track, unit, scale, spellings, window }
}

/** A field as it will be asked for. */
export interface ChosenField extends SmiField {
  readonly spelling: string
}

/** Names in the text of `--help-query-gpu`: lines of one or several names in quotes. */
export function offeredFields(help: string): Set<string> {
  const names = new Set<string>()
  for (const line of help.split('\n')) {
    if (!/^\s*"[^"]+"(\s+or\s+"[^"]+")*\s*$/.test(line)) continue
    for (const [, name = ''] of line.matchAll(/"([^"]+)"/g)) names.add(name)
  }
  return names
}

/**
 * What this driver can be asked. If the help names nothing, its format is unknown: then the fields are used that every
 * driver since 2013 has.
 */
export function chooseFields(help: string): ChosenField[] {
  const offered = offeredFields(help)
  const isOffered = (name: string): boolean => (offered.size === 0 ? OLDEST.has(name) : offered.has(name))
  return SMI_FIELDS.flatMap((each) => {
    const spelling = each.spellings.find(isOffered)
    return spelling === undefined ? [] : [{ ...each, spelling }]
  })
}

const OLDEST: ReadonlySet<string> = new Set([
  'utilization.gpu',
  'utilization.memory',
  'power.draw',
  'power.limit',
  'clocks.sm',
  'clocks.mem',
  'temperature.gpu',
  'memory.used',
  'memory.total',
  'pstate',
])

/** GPUs whose power sensor shows the moment, not the second: NVIDIA's notes on `power.draw` except GA100 from Ampere on. */
const MOMENT_POWER = /\b(A100|A800|A30|V100|P100|P40|P4|T4|K80|M60|M40|RTX (20|[4-8]000\b(?! Ada))|GTX|TITAN)/i
/** GPUs whose sensor was found to look a quarter of the time only (arXiv 2312.02741). */
const PART_TIME_POWER = /\b(A100|A800|A30|H100|H200|H800|GH200)\b/i

/** The window of a field on a GPU, for `tracks.attrs`; `least` where it lies between two values. */
export function windowOf(window: SmiField['window'], gpuName: string): Record<string, number> {
  if (window === 'utilization') return { window_ns: 1e9, window_least_ns: 166_666_667 }
  if (window === 'second') return { window_ns: 1e9 }
  if (window === 'moment') return { window_ns: 0 }
  const coverage: Record<string, number> = PART_TIME_POWER.test(gpuName) ? { sensor_coverage: 0.25 } : {}
  return { window_ns: MOMENT_POWER.test(gpuName) ? 0 : 1e9, uncertainty_w: 5, ...coverage }
}

/** The arguments of a sampling nvidia-smi; the first two columns are the time and whose line it is. */
export function samplerArguments(
  fields: readonly ChosenField[],
  options: { periodMs: number; gpus: readonly string[] },
): string[] {
  return [
    `--query-gpu=${['timestamp', 'uuid', ...fields.map(({ spelling }) => spelling)].join(',')}`,
    '--format=csv,noheader,nounits',
    `--loop-ms=${options.periodMs}`,
    ...(options.gpus.length === 0 ? [] : ['-i', options.gpus.join(',')]),
  ]
}
