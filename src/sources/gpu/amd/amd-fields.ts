/** A quantity of an AMD GPU: its track, and how amd-smi and rocm-smi spell it, best first. */
export interface AmdField {
  readonly track: string
  readonly unit: string
  /** What a number without a unit counts, in the track's unit. */
  readonly scale: number
  /** amd-smi's name is the key that its CSV has; rocm-smi's is a sentence. */
  readonly spellings: readonly string[]
  readonly kind?: 'total'
}

const MIB = 1024 * 1024
const MHZ = 1e6

export const AMD_FIELDS: readonly AmdField[] = [
  { track: 'gpu_utilization_ratio', unit: 'ratio', scale: 0.01, spellings: ['gfx_activity', 'GPU use (%)'] },
  {
    track: 'memory_utilization_ratio',
    unit: 'ratio',
    scale: 0.01,
    spellings: ['umc_activity', 'GPU Memory Read/Write Activity (%)'],
  },
  {
    // Whether it is of the moment or a mean depends on the GPU, and the tools do not say.
    track: 'power_draw_w',
    unit: 'W',
    scale: 1,
    spellings: ['socket_power', 'Current Socket Graphics Package Power (W)', 'Average Graphics Package Power (W)'],
  },
  { track: 'energy_j', unit: 'J', scale: 1, spellings: ['total_energy_consumption'], kind: 'total' },
  { track: 'sm_clock_hz', unit: 'Hz', scale: MHZ, spellings: ['gfx_0_clk', 'gfx_clk', 'sclk clock speed:'] },
  { track: 'memory_clock_hz', unit: 'Hz', scale: MHZ, spellings: ['mem_0_clk', 'mem_clk', 'mclk clock speed:'] },
  {
    track: 'temperature_c',
    unit: 'C',
    scale: 1,
    spellings: ['edge', 'hotspot', 'Temperature (Sensor edge) (C)', 'Temperature (Sensor junction) (C)'],
  },
  {
    track: 'memory_temperature_c',
    unit: 'C',
    scale: 1,
    spellings: ['mem', 'Temperature (Sensor memory) (C)'],
  },
  // What AMD calls MB is 2^20 bytes: 192 GiB are 196592 of them.
  { track: 'memory_used_bytes', unit: 'bytes', scale: MIB, spellings: ['used_vram'] },
  { track: 'memory_total_bytes', unit: 'bytes', scale: MIB, spellings: ['total_vram'] },
  { track: 'memory_used_bytes', unit: 'bytes', scale: 1, spellings: ['VRAM Total Used Memory (B)'] },
  { track: 'memory_total_bytes', unit: 'bytes', scale: 1, spellings: ['VRAM Total Memory (B)'] },
]

/** What amd-smi's JSON writes beside a number, in the unit of our tracks. */
const UNITS: Readonly<Record<string, number>> = {
  '%': 0.01,
  W: 1,
  mW: 1e-3,
  J: 1,
  mJ: 1e-3,
  uJ: 1e-6,
  C: 1,
  MHz: MHZ,
  KB: 1024,
  MB: MIB,
  GB: 1024 * MIB,
}

/** `N/A`, `N/A (Secondary die)` and empty cells mean no value: NaN. */
function numberIn(text: string): number {
  const match = /^\(?\s*(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(?:%|[A-Za-z]+)?\s*\)?$/i.exec(text.trim())
  return match === null ? Number.NaN : Number(match[1])
}

/** A field's value in a record, in the unit of its track; NaN where it has none. */
export function amdValue({ spellings, scale }: AmdField, record: AmdRecord): number {
  for (const name of spellings) {
    const cell = record.values.get(name)
    if (cell === undefined) continue
    const value = numberIn(cell.text)
    if (!Number.isNaN(value)) return value * (cell.unit === null ? scale : (UNITS[cell.unit] ?? scale))
  }
  return Number.NaN
}

/** What a tool printed of one GPU at one time. */
export interface AmdRecord {
  readonly gpu: number
  readonly values: ReadonlyMap<string, { readonly text: string; readonly unit: string | null }>
}
